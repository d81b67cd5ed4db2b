"""Usage as facts: the windows between a start and an end, in whole milliseconds, so that their sum is exactly the run's length. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """`used_ms` of wall time inside the window that began at `start_ms` (since the epoch)."""

    start_ms: int
    used_ms: int
    final: bool


def windows(started_ms: int, until_ms: int, *, window_ms: int, ended: bool, after_ms: int | None = None) -> Iterator[Window]:
    """Yield the windows of a run from its start to `until_ms`.

    While the run goes on only windows that are over are given, so no figure has to grow; the last window of an ended run is marked final, and there
    is one even when the run took no time. With `after_ms` windows that began before it are left out.
    """
    until_ms = max(until_ms, started_ms)
    window = started_ms // window_ms * window_ms
    last = max(started_ms, until_ms - 1) // window_ms * window_ms
    if after_ms is not None:
        window = max(window, after_ms)
    while window <= last:
        end = window + window_ms
        if not ended and end > until_ms:
            return
        yield Window(window, min(until_ms, end) - max(started_ms, window), ended and window == last)
        window = end


def decayed(used: float, age_s: float, half_life_s: float) -> float:
    """Return what is left of past use after `age_s`, halving every `half_life_s`."""
    return float(used * 0.5 ** (max(0.0, age_s) / half_life_s))
