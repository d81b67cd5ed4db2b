"""The month that a page of the bill is about, and the ones beside it. Pure."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from wutong.compute.budgets.rules import month_bounds, month_of
from wutong.kit.errors import Invalid


@dataclass(frozen=True, slots=True)
class Month:
    """A month such as 2026-11, with the one before and, unless it is to come, the one after."""

    name: str
    before: str
    after: str


def read_month(text: str, now: datetime) -> Month:
    """Return the month that is asked for, this month by default; raises `Invalid` for what is none."""
    name = text.strip() or month_of(now)
    try:
        month_bounds(name)
        first = date.fromisoformat(f"{name}-01")
    except ValueError:
        raise Invalid(field="month", reason="Write a month such as 2026-11.") from None
    if not 2000 <= first.year <= 2199:
        raise Invalid(field="month", reason="Write a month such as 2026-11.")
    after = f"{first + timedelta(days=31):%Y-%m}"
    return Month(name, f"{first - timedelta(days=1):%Y-%m}", after if after <= month_of(now) else "")
