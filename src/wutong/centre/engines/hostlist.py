"""Reads lists of nodes as clusters write them, such as `box[001-003,007],head`. Pure."""

import re
from collections.abc import Iterator

_PART = re.compile(r"([^\[,]+)(?:\[([^\]]*)\])?([^\[,]*)")
_MOST = 100_000


def expand(text: str) -> list[str]:
    """Return the nodes a list names, in its order; nothing for one that names none."""
    if text.strip() in {"", "(null)", "None assigned", "n/a"}:
        return []
    found: list[str] = []
    for match in _PART.finditer(text.strip()):
        head, ranges, tail = match.groups()
        found += [head + tail] if ranges is None else [f"{head}{number}{tail}" for number in _numbers(ranges)]
    return found[:_MOST]


def _numbers(ranges: str) -> Iterator[str]:
    for part in ranges.split(","):
        first, dash, last = part.partition("-")
        if not dash:
            yield part
        elif first.isdigit() and last.isdigit():
            yield from (f"{number:0{len(first)}d}" for number in range(int(first), min(int(last), int(first) + _MOST) + 1))
