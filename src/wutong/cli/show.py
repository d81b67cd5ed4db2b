"""What the command prints: tables for people, JSON for programs, one sentence for an error. Amounts as yuan, times in the reader's zone."""

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table

out = Console(highlight=False, soft_wrap=False)
err = Console(stderr=True, highlight=False)


class Stop(Exception):
    """Ends the command with one sentence and a status."""

    def __init__(self, sentence: str, status: int = 1) -> None:
        self.status = status
        super().__init__(sentence)


def as_json(value: Any) -> None:
    """Print a value, or a list of them, as JSON."""
    if isinstance(value, BaseModel):
        plain: Any = value.model_dump(mode="json")
    elif isinstance(value, list):
        plain = [item.model_dump(mode="json") if isinstance(item, BaseModel) else item for item in value]
    else:
        plain = value
    sys.stdout.write(json.dumps(plain, ensure_ascii=False, indent=2) + "\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> None:
    """Print rows as a table; a column whose title begins with `>` is set to the right. Says `empty` when there is none."""
    kept = [[cell(value) for value in row] for row in rows]
    if not kept:
        out.print(escape(empty))
        return
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for title in columns:
        grid.add_column(title.removeprefix(">"), justify="right" if title.startswith(">") else "left", overflow="fold")
    for row in kept:
        grid.add_row(*row)
    out.print(grid)


def facts(pairs: Iterable[tuple[str, Any]]) -> None:
    """Print names and values, one pair a line; pairs without a value are left out."""
    kept = [(name, cell(value)) for name, value in pairs if value is not None and value != ""]
    grid = Table(box=None, pad_edge=False, show_header=False)
    grid.add_column(style="dim")
    grid.add_column(overflow="fold")
    for name, value in kept:
        grid.add_row(name, value)
    out.print(grid)


def cell(value: Any) -> str:
    """Write one value so that no terminal control gets through."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return escape(printable(str(value)))


def printable(text: str) -> str:
    """Replace control characters, so that a hostile name cannot move the cursor or recolour the screen."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in text)


def yuan(amount_fen: int) -> str:
    """Write fen as `¥1,234.50`."""
    sign = "-" if amount_fen < 0 else ""
    whole, rest = divmod(abs(amount_fen), 100)
    return f"{sign}¥{whole:,}.{rest:02d}"


def card_hours(seconds: float) -> str:
    """Write card-seconds as card-hours, or as card-seconds while they are few."""
    return f"{seconds / 3600:,.2f} card-hours" if seconds >= 360 else f"{seconds:,.1f} card-seconds"


def count(number: int, noun: str) -> str:
    """Write `1 file`, `2 files`."""
    return f"{number} {noun}" if number == 1 else f"{number:,} {noun}s"


def size(size_bytes: int) -> str:
    """Write bytes with a binary unit."""
    value = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:,.0f} {unit}" if unit == "B" else f"{value:,.1f} {unit}"
        value /= 1024
    return f"{value:,.1f} TiB"


def duration(seconds: float | None) -> str:
    """Write a duration as `1:02:03` or `4.2 s`."""
    if seconds is None:
        return "-"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def progress_bar() -> Progress:
    """Return a bar with rate and remaining time, on standard error so that output can be piped."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(binary_units=True), TransferSpeedColumn(), TimeRemainingColumn(), console=err
    )


def confirm(question: str, *, yes: bool) -> None:
    """Ask before what cannot be undone, unless told not to; without a terminal to ask on, say how to go on."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Stop(f"{question} Add --yes to go on.")
    err.print(f"{escape(question)} [y/N] ", end="")
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise Stop("Nothing was done.")
