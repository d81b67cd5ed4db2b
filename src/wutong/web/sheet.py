"""Tables to take away as CSV (RFC 4180), made so that Excel opens them right and runs nothing that is in them. Pure."""

from collections.abc import Iterable

BYTE_ORDER_MARK = "\ufeff"
"""Tells Excel that the text is UTF-8."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_QUOTED = (",", '"', "\r", "\n")


def line(cells: Iterable[object]) -> str:
    """Write one line. Numbers stay numbers; text that a spreadsheet would run as a formula gets an apostrophe before it."""
    return ",".join(_cell(cell) for cell in cells) + "\r\n"


def yuan(amount_fen: int) -> float:
    """Return an amount as a plain number of yuan, exact to the fen."""
    return amount_fen / 100


def _cell(value: object) -> str:
    if isinstance(value, bool | int | float):
        return f"{value:.2f}" if isinstance(value, float) else str(value)
    text = "" if value is None else str(value)
    if text.startswith(_FORMULA):
        text = "'" + text
    return '"' + text.replace('"', '""') + '"' if any(each in text for each in _QUOTED) else text
