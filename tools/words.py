"""Tells which sentences of the portal the Chinese catalogues lack, and which they have that nothing says any more: `python tools/words.py [--check]`.

Sentences are what templates and code pass to `_`, `say`, `toast`, `count`; the menu; what scripts say; what the handbook's tables say; the values of
enumerations that pages show; the sentences of every problem a reader may meet, and the reasons written into them.
"""

import ast
import importlib
import json
import pkgutil
import re
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

from babel.messages.extract import extract_from_dir

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

import wutong  # noqa: E402
from wutong.compute.billing.ladder_rules import Notice, NoticeKind  # noqa: E402
from wutong.kit import clock  # noqa: E402
from wutong.kit.errors import Problem  # noqa: E402
from wutong.web import menu, words  # noqa: E402
from wutong.web.help import facts  # noqa: E402

WEB = ROOT / "src" / "wutong" / "web"
KEYWORDS = {"_": None, "say": None, "toast": None, "count": (1, 2), "Sentence": None}
METHODS = [("templates/**.html", "jinja2"), ("**.py", "python")]
OPTIONS = {"templates/**.html": {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false", "extensions": "jinja2.ext.do"}}
# Rooms whose problems are read by whoever keeps the machine, in a terminal.
IN_TERMINALS = ("wutong.app", "wutong.cli", "wutong.sdk", "wutong.centre.engines.slurm.lab", "wutong.kit.postgres", "wutong.kit.pgprocess")


def said() -> set[str]:
    """Return every sentence the portal may say, in English."""
    found = {text for _, _, message, _, _ in extract_from_dir(str(WEB), METHODS, OPTIONS, KEYWORDS) for text in _texts(message)}
    found |= {item.title for item in (*menu.VISITOR, *menu.TENANT, *menu.CENTRE)}
    found |= facts.sentences()
    found |= set(json.loads((ROOT / "frontend" / "words.json").read_text()).values())
    _load()
    found |= {problem.message for problem in _problems()}
    found |= {Notice("", "", person, kind, 0, "", None, 0, clock.now()).message for kind in NoticeKind for person in (None, "somebody")}
    found |= set(_reasons()) | {f"{words.FIELD}{name}" for name in _fields()}
    found |= {str(member.value) for enumeration in words.shown() for member in enumeration if issubclass(enumeration, Enum)}
    return {text for text in found if re.search("[A-Za-z]{2}", re.sub(r"\{[^}]*\}", "", text))}


def _texts(message: object) -> tuple[str, ...]:
    return tuple(text for text in (message if isinstance(message, tuple) else (message,)) if isinstance(text, str) and text)


def _load() -> None:
    for module in pkgutil.walk_packages(wutong.__path__, "wutong."):
        if "migrations" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def _problems(of: type[Problem] = Problem) -> Iterator[type[Problem]]:
    for problem in of.__subclasses__():
        if not problem.__module__.startswith(IN_TERMINALS):
            yield problem
        yield from _problems(problem)
    if of is Problem:
        yield of


def _fields() -> Iterator[str]:
    """Yield the names of fields that a problem may be about."""
    for node in _code():
        given = [(node.arg, node.value)] if isinstance(node, ast.keyword) else []
        if isinstance(node, ast.arguments):
            given = [(each.arg, default) for each, default in zip(node.kwonlyargs, node.kw_defaults, strict=True)]
        for name, value in given:
            if name == "field" and isinstance(value, ast.Constant) and re.fullmatch(r"[a-z_.]*[a-z]", str(value.value)):
                yield str(value.value)


def _reasons() -> Iterator[str]:
    """Yield the plain sentences given as the reason of a problem."""
    for node in _code():
        named = isinstance(node, ast.keyword) and node.arg in ("reason", "hint", "what", "why") and isinstance(node.value, ast.Constant)
        if named and isinstance(node.value.value, str):
            yield node.value.value


def _code() -> Iterator[ast.AST]:
    """Yield the code of all that a reader of pages may meet."""
    for path in sorted((ROOT / "src" / "wutong").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
        if not name.startswith(IN_TERMINALS) and "engines" not in path.parts:
            yield from ast.walk(ast.parse(path.read_text()))


def main() -> int:
    """Print what is missing, which with `--check` is a failure; without it also what nothing says by itself (reasons that are told again stay)."""
    wanted = said()
    lacking = 0
    for language in words.LANGUAGES:
        has = wanted if language == "en" else set(words.words_of(language).catalogue)
        for text in sorted(wanted - has):
            print(f"{language} lacks: {text!r}")
            lacking += 1
        for text in sorted(has - wanted) if "--check" not in sys.argv else ():
            print(f"{language} has, and nothing says by itself: {text!r}")
    return 1 if lacking and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
