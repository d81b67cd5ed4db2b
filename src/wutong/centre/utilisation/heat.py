"""How busy each machine was, hour by hour: what a heat map shows. Read as one row a machine, because hours times machines are many."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from wutong.centre.utilisation import store
from wutong.centre.utilisation.rules import HOUR, hour_of
from wutong.kit.errors import Invalid

LONGEST = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class HeatRow:
    """A machine's hours: the part in use in permille, None for an hour in which it had nothing to give."""

    pool: str
    node: str
    permille: tuple[int | None, ...]

    @property
    def mean(self) -> int | None:
        """Return the mean of the hours in which it had something to give, in permille."""
        there = [each for each in self.permille if each is not None]
        return round(sum(there) / len(there)) if there else None


@dataclass(frozen=True, slots=True)
class Heat:
    """Machines by name over the same whole hours, the earliest first."""

    begins: datetime
    hours: int
    rows: tuple[HeatRow, ...]


def heat(session: Session, begin: datetime, end: datetime) -> Heat:
    """Return the whole hours of a span that are over, for each machine known in it. Raises `Invalid` for one longer than a month."""
    begins, ends = hour_of(begin), hour_of(end)
    if not timedelta() < ends - begins <= LONGEST:
        raise Invalid(field="from", reason=f"Ask for one hour to {LONGEST.days} days.")
    used, there = store.hours_used(session, begins, ends), store.hours_there(session, begins, ends)
    hours = (ends - begins) // HOUR
    rows = (HeatRow(*key, _shares(there[key], dict(used.get(key, ())), hours)) for key in sorted(there))
    return Heat(begins, hours, tuple(rows))


def _shares(there: Iterable[tuple[int, int]], used: dict[int, int], hours: int) -> tuple[int | None, ...]:
    shares: list[int | None] = [None] * hours
    for hour, card_ms in there:
        if card_ms > 0:
            shares[hour] = min(used.get(hour, 0) * 1000 // card_ms, 1000)
    return tuple(shares)
