"""The cluster as last heard of: who runs, who waits in what order, and whether one more could start at once. It decides nothing."""

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf

from wutong.centre.forecast.course import Occupied, Queued
from wutong.centre.forecast.rules import Ask, scheduling_order

_Place = tuple[float, float, str]


@dataclass(frozen=True, slots=True)
class Told:
    """What was said of a job when it was first seen: kept to be scored when it starts. Waits in seconds from `at_s`."""

    at_s: float
    raw_s: float
    spread: float
    wait_s: float
    bound_s: float
    limits_s: float | None
    """What limits alone foretold, where they foretell anything."""


@dataclass(slots=True)
class Known:
    """A job that waits or runs. Its draws are its total run times, one for each course of the queue."""

    ask: Ask
    most_s: float
    points: tuple[float, ...] = ()
    draws: list[float] = field(default_factory=list)
    entries: list[Queued] = field(default_factory=list)
    occupied: list[Occupied] = field(default_factory=list)
    """What each course is told of it once it runs."""
    start_s: float | None = None
    told: Told | None = None

    def begin(self, now_s: float) -> None:
        """Run from now."""
        self.start_s = now_s
        limit_end, cards = now_s + self.most_s, self.ask.cards
        self.occupied = [(now_s + run, limit_end, cards) for run in self.draws]


class Mirror:
    """Jobs by name, the queue in scheduling order, and the ends that limits promise."""

    def __init__(self, cards: int) -> None:
        self.cards = self.free = cards
        self.waiting: list[tuple[_Place, Known]] = []
        self.running: dict[str, Known] = {}
        self.queued: dict[str, Known] = {}
        self.ends: list[tuple[float, int]] = []
        self._promise: tuple[float, int] | None = None

    def knows(self, name: str) -> bool:
        """Whether a job waits or runs here."""
        return name in self.queued or name in self.running

    def is_last(self, ask: Ask) -> bool:
        """Whether a job would stand at the end of the queue."""
        return not self.waiting or self.waiting[-1][0] <= scheduling_order(ask)

    def fits_now(self, now_s: float, ask: Ask) -> bool:
        """Whether EASY backfill would start this job, standing last, at once."""
        if ask.cards > self.free:
            return False
        if not self.waiting:
            return True
        if self._promise is None:
            self._promise = self._work_out_promise(now_s)
        shadow, extra = self._promise
        return now_s + ask.most_s <= shadow or ask.cards <= extra

    def submit(self, known: Known) -> None:
        """Put a job in the queue."""
        insort(self.waiting, (scheduling_order(known.ask), known), key=_place)
        self.queued[known.ask.name] = known
        if self.waiting[0][1] is known:
            self._promise = None

    def start(self, now_s: float, name: str) -> Known | None:
        """Move a job from the queue to the machine; None when it does not wait there."""
        known = self.queued.pop(name, None)
        if known is None:
            return None
        self._leave(known)
        known.begin(now_s)
        self.running[name] = known
        self.free -= known.ask.cards
        insort(self.ends, (now_s + known.most_s, known.ask.cards))
        self._promise = None
        return known

    def end(self, name: str) -> Known | None:
        """Take a job off the machine, or out of the queue when it never ran; None when it is in neither."""
        self._promise = None
        known = self.running.pop(name, None)
        if known is None:
            known = self.queued.pop(name, None)
            if known is not None:
                self._leave(known)
            return known
        self.free += known.ask.cards
        self.ends.remove(((known.start_s or 0.0) + known.most_s, known.ask.cards))
        return known

    def replace(self, running: Iterable[Known], queued: Iterable[Known]) -> None:
        """Take a look at the whole cluster as what is true now."""
        self.running = {known.ask.name: known for known in running}
        self.queued = {known.ask.name: known for known in queued}
        self.waiting = sorted(((scheduling_order(known.ask), known) for known in self.queued.values()), key=_place)
        # Nodes may be gone while their jobs are still reported: never less than none free.
        self.free = max(0, self.cards - sum(known.ask.cards for known in self.running.values()))
        self.ends = sorted(((known.start_s or 0.0) + known.most_s, known.ask.cards) for known in self.running.values())
        self._promise = None

    def _leave(self, known: Known) -> None:
        del self.waiting[bisect_left(self.waiting, scheduling_order(known.ask), key=_place)]

    def _work_out_promise(self, now_s: float) -> tuple[float, int]:
        need, free = self.waiting[0][1].ask.cards, self.free
        for end, cards in self.ends:
            free += cards
            if free >= need:
                return max(end, now_s + 1.0), free - need
        return inf, free - need


def _place(entry: tuple[_Place, Known]) -> _Place:
    return entry[0]
