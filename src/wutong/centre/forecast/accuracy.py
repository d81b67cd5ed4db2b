"""How good forecasts were, counted by the day: for a month, in bounded room, to be published beside the queue."""

from collections import Counter
from dataclasses import dataclass
from math import log2
from typing import Any

from wutong.centre.forecast.mirror import Told
from wutong.centre.forecast.rules import WAITS_S

DAYS = 30
_DAY_S = 86_400.0
_FINE = 16
"""Bins of error to a doubling: a median read from them is right to 2 %."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The last month's figures. An error is between foretold and real start, over jobs that really waited a minute or more; None where none did."""

    jobs: int
    median_error_s: float | None
    limits_jobs: int
    limits_median_error_s: float | None
    foretold: int
    """Jobs of which a wait of a minute or more was foretold."""
    coverage: float | None
    """The part of those that had started by the bound."""


class Scoreboard:
    """Counts of a month."""

    def __init__(self) -> None:
        self._days: dict[int, dict[str, Counter[int]]] = {}

    def score(self, told: Told, waited_s: float) -> None:
        """Hold what was told against what came."""
        day = self._days.setdefault(int((told.at_s + waited_s) // _DAY_S), {"ours": Counter(), "limits": Counter(), "bound": Counter()})
        if waited_s >= WAITS_S:
            day["ours"][_bin(told.wait_s - waited_s)] += 1
            if told.limits_s is not None:
                day["limits"][_bin(told.limits_s - waited_s)] += 1
        if told.wait_s >= WAITS_S:
            day["bound"][waited_s <= told.bound_s] += 1

    def report(self, now_s: float) -> Accuracy:
        """Sum up the last month, and forget what is older."""
        oldest = int(now_s // _DAY_S) - DAYS
        self._days = {day: counts for day, counts in self._days.items() if day > oldest}
        ours, limits, bound = (sum((day[kind] for day in self._days.values()), Counter[int]()) for kind in ("ours", "limits", "bound"))
        foretold = bound.total()
        return Accuracy(ours.total(), _median(ours), limits.total(), _median(limits), foretold, bound[1] / foretold if foretold else None)

    def to_state(self) -> dict[str, Any]:
        """Return it as JSON-compatible data."""
        return {str(day): {kind: sorted(counter.items()) for kind, counter in counts.items()} for day, counts in self._days.items()}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Scoreboard":
        """Make it again from `to_state`."""
        board = cls()
        board._days = {
            int(day): {kind: Counter({int(key): int(count) for key, count in pairs}) for kind, pairs in counts.items()}
            for day, counts in state.items()
        }
        return board


def _bin(error_s: float) -> int:
    return round(_FINE * log2(abs(error_s) + 1.0))


def _median(errors: Counter[int]) -> float | None:
    seen, half = 0, errors.total() / 2
    for step in sorted(errors):
        seen += errors[step]
        if seen >= half:
            return float(2.0 ** (step / _FINE)) - 1.0
    return None
