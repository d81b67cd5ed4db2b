"""What the centre tells of the future: forecasts of waiting runs, of runs not submitted yet, and how good they were. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf

from wutong.centre.forecast.rules import Ask, Prediction
from wutong.centre.maintenance.rules import Window

ENOUGH = 20
"""Ended runs of a pool to know of before anything is foretold: what runs last here is not known before."""
STALE = timedelta(minutes=10)
"""What was foretold is not told any more when nothing was looked at for so long."""
LIMITS_S = (600.0, 3600.0, 4 * 3600.0, 12 * 3600.0, 86_400.0, 3 * 86_400.0, 7 * 86_400.0)
"""The time limits for which a pool's outlook is worked out; one between two of them is taken as the longer."""
_SLIGHT = timedelta(seconds=30)
_PART = 0.05
_LONGEST_S = 10 * 365 * 86_400.0


@dataclass(frozen=True, slots=True)
class Seen:
    """A run as a forecaster sees it, as it is now. `ask` counts its time in seconds since the epoch."""

    ask: Ask
    pool: str
    phase: str
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def run_s(self) -> float | None:
        """How long its last start ran; None of one that never ran, or runs still."""
        return None if self.started_at is None or self.ended_at is None else max((self.ended_at - self.started_at).total_seconds(), 0.0)


@dataclass(frozen=True, slots=True)
class Forecast:
    """When a waiting run is foretold to start, when nine in ten such runs have started (None while too little is known), and when this was said."""

    run_name: str
    pool: str
    made_at: datetime
    start_at: datetime
    bound_at: datetime | None


@dataclass(frozen=True, slots=True)
class Wait:
    """How long a job would wait if it were submitted now, and the time within which nine in ten such jobs start (None while too little is known)."""

    wait_s: float
    bound_s: float | None


@dataclass(frozen=True, slots=True)
class Cell:
    """How long a job of so many cards and such a limit would wait, from when the outlook was made."""

    cards: int
    limit_s: float
    wait_s: float
    bound_s: float | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a pool holds for jobs not submitted yet. No cells: too little is known."""

    pool: str
    made_at: datetime
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class ForecastAccuracy:
    """How good a pool's forecasts were, each as it was when the run was first seen waiting.

    `median_error_s` is of the `jobs` that really waited a minute or more, `coverage` the part that had started by the bound of the `foretold`, those
    that were foretold to. None where there were none.
    """

    pool: str
    jobs: int
    median_error_s: float | None
    foretold: int
    coverage: float | None


def forecast(name: str, pool: str, now: datetime, told: Prediction, *, proven: bool) -> Forecast | None:
    """Make a forecast of a prediction in seconds since the epoch; None of one that never starts as things are."""
    start_at = moment(told.start_s, now)
    if start_at is None:
        return None
    bound_at = moment(told.bound_s, now) if proven or told.bound_s <= now.timestamp() else None
    return Forecast(name, pool, now, start_at, bound_at)


def moment(at_s: float, now: datetime) -> datetime | None:
    """Return a time in seconds since the epoch as a moment not before now, None where it is none that a calendar has."""
    left_s = max(at_s - now.timestamp(), 0.0)
    return now + timedelta(seconds=round(left_s)) if left_s < _LONGEST_S else None


def is_news(new: Forecast, old: Forecast | None) -> bool:
    """Tell whether a forecast differs enough from the one told before to be told instead."""
    if old is None or old.start_at < new.made_at:
        return True
    slight = max(_SLIGHT, (new.start_at - new.made_at) * _PART)
    if abs(new.start_at - old.start_at) > slight or (new.bound_at is None) != (old.bound_at is None):
        return True
    return new.bound_at is not None and old.bound_at is not None and abs(new.bound_at - old.bound_at) > slight + (new.bound_at - new.made_at) * _PART


def card_sizes(wanted: Iterable[int], total: int) -> list[int]:
    """Return the sizes for which an outlook is worked out: those that flavours come in, doubled up to the whole pool."""
    sizes = {total}
    for each in wanted:
        size = max(each, 1)
        while size < total:
            sizes.add(size)
            size *= 2
    return sorted(size for size in sizes if size > 0)


def find_wait(outlook: Outlook, *, cards: int, limit_s: float, now: datetime) -> Wait | None:
    """Return how long a job would wait: that of the smallest job known which asks for no less. None where nothing so large was looked at."""
    fitting = [cell for cell in outlook.cells if cell.cards >= cards and cell.limit_s >= limit_s]
    if not fitting or now - outlook.made_at > STALE:
        return None
    cell = min(fitting, key=lambda cell: (cell.cards, cell.limit_s))
    gone_s = (now - outlook.made_at).total_seconds()
    return Wait(max(cell.wait_s - gone_s, 0.0), None if cell.bound_s is None else max(cell.bound_s - gone_s, 0.0))


def cell_of(told: Prediction, *, cards: int, limit_s: float, now_s: float, proven: bool) -> Cell | None:
    """Make a cell of a prediction; None where no such job could start."""
    if told.start_s == inf:
        return None
    bound_s = told.bound_s - now_s if told.bound_s < inf and (proven or told.bound_s <= now_s) else None
    return Cell(cards, limit_s, max(told.start_s - now_s, 0.0), bound_s)


def clear_of(windows: Sequence[Window], start_at: datetime, limit_s: float) -> datetime:
    """Return the start of a job that no maintenance of its whole pool lets start unless it ends before: as foretold, or when that is over."""
    longest = timedelta(seconds=min(limit_s, _LONGEST_S))
    for window in sorted(windows, key=lambda window: window.begins_at):
        if not window.nodes and start_at < window.ends_at and start_at + longest > window.begins_at:
            start_at = window.ends_at
    return start_at
