"""Reads the numbers out of a job's `metrics.jsonl`. The file is a tenant's: any size, any content, perhaps not even a file."""

import json
import math
import os
import stat
from pathlib import Path
from typing import Any

FILE = "metrics.jsonl"
MAX_BYTES = 1024 * 1024
MAX_NAMES = 100
MAX_NAME = 64
MAX_POINTS = 1000
STEPS = ("step", "epoch")


def read_metrics(folder: Path) -> dict[str, float]:
    """Return the last finite number of each name in the file, {} when there is nothing to read."""
    return parse(_tail(folder / FILE))


def parse(data: bytes) -> dict[str, float]:
    """Take the last finite number of each name from lines of JSON objects; what is no such line is skipped."""
    values: dict[str, float] = {}
    for line in data.split(b"\n"):
        for name, value in _pairs(line):
            if name in values or len(values) < MAX_NAMES:
                values[name] = value
    return values


def parse_series(data: bytes, *, most: int = MAX_POINTS) -> dict[str, list[tuple[float, float]]]:
    """Take (step, value) of each name in the file's order, thinned evenly to at most `most` with the last kept.

    The step is what the line says under `step` or `epoch`, else its number.
    """
    series: dict[str, list[tuple[float, float]]] = {}
    for number, line in enumerate(data.split(b"\n"), start=1):
        pairs = dict(_pairs(line))
        step = next((pairs.pop(name) for name in STEPS if name in pairs), float(number))
        for name, value in pairs.items():
            if name in series or len(series) < MAX_NAMES:
                series.setdefault(name, []).append((step, value))
    return {name: _thinned(points, most) for name, points in series.items()}


def folder_of(outputs: str, wanted: str) -> Path | None:
    """Return the folder inside a run's outputs that its tenant named, None where the way there leads over a link."""
    folder = Path(outputs)
    for part in wanted.split("/"):
        folder = folder / part if part not in ("", ".") else folder
        if folder.is_symlink():
            return None
    return folder


def read_tail(folder: Path) -> bytes:
    """Return the end of the file of numbers in a folder, b"" when there is nothing to read."""
    return _tail(folder / FILE)


def _thinned(points: list[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    every = -(-len(points) // most)
    return points if every <= 1 else [*points[:-1:every], points[-1]]


def _pairs(line: bytes) -> list[tuple[str, float]]:
    try:
        found: Any = json.loads(line) if len(line) <= MAX_BYTES else None
    except (ValueError, RecursionError):
        return []
    if not isinstance(found, dict):
        return []
    return [(name, float(value)) for name, value in found.items() if _is_name(name) and _is_number(value)]


def _is_name(name: str) -> bool:
    return 0 < len(name) <= MAX_NAME and name.isprintable()


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) if isinstance(value, float) else abs(value) < 2**53


def _tail(path: Path) -> bytes:
    """Read the end of a regular file, from a whole line on; never through a link, never waiting on a pipe."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    with os.fdopen(handle, "rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            return b""
        start = max(about.st_size - MAX_BYTES, 0)
        file.seek(start)
        data = file.read(MAX_BYTES)
    return data.partition(b"\n")[2] if start else data
