"""The built front end: names with their content's hash, so that browsers keep files for ever and never use an old one."""

import base64
import functools
import hashlib
import json
import os
from pathlib import Path

from wutong.kit.errors import Problem

FOLDER = Path(__file__).parent / "static" / "built"
URL = "/static/"
_MANIFEST = str(FOLDER / "manifest.json")


class NotBuilt(Problem):
    """The front end was not built."""

    code = "front_end_not_built"
    status = 500
    message = "The portal's front end is not built. Run make setup."


def url_of(name: str) -> str:
    """Return the address of a built file by its plain name, such as portal.css."""
    try:
        return URL + manifest()[name]
    except KeyError:
        raise NotBuilt from None


def preloads(island: str = "") -> list[str]:
    """Return the addresses of the modules that portal.js imports, or of an island's: a page that names them has all loaded at once."""
    return [URL + name for name in manifest().get(f"preload:{island}" if island else "preload", "").split()]


def manifest() -> dict[str, str]:
    """Return the names of built files by their plain ones, as of now: a build beside a running centre takes the old files away."""
    try:
        built_at = os.stat(_MANIFEST).st_mtime_ns  # noqa: PTH116 - asked for each time, and a path takes ten times as long
    except FileNotFoundError:
        raise NotBuilt from None
    return _read("manifest.json", built_at)


def theme_script() -> str:
    """Return the script that sets the theme: it stands in the page itself, as nothing may be drawn and nothing read on before it ran."""
    return _text(manifest()["theme.js"])


def theme_source() -> str:
    """Return what a Content-Security-Policy calls that script."""
    return _source(theme_script())


def icons_built() -> str:
    """Return the name of the file of icons, another one for each build that changed them."""
    return manifest()["icons.json"]


def icons() -> dict[str, str]:
    """Return the lines of icons by their names, as the path of a drawing of 24 by 24."""
    return _table("icons.json")


def script_words() -> dict[str, str]:
    """Return the sentences of scripts by their keys, in English."""
    return _table("words.json")


def _table(plain: str) -> dict[str, str]:
    name = manifest()[plain]
    return _read(name, 0) if (FOLDER / name).exists() else {}


@functools.lru_cache(maxsize=4)
def _read(name: str, changed_at: int) -> dict[str, str]:  # noqa: ARG001 - another time is another content
    return {str(key): str(text) for key, text in json.loads((FOLDER / name).read_text()).items()}


@functools.lru_cache(maxsize=4)
def _text(name: str) -> str:
    path = FOLDER / name
    return path.read_text() if path.exists() else ""


@functools.lru_cache(maxsize=4)
def _source(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
