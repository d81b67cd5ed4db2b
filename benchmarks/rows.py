"""The table every benchmark prints: what was measured, ours, the peer's figure of the same run, the ratio, and what is to be reached."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields


@dataclass(frozen=True, slots=True)
class Row:
    """One figure, as text."""

    name: str
    ours: str
    peer: str = ""
    ratio: str = ""
    target: str = ""


def show(rows: Iterable[Row]) -> None:
    """Print rows as a table."""
    table = [tuple(field.name for field in fields(Row)), *(astuple(row) for row in rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    for number, line in enumerate(table):
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))
