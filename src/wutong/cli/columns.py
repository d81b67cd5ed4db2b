"""How a table fits a terminal: which columns it can do without, and which of them may fold. It prints nothing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

LEAST_WIDTH, LEAST_OPTIONAL_WIDTH = 12, 24
GAP = 2
# Ids are to be copied with a double click; a time or a word such as `command_failed` in two lines is hard to read.
_WHOLE = re.compile(r"-|[a-z_]{0,20}|[a-z]{2,12}_[0-9a-z]{20}|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table. `width` is of its widest cell in the terminal's own places, of which a Chinese character takes two."""

    title: str
    cells: tuple[str, ...]
    width: int
    right: bool = False
    optional: bool = False
    folds: bool = False

    @property
    def least(self) -> int:
        """The width below which it cannot be read."""
        return min(self.width, LEAST_OPTIONAL_WIDTH if self.optional else LEAST_WIDTH) if self.folds else self.width


def column(title: str, cells: Sequence[str]) -> Column:
    """Read a title with its marks (`?` may be left out, then `>` set to the right), and see what the cells need."""
    name = title.removeprefix("?").removeprefix(">")
    right = title.removeprefix("?").startswith(">")
    lines = [line for text in cells for line in text.splitlines()]
    width = max(map(cell_len, [name, *lines]))
    folds = not right and width > LEAST_WIDTH and not all(_WHOLE.fullmatch(text) for text in cells)
    return Column(name, tuple(cells), width, right=right, optional=title.startswith("?"), folds=folds)


def fitting(columns: Sequence[Column], width: int) -> list[Column]:
    """Return the columns for a width: while they do not fit, optional ones go, the last first."""
    kept = list(columns)
    while least_width(kept) > width and (spare := next((each for each in reversed(kept) if each.optional), None)):
        kept.remove(spare)
    return kept


def least_width(columns: Sequence[Column]) -> int:
    """Return the width below which these columns cannot be read side by side."""
    return sum(each.least + GAP for each in columns) - GAP
