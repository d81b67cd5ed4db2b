"""Spending over time as plain values, and how many groups are told apart. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from wutong.compute.billing.rules import Charge
from wutong.compute.budgets.rules import BILL_ZONE

PROJECT_LABEL = "project"
"""The label of a job that says for which project it runs."""
OTHERS = "others"
MOST_GROUPS = 6
RATE_DAYS = 7


class By(StrEnum):
    """What usage is told apart by."""

    PERSON = "person"
    PROJECT = "project"
    FLAVOUR = "flavour"


@dataclass(frozen=True, slots=True)
class DayPart:
    """What one group used on one day of the bill's zone, net of what was taken back."""

    day: date
    key: str
    card_ms: int
    package_seconds: int
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Group:
    """What one group used in all, and its amount on each day in turn. `key` is a person, a flavour or a project; empty for jobs without one.

    The group `rest` gathers all that are not told apart.
    """

    key: str
    rest: bool
    card_ms: int
    package_seconds: int
    amount_fen: int
    daily_fen: tuple[int, ...]
    daily_card_ms: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Spending:
    """Usage of some days in a row by group, those that used most first."""

    by: By
    days: tuple[date, ...]
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class MonthLine:
    """A line of a month's bill with what its job is called and runs on."""

    charge: Charge
    job_name: str
    flavour: str


def days_of(begins: datetime, ends: datetime) -> tuple[date, ...]:
    """Return the days of the bill's zone from a moment to before another."""
    first, last = begins.astimezone(BILL_ZONE).date(), (ends - timedelta(microseconds=1)).astimezone(BILL_ZONE).date()
    return tuple(first + timedelta(days=number) for number in range((last - first).days + 1))


def gather(by: By, days: Sequence[date], parts: Iterable[DayPart]) -> Spending:
    """Put parts together by group; beyond the first few, groups become one."""
    by_key: dict[str, list[DayPart]] = {}
    for part in parts:
        by_key.setdefault(part.key, []).append(part)
    ranked = sorted(by_key, key=lambda key: (-sum(part.card_ms for part in by_key[key]), key))
    kept = ranked if len(ranked) <= MOST_GROUPS else ranked[: MOST_GROUPS - 1]
    groups = [_group(key, days, by_key[key], rest=False) for key in kept]
    if len(ranked) > len(kept):
        groups.append(_group(OTHERS, days, [part for key in ranked[len(kept) :] for part in by_key[key]], rest=True))
    return Spending(by, tuple(days), tuple(groups))


def together(days: Sequence[date], parts: Iterable[DayPart]) -> Spending:
    """Put the parts of these days together as one group."""
    return Spending(By.PERSON, tuple(days), (_group("", days, [part for part in parts if part.day in days], rest=False),))


def runway_days(left_fen: int, daily_fen: Sequence[int]) -> int | None:
    """Return for how many days money lasts at the rate of the last seven whole days; today, which `daily_fen` ends with, does not count.

    Who began less than seven days ago is measured from the first day on. None when nothing was spent.
    """
    whole = list(daily_fen[:-1])
    first = next((at for at, fen in enumerate(whole) if fen), len(whole))
    counted = whole[max(first, len(whole) - RATE_DAYS) :]
    spent = sum(counted)
    return max(0, left_fen) * len(counted) // spent if spent > 0 else None


def _group(key: str, days: Sequence[date], parts: Sequence[DayPart], *, rest: bool) -> Group:
    at = {day: number for number, day in enumerate(days)}
    fen, ms = [0] * len(days), [0] * len(days)
    for part in parts:
        if part.day in at:
            fen[at[part.day]] += part.amount_fen
            ms[at[part.day]] += part.card_ms
    sums = (sum(part.card_ms for part in parts), sum(part.package_seconds for part in parts), sum(part.amount_fen for part in parts))
    return Group(key, rest, *sums, tuple(fen), tuple(ms))
