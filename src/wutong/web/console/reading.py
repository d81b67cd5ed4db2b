"""Reads what people typed into forms: whole numbers, days and moments in their own zone. Raises `Invalid` with what would work."""

from datetime import UTC, date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Form, Query

from wutong.kit.errors import Invalid

Word = Annotated[str, Form(max_length=200)]
Line = Annotated[str, Form(max_length=1000)]
Asked = Annotated[str, Query(max_length=200)]


def whole(text: str, *, field: str) -> int:
    """Read a whole number; thousands may be parted by commas."""
    digits = text.replace(",", "").strip()
    if not digits.isascii() or not digits.isdigit() or len(digits) > 15:
        raise Invalid(field=field, reason="Write a whole number from 0 up.")
    return int(digits)


def day(text: str, *, field: str) -> date:
    """Read a day such as 2026-07-01."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise Invalid(field=field, reason="Write a day such as 2026-07-01.") from None


def moment(text: str, zone: ZoneInfo, *, field: str) -> datetime | None:
    """Read a moment as browsers send it, such as 2026-07-01T08:30, in the reader's zone; None where nothing was typed."""
    if not text.strip():
        return None
    try:
        read = datetime.fromisoformat(text.strip())
    except ValueError:
        raise Invalid(field=field, reason="Write a day and a time such as 2026-07-01 08:30.") from None
    return (read.replace(tzinfo=zone) if read.tzinfo is None else read).astimezone(UTC)
