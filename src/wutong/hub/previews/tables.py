"""Makes the first rows of a table out of the beginning of a CSV or TSV file. Pure, and linear in what it is given."""

import csv
import io
import itertools
import re
from collections.abc import Iterator, Sequence

from wutong.hub.previews.rules import CELL_CHARACTERS, TABLE_COLUMNS, TABLE_ROWS, ColumnType, Table

_DELIMITERS = ",\t;|"
_LOOKED_AT = 10
_SHAPES = (
    (ColumnType.TRUTH, re.compile(r"true|false|yes|no|是|否", re.IGNORECASE)),
    (ColumnType.WHOLE, re.compile(r"[+-]?\d{1,30}")),
    (ColumnType.DECIMAL, re.compile(r"[+-]?(?:\d{1,30}\.?\d{0,30}|\.\d{1,30})(?:[eE][+-]?\d{1,4})?|nan|[+-]?inf", re.IGNORECASE)),
    (ColumnType.MOMENT, re.compile(r"\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?")),
)


def table_of(text: str, *, whole: bool, tabs: bool) -> Table | None:
    """Return the table a text begins with; None when it is none. `whole`: nothing of the file is missing; `tabs`: it calls itself TSV."""
    rows = _rows(text, "\t" if tabs else _delimiter(text), whole=whole)
    if rows is None or not rows or max(map(len, rows)) < 2:
        return None
    head, *body = rows
    width = max(map(len, rows))
    names = [head[at] if at < len(head) else "" for at in range(width)]
    shown = body[:TABLE_ROWS]
    columns = tuple((_cell(name), _type([row[at] for row in shown if at < len(row)])) for at, name in enumerate(names[:TABLE_COLUMNS]))
    cells = tuple(tuple(_cell(row[at]) if at < len(row) else "" for at in range(len(columns))) for row in shown)
    return Table(columns, cells, width - len(columns), cut=len(body) > TABLE_ROWS or not whole)


def _rows(text: str, delimiter: str, *, whole: bool) -> list[list[str]] | None:
    """Read the head, the rows to show and one more; the last row of a file that goes on may be half, so it is dropped."""
    try:
        rows = list(itertools.islice(_filled(text, delimiter), TABLE_ROWS + 3))
    except csv.Error:
        return None
    return rows if whole or len(rows) > TABLE_ROWS + 2 else rows[:-1]


def _filled(text: str, delimiter: str) -> Iterator[list[str]]:
    return (row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row)


def _delimiter(text: str) -> str:
    """Return the mark that most lines have equally often. The csv module's own guess can take for ever on hostile text."""
    lines = [line for line in text[:100_000].split("\n", _LOOKED_AT + 1)[:_LOOKED_AT] if line.strip()]
    counts = {mark: [line.count(mark) for line in lines] for mark in _DELIMITERS}
    return max(_DELIMITERS, key=lambda mark: (_agreement(counts[mark]), sum(counts[mark])))


def _agreement(counts: Sequence[int]) -> float:
    return sum(count == counts[0] for count in counts) / len(counts) if counts and counts[0] else 0.0


def _type(values: Sequence[str]) -> ColumnType:
    filled = [value.strip() for value in values if value.strip()]
    if not filled:
        return ColumnType.EMPTY
    if any(len(value) > CELL_CHARACTERS for value in filled):
        return ColumnType.TEXT
    return next((name for name, shape in _SHAPES if all(shape.fullmatch(value) for value in filled)), ColumnType.TEXT)


def _cell(text: str) -> str:
    return text if len(text) <= CELL_CHARACTERS else f"{text[:CELL_CHARACTERS]}…"
