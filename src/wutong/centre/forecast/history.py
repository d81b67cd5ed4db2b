"""How long jobs like this one ran lately: drawn from the user's own record first, then the tenant's, then everybody's.

Run times of a user repeat themselves, and what was asked for says little of what is needed (on the SDSC-BLUE log the median job
uses a tenth of its limit). Every draw is a run time that really happened, longer than the job has run so far.
"""

from bisect import bisect_right, insort
from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Any

from wutong.centre.forecast.rules import Ask

KEPT = 16
"""Run times kept for one kind of job: recent ones say more than many."""
KEPT_OF_SHAPE = 64
KEPT_OF_ALL = 256
MOST_KINDS = 20_000
"""Kinds kept; the least recently seen is forgotten, which bounds memory and the saved state."""

_Key = tuple[Any, ...]


class Recent:
    """The last few values, in the order they came and sorted."""

    __slots__ = ("by_size", "by_time", "kept")

    def __init__(self, kept: int, values: Sequence[float] = ()) -> None:
        self.kept = kept
        self.by_time = deque(values)
        self.by_size = sorted(values)

    def add(self, value: float) -> None:
        """Take one in and let the oldest go."""
        self.by_time.append(value)
        insort(self.by_size, value)
        if len(self.by_time) > self.kept:
            self.by_size.remove(self.by_time.popleft())


class RunHistory:
    """Run times of ended jobs, by who asked for what."""

    def __init__(self) -> None:
        self._kinds: OrderedDict[_Key, Recent] = OrderedDict()

    def learn(self, ask: Ask, run_s: float) -> None:
        """Take in how long an ended job ran."""
        run_s = max(run_s, 1.0)
        share = run_s / ask.limit_s if ask.limit_s else 0.0
        for key, of_limit in _kinds(ask):
            self._recent(key).add(share if of_limit else run_s)

    def draw(self, ask: Ask, ran_s: float, quantiles: Sequence[float]) -> list[float]:
        """Return total run times at the given quantiles of jobs like this one that ran longer than `ran_s`, shortest first for rising quantiles."""
        most = max(ask.most_s, ran_s + 1.0)
        for key, of_limit in _kinds(ask):
            recent = self._kinds.get(key)
            if recent is None:
                continue
            scale = ask.most_s if of_limit else 1.0
            values = recent.by_size
            first = bisect_right(values, ran_s / scale)
            left = len(values) - first
            if left > 0:
                return [max(min(values[first + int(left * at)] * scale, most), ran_s + 1.0) for at in quantiles]
        return [_guess(ask, ran_s, most) for _ in quantiles]

    @property
    def learnt(self) -> int:
        """Return how many run times it knows; it counts no further than it remembers."""
        return sum(len(recent.by_time) for share in (True, False) if (recent := self._kinds.get(("all", share))))

    def _recent(self, key: _Key) -> Recent:
        found = self._kinds.get(key)
        if found is None:
            found = self._kinds[key] = Recent(_kept(key))
            if len(self._kinds) > MOST_KINDS:
                self._kinds.popitem(last=False)
        else:
            self._kinds.move_to_end(key)
        return found

    def to_state(self) -> list[Any]:
        """Return it as JSON-compatible data."""
        return [[list(key), list(recent.by_time)] for key, recent in self._kinds.items()]

    @classmethod
    def from_state(cls, state: list[Any]) -> "RunHistory":
        """Make it again from `to_state`."""
        history = cls()
        for key, values in state:
            history._kinds[tuple(key)] = Recent(_kept(tuple(key)), values)
        return history


def _kinds(ask: Ask) -> list[tuple[_Key, bool]]:
    """Return the kinds a job belongs to, the most telling first, and whether the kind keeps shares of the limit instead of seconds."""
    limit, share = ask.limit_s, bool(ask.limit_s)
    kinds: list[tuple[_Key, bool]] = [(("shape", limit, ask.cards), False), (("all", share), share)]
    if ask.tenant:
        kinds.insert(0, (("tenant", ask.tenant, share), share))
    if not ask.user:
        return kinds
    user = ask.user
    return [(("same", user, limit, ask.cards), False), (("limit", user, limit), False), (("user", user, share), share), *kinds]


def _kept(key: _Key) -> int:
    return KEPT_OF_ALL if key[0] == "all" else KEPT_OF_SHAPE if key[0] == "shape" else KEPT


def _guess(ask: Ask, ran_s: float, most: float) -> float:
    """Return half of what is left, or as long again where there is no limit: nothing of the kind ever ran this long."""
    if ask.limit_s is None:
        return max(2.0 * ran_s, ran_s + 3600.0)
    return max(ran_s + (most - ran_s) / 2, ran_s + 1.0)
