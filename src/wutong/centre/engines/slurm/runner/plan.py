"""The plan of a run as the adapter writes and the runner reads it: pairs of words, each ended by a zero byte, which no word can hold. Pure, light."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

START = "\x01"
"""Stands in a plan for the folder of the start, which only the runner knows."""


class Plan:
    """What one run is to be: single values by `number` and `text`, lists by `words`."""

    def __init__(self, values: dict[str, list[str]]) -> None:
        self._values = values

    def words(self, key: str) -> list[str]:
        """Return all words given under a key, in order."""
        return self._values.get(key, [])

    def text(self, key: str) -> str:
        """Return the one word under a key, or nothing."""
        return self._values.get(key, [""])[0]

    def number(self, key: str) -> int:
        """Return the number under a key; 0 where there is none."""
        return int(self._values.get(key, ["0"])[0])


def write(pairs: Iterable[tuple[str, str | int]]) -> bytes:
    """Return the text of a plan."""
    return b"".join(f"{key}\0{value}\0".encode("utf-8", "surrogateescape") for key, value in pairs)


def read(text: bytes) -> Plan:
    """Read what `write` returned."""
    words = text.decode("utf-8", "surrogateescape").split("\0")
    values: dict[str, list[str]] = {}
    for place in range(0, len(words) - 1, 2):
        values.setdefault(words[place], []).append(words[place + 1])
    return Plan(values)
