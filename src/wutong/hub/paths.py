"""Which paths a version may hold. Pure: nothing here touches a disk."""

import re
import unicodedata
from collections.abc import Iterable

from wutong.kit.errors import Problem

MAX_PATH_BYTES = 1024
MAX_PART_BYTES = 255
MAX_DEPTH = 32
_CONTROL = ("Cc", "Cs", "Zl", "Zp")


class BadPath(Problem):
    """A path that could escape its tree, or that some of our users' machines cannot hold."""

    code = "bad_path"
    status = 422
    message = "The file name {path!r} cannot be stored: {reason}"


class PathClash(Problem):
    """Two files of one version want the same place."""

    code = "path_clash"
    status = 422
    message = "{path!r} and {other!r} want the same place. Rename one of them."


def clean_path(path: str) -> str:
    """Return the path in the one form we store: relative, `/` between parts, Unicode NFC. Raises `BadPath`."""
    text = unicodedata.normalize("NFC", path)
    while text.startswith("./"):
        text = text[2:]
    reason = _fault(text)
    if reason:
        raise BadPath(path=printable(path), reason=reason)
    return text


def check_no_clash(paths: Iterable[str], *, fold_case: bool = False) -> None:
    """Refuse two equal paths, and a file where another file needs a folder; with `fold_case` also names that differ only in case."""
    seen: dict[str, str] = {}
    for path in paths:
        key = path.casefold() if fold_case else path
        if key in seen:
            raise PathClash(path=path, other=seen[key])
        seen[key] = path
    for key, path in seen.items():
        parts = key.split("/")
        for end in range(1, len(parts)):
            other = seen.get("/".join(parts[:end]))
            if other is not None:
                raise PathClash(path=path, other=other)


def printable(text: str) -> str:
    """Return a name that is safe in a message and in JSON, whatever bytes it came from."""
    return text.encode("utf-8", "backslashreplace").decode()[:300]


def _fault(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return "it is not valid Unicode. Rename the file in UTF-8."
    parts = text.split("/")
    faults = [
        (not text, "it is empty."),
        ("\\" in text, "it holds a backslash. Use / between folders."),
        (text.startswith("/") or re.match("[A-Za-z]:", text), "it is absolute. Use a path below the top folder."),
        (any(unicodedata.category(letter) in _CONTROL for letter in text), "it holds a control character. Rename the file."),
        ({"", ".", ".."} & set(parts), "it holds an empty part, . or .. . Use a plain path below the top folder."),
        (len(text.encode()) > MAX_PATH_BYTES, f"it is longer than {MAX_PATH_BYTES} bytes. Shorten it."),
        (any(len(part.encode()) > MAX_PART_BYTES for part in parts), f"a part of it is longer than {MAX_PART_BYTES} bytes. Shorten it."),
        (len(parts) > MAX_DEPTH, f"it is more than {MAX_DEPTH} folders deep. Use fewer."),
    ]
    return next((reason for wrong, reason in faults if wrong), "")
