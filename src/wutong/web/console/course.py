"""The course of utilisation over time, by pool, ready to be drawn. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from wutong.centre.rules import Slot
from wutong.web.console.drawing import line_path

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LONGEST_TABLE = 200
WIDTH, HEIGHT = 720, 160
TOGETHER = ""


@dataclass(frozen=True, slots=True)
class Course:
    """One pool's line; `path` is drawn on a picture of `WIDTH` by `HEIGHT`."""

    pool: str
    path: str


@dataclass(frozen=True, slots=True)
class Courses:
    """All pools' lines over the same time, and what a table of them holds: each slot's beginning with the shares of pools."""

    lines: tuple[Course, ...]
    begins: datetime | None
    ends: datetime | None
    table: tuple[tuple[datetime, tuple[float | None, ...]], ...]


@dataclass(frozen=True, slots=True)
class Sum:
    """What a pool used of what it had, in card-seconds."""

    pool: str
    card_seconds: int
    capacity_card_seconds: int

    @property
    def share(self) -> float | None:
        """What part was in use; None where there was nothing to use."""
        return self.card_seconds / self.capacity_card_seconds if self.capacity_card_seconds else None


def sums(slots: Sequence[Slot]) -> list[Sum]:
    """Add slots up by pool, all of them together last when there are several."""
    used: dict[str, list[int]] = {}
    for slot in slots:
        for key in (slot.key, TOGETHER):
            sum_of = used.setdefault(key, [0, 0])
            sum_of[0] += slot.card_ms
            sum_of[1] += slot.capacity_card_ms
    together = used.pop(TOGETHER, [0, 0])
    found = [Sum(pool, ms // 1000, capacity // 1000) for pool, (ms, capacity) in sorted(used.items())]
    return [*found, Sum(TOGETHER, together[0] // 1000, together[1] // 1000)] if len(found) > 1 else found


def courses(slots: Sequence[Slot], step: timedelta = HOUR) -> Courses:
    """Make the lines; a slot in which a pool had no capacity is a gap."""
    if not slots:
        return Courses((), None, None, ())
    begins, ends = slots[0].at, slots[-1].at
    number = round((ends - begins) / step) + 1
    pools = sorted({slot.key for slot in slots})
    shares: dict[str, list[float | None]] = {pool: [None] * number for pool in pools}
    for slot in slots:
        place = round((slot.at - begins) / step)
        shares[slot.key][place] = None if slot.share is None else min(slot.share, 1.0)
    lines = tuple(Course(pool, line_path(shares[pool], width=WIDTH, height=HEIGHT)) for pool in pools)
    table = tuple((begins + place * step, tuple(shares[pool][place] for pool in pools)) for place in range(number))
    return Courses(lines, begins, ends + step, table)


def readable(slots: Sequence[Slot], zone: ZoneInfo) -> Courses:
    """Make the lines by the hour, and their table by the day of a zone where one by the hour would be too long for anybody."""
    made = courses(slots)
    return made if len(made.table) <= LONGEST_TABLE else replace(made, table=courses(by_day(slots, zone), DAY).table)


def by_day(slots: Sequence[Slot], zone: ZoneInfo) -> list[Slot]:
    """Add hours up to the days of a zone."""
    days: dict[tuple[datetime, str], tuple[int, int]] = {}
    for slot in slots:
        at = slot.at.astimezone(zone).replace(hour=0, minute=0)
        card_ms, capacity_ms = days.get((at, slot.key), (0, 0))
        days[at, slot.key] = card_ms + slot.card_ms, capacity_ms + slot.capacity_card_ms
    return [Slot(at, key, *sums_of) for (at, key), sums_of in sorted(days.items())]


def hours_together(slots: Sequence[Slot], now: datetime, hours: int) -> list[float | None]:
    """Return the share of all pools together in each of the last hours that are over, None where nothing was there."""
    last = now.replace(minute=0, second=0, microsecond=0)
    used, there = [0] * hours, [0] * hours
    for slot in slots:
        place = hours - round((last - slot.at) / HOUR)
        if 0 <= place < hours:
            used[place] += slot.card_ms
            there[place] += slot.capacity_card_ms
    return [min(ms / capacity, 1.0) if capacity else None for ms, capacity in zip(used, there, strict=True)]
