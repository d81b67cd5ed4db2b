"""The one source of time. Tests put a `FakeClock` in its place; nothing else in the product asks the system for the date."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells aware UTC time."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        return datetime.now(UTC)


class FakeClock:
    """A clock that stands still until it is moved."""

    def __init__(self, start: datetime | None = None) -> None:
        self.time = start or datetime(2026, 1, 5, 8, 0, tzinfo=UTC)

    def now(self) -> datetime:
        """Return the moment the clock was last moved to."""
        return self.time

    def advance(self, seconds: float) -> datetime:
        """Move forward and return the new moment."""
        self.time += timedelta(seconds=seconds)
        return self.time


_current: Clock = SystemClock()


def now() -> datetime:
    """Return the present moment of the clock in use, aware, in UTC."""
    return _current.now()


def monotonic() -> float:
    """Return seconds that never go back, for durations and time-outs."""
    return time.monotonic()


@contextmanager
def use(clock: Clock) -> Iterator[Clock]:
    """Put another clock in place for the length of a block."""
    global _current
    before, _current = _current, clock
    try:
        yield clock
    finally:
        _current = before
