"""The small files by which a start tells of itself: one JSON object each, put in place whole. Light: `json` itself would build its patterns first."""
# ruff: noqa: PTH104 - pathlib is not light

from __future__ import annotations

import os
from _json import encode_basestring_ascii

RESULT_SIZE = 4096


def write(path: str, values: dict[str, str | int | None]) -> None:
    """Put a small file in place whole or not at all."""
    write_text(path, _json(values))


def write_text(path: str, text: bytes) -> None:
    """The same for any text."""
    draft = _draft(path)
    handle = os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    try:
        os.write(handle, text)
    finally:
        os.close(handle)
    os.rename(draft, path)


def reserve(path: str) -> None:
    """Set space aside, so that the file can be written on a full disk later."""
    handle = os.open(_draft(path), os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        os.posix_fallocate(handle, 0, RESULT_SIZE)
    finally:
        os.close(handle)


def write_reserved(path: str, values: dict[str, str | int | None]) -> None:
    """Write into the space set aside, sync it and put it in place."""
    handle = os.open(_draft(path), os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        os.pwrite(handle, _json(values).ljust(RESULT_SIZE), 0)
        os.fsync(handle)
    finally:
        os.close(handle)
    os.rename(_draft(path), path)


def _draft(path: str) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder}/.{name}"


def _json(values: dict[str, str | int | None]) -> bytes:
    return ("{" + ", ".join(f'"{key}": {_value(value)}' for key, value in values.items()) + "}").encode()


def _value(value: str | int | None) -> str:
    if value is None:
        return "null"
    return str(int(value)) if isinstance(value, int) else encode_basestring_ascii(value)
