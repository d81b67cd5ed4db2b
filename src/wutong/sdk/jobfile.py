"""A job file: the request of a job as YAML or TOML. Read with care, since it is anybody's text, and written so that people like to read it."""

import tomllib
from collections.abc import Mapping
from typing import Any

import yaml
from pydantic import ValidationError

from wutong.sdk.jobs import JobRequest
from wutong.sdk.wire import in_words

MAX_BYTES = 192 * 1024
_FIRST = ("name", "command", "code", "environment", "flavour", "datasets", "models", "time_limit_s")


class BadJobFile(ValueError):
    """The text is no job; `wrong` says each fault in a sentence of its own."""

    def __init__(self, *wrong: str) -> None:
        self.wrong = wrong
        super().__init__(" ".join(wrong))


def read_fields(text: str, *, toml: bool = False) -> dict[str, Any]:
    """Return what the text says as plain fields; raises `BadJobFile`."""
    if len(text.encode()) > MAX_BYTES:
        raise BadJobFile(f"A job file has at most {MAX_BYTES // 1024} KiB.")
    try:
        fields = tomllib.loads(text) if toml else yaml.load(text, _Plain)  # noqa: S506 - a safe loader
    except (tomllib.TOMLDecodeError, yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadJobFile(f"This is not valid {'TOML' if toml else 'YAML'}: {_first_line(error)}") from None
    if not isinstance(fields, dict) or not all(isinstance(name, str) for name in fields):
        raise BadJobFile("A job file holds fields such as `name:` and `command:`.")
    return fields


def parse(fields: Mapping[str, Any]) -> JobRequest:
    """Return the request that the fields make; raises `BadJobFile` with every field that is wrong."""
    try:
        return JobRequest(**fields)
    except ValidationError as error:
        issues = error.errors(include_url=False, include_input=False)
        raise BadJobFile(*(f"{'.'.join(str(part) for part in issue['loc'])}: {in_words(issue)}." for issue in issues)) from None


def write(request: JobRequest) -> str:
    """Return the request as YAML, without what is as it would be anyway."""
    said = request.model_dump(mode="json", exclude_defaults=True)
    fields = {name: said.pop(name) for name in _FIRST if name in said} | said
    return yaml.dump(fields, Dumper=_Readable, sort_keys=False, allow_unicode=True, width=100)


class _Plain(yaml.SafeLoader):
    """YAML without aliases: a few lines of them can stand for more than any memory holds."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse an alias where one stands."""
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.YAMLError("write it out instead of using *aliases")
        return super().compose_node(parent, index)


_ODD_ENDS = frozenset("\x85\u2028\u2029")


class _Readable(yaml.SafeDumper):
    """YAML in which a text of several lines stands as such."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    lines = "\n" in text and all(line == line.rstrip() for line in text.split("\n"))
    # YAML's other line ends would be read again as blanks unless they are written as escapes.
    style = '"' if _ODD_ENDS.intersection(text) else "|" if lines else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Readable.add_representer(str, _text)


def _first_line(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f" (line {mark.line + 1})" if mark is not None else ""
    what = getattr(error, "problem", None) or (str(error).splitlines() or ["it cannot be read"])[0]
    return f"{str(what)[:200]}{where}."
