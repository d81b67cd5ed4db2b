"""Learns from how long jobs really waited by how much to correct a forecast, and how wide the nine-in-ten bound must be.

Forecasts are told apart by their size and by how much the courses disagree. Errors are ratios, as waits range from seconds to weeks. The bound is the
quantile of recent errors (conformal), and the quantile asked for moves with what was covered lately, so that nine in ten stay
covered when the workload changes (adaptive conformal inference: Gibbs and Candès, 2021).
"""

from math import exp, log, log2
from typing import Any

from wutong.centre.forecast.history import Recent
from wutong.centre.forecast.mirror import Told

SLACK_S = 60.0
"""Added to waits before ratios are taken, so that seconds of a short wait weigh little."""
MISSED = 0.1
_PACE = 0.01
_BEYOND = 10.0
"""How fast the bound widens past the worst error remembered, while even that is missed too often."""
_KEPT = 200
_ENOUGH = 20
_SHRINK = 20
_FADE = 0.98
_WORTH = 0.15
"""Correct a bucket only where that took this part off its error of late."""

_Bucket = tuple[int, int]


class Calibration:
    """Errors of late, by bucket and over all."""

    def __init__(self) -> None:
        self._errors: dict[_Bucket, Recent] = {}
        self._all = Recent(_KEPT)
        self._gain: dict[_Bucket, float] = {}
        self._level = 1 - MISSED

    @property
    def is_proven(self) -> bool:
        """Tell whether enough forecasts came true or not to say what nine in ten keep."""
        return len(self._all.by_size) >= _ENOUGH

    def correct(self, wait_s: float, spread: float) -> tuple[float, float]:
        """Return the corrected wait and its bound."""
        bucket = _bucket(wait_s, spread)
        errors = self._errors.get(bucket)
        shift = _median(errors) if errors is not None and self._gain.get(bucket, 0.0) > 0 else 0.0
        if errors is None or len(errors.by_size) < _ENOUGH:
            errors = self._all
        base = wait_s + SLACK_S
        corrected = max(base * exp(shift) - SLACK_S, 0.0)
        return corrected, max(base * exp(self._quantile(errors, spread)) - SLACK_S, corrected)

    def learn(self, told: Told, waited_s: float) -> None:
        """Take in how long a job did wait of which something was told."""
        bucket = _bucket(told.raw_s, told.spread)
        error = log((waited_s + SLACK_S) / (told.raw_s + SLACK_S))
        errors = self._errors.get(bucket)
        if errors is None:
            errors = self._errors[bucket] = Recent(_KEPT)
        plain = abs(error)
        self._gain[bucket] = self._gain.get(bucket, 0.0) * _FADE + (1 - _WORTH) * plain - abs(error - _median(errors))
        errors.add(error)
        self._all.add(error)

    def count(self, *, missed: bool) -> None:
        """Move the level after a job foretold to wait: up when its bound passed without it, a ninth of that down when it started before."""
        self._level = max(self._level + _PACE * (missed - MISSED), 0.5)

    def _quantile(self, errors: Recent, spread: float) -> float:
        known = errors.by_size
        if len(known) < _ENOUGH:
            return max(spread, log(4.0))
        at = int((len(known) + 1) * self._level)
        return known[at] if at < len(known) else known[-1] + _BEYOND * max(self._level - 1.0, 0.0)

    def to_state(self) -> dict[str, Any]:
        """Return it as JSON-compatible data."""
        buckets = [[*bucket, list(errors.by_time), self._gain.get(bucket, 0.0)] for bucket, errors in self._errors.items()]
        return {"level": self._level, "all": list(self._all.by_time), "buckets": buckets}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Calibration":
        """Make it again from `to_state`."""
        found = cls()
        found._level, found._all = state["level"], Recent(_KEPT, state["all"])
        for size, width, errors, gain in state["buckets"]:
            found._errors[size, width], found._gain[size, width] = Recent(_KEPT, errors), gain
        return found


def spread_of(wait_s: float, latest_s: float) -> float:
    """Return by how much courses disagree: log of the latest wait over the middle one. Infinite where one course never starts the job."""
    return log((latest_s + SLACK_S) / (wait_s + SLACK_S))


def _bucket(wait_s: float, spread: float) -> _Bucket:
    return int(log2(wait_s + SLACK_S)), 0 if spread < 0.3 else 1 if spread < 1.0 else 2


def _median(errors: Recent) -> float:
    """Return the middle error, drawn towards none while there are few."""
    known = errors.by_size
    return known[len(known) // 2] * len(known) / (len(known) + _SHRINK) if known else 0.0
