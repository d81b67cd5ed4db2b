"""The table every benchmark prints: what was measured, ours, the peer's on the same work in the same run, the ratio, what to reach."""

from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    name: str
    ours: str
    peer: str = ""
    ratio: str = ""
    target: str = ""


def show(title: str, rows: list[Row]) -> None:
    """Print rows as a table."""
    table = Table(title=title, title_justify="left")
    for column in ("what", "ours", "peer", "ratio", "to reach"):
        table.add_column(column)
    for row in rows:
        table.add_row(row.name, row.ours, row.peer, row.ratio, row.target)
    Console(width=160).print(table)
