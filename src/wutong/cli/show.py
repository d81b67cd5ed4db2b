"""What the command prints: tables for people, JSON for programs, one sentence for an error. Amounts as yuan, times in the reader's zone."""

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from rich.console import Console, JustifyMethod
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table

from wutong.cli.columns import column, fitting, least_width

WIDE = 100_000

# Sentences are never broken by us: a terminal wraps them, and a pipe gets them whole.
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class Stop(Exception):
    """Ends the command with one sentence and a status."""

    def __init__(self, sentence: str, status: int = 1) -> None:
        self.status = status
        super().__init__(sentence)


def print_json(value: Any) -> None:
    """Print a value, or a list of them, as JSON."""
    if isinstance(value, BaseModel):
        plain: Any = value.model_dump(mode="json")
    elif isinstance(value, list):
        plain = [item.model_dump(mode="json") if isinstance(item, BaseModel) else item for item in value]
    else:
        plain = value
    sys.stdout.write(json.dumps(plain, ensure_ascii=False, indent=2) + "\n")


def listing(found: Iterable[Any], columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str, as_json: bool) -> None:
    """Print a list: the things themselves as JSON for programs, else a table with a row for each."""
    if as_json:
        print_json(list(found))
    else:
        table(columns, rows, empty=empty)


def outcome(value: Any, sentence: str, *, as_json: bool) -> None:
    """Print what came of a change: the thing itself as JSON for programs, else a sentence, which may have markup."""
    if as_json:
        print_json(value)
    else:
        out.print(sentence)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> None:
    """Print rows as a table; says `empty` when there is none.

    A title that begins with `?` marks a column that a narrow terminal does without, the last one first; then `>` sets it to the right.
    In a pipe or file every row is one line, and on a terminal too narrow even for the rest, for an amount cut short would mislead.
    """
    line_end = "\n" if out.is_terminal else " "
    kept = [[line_end.join(text(value).splitlines()) for value in row] for row in rows]
    if not kept:
        out.print(escape(empty))
        return
    found = [column(title, cells) for title, cells in zip(columns, zip(*kept, strict=True), strict=True)]
    shown = fitting(found, out.width) if out.is_terminal else found
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for each in shown:
        justify: JustifyMethod = "right" if each.right else "left"
        grid.add_column(each.title, justify=justify, overflow="fold", min_width=each.least, no_wrap=not each.folds)
    for row in zip(*(each.cells for each in shown), strict=True):
        grid.add_row(*map(escape, row))
    print_grid(grid, folded=out.is_terminal and least_width(shown) <= out.width)


def facts(pairs: Iterable[tuple[str, Any]]) -> None:
    """Print names and values, one pair a line; pairs without a value are left out."""
    kept = [(name, cell(value)) for name, value in pairs if value not in (None, "")]
    grid = Table(box=None, pad_edge=False, show_header=False)
    grid.add_column(style="dim")
    grid.add_column(overflow="fold")
    for name, value in kept:
        grid.add_row(name, value)
    print_grid(grid, folded=out.is_terminal)


def print_grid(grid: Table, *, folded: bool) -> None:
    """Print a grid folded to the terminal's width, or in whole lines without padding."""
    if folded:
        out.print(grid, soft_wrap=False)
        return
    wide = Console(file=out.file, width=WIDE, color_system=None, force_terminal=False)
    with wide.capture() as written:
        wide.print(grid)
    out.file.writelines(f"{line.rstrip()}\n" for line in written.get().splitlines())


def cell(value: Any) -> str:
    """Write one value as a part of a sentence: no terminal control gets through, and nothing in it counts as markup."""
    return escape(text(value))


def text(value: Any) -> str:
    """Write one value so that no terminal control gets through."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return printable(str(value))


def printable(said: str) -> str:
    """Replace control characters, so that a hostile name cannot move the cursor or recolour the screen."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in said)


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
    err.print(escape(f"{question} [y/N] "), end="")
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise Stop("Nothing was done.")
