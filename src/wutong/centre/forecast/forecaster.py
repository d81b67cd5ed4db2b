"""The honest queue's forecaster: hears what is submitted, starts and ends, and says when each waiting job will start, with a bound that
nine in ten keep. It keeps score of what it said, and schedules nothing. One forecaster a pool; it is not thread-safe.
"""

from collections.abc import Generator, Iterable
from heapq import heappop, heappush
from math import inf
from typing import Any, TypeVar

from wutong.centre.forecast.accuracy import Accuracy, Scoreboard
from wutong.centre.forecast.calibration import Calibration, spread_of
from wutong.centre.forecast.courses import COUNT, Courses
from wutong.centre.forecast.history import RunHistory
from wutong.centre.forecast.mirror import Known, Mirror, Told
from wutong.centre.forecast.rules import WAITS_S, Ask, Prediction, Running

PATIENCE = 0.03
"""The part of a foretold wait that may be wrong for want of working it out anew: dearer below, worse above."""
_PART = 5_000
"""Jobs that are told of at once while looking in parts."""
MOST_TOLD = 20_000
"""Forecasts of waiting jobs that a saved state carries along."""

R = TypeVar("R")
Parts = Generator[None, None, R]
"""Work in parts, with what comes of it in the end."""


def finish(parts: Parts[R]) -> R:
    """Do what is left of work in parts, and return what came of it."""
    while True:
        try:
            next(parts)
        except StopIteration as end:
            found: R = end.value
            return found


class Forecaster:
    """Learns as jobs start and end. Feed it events as they come, or look at the whole cluster with `predict`, or both."""

    def __init__(self, cards: int, *, patience: float = PATIENCE, limits: bool = True) -> None:
        """`patience`: see `Courses`; 0 works everything out anew each time. `limits`: also foretell by limits alone, for comparison."""
        self._mirror = Mirror(cards)
        self._history = RunHistory()
        self._calibration = Calibration()
        self._scoreboard = Scoreboard()
        self._courses = Courses(self._mirror, self._history, patience=patience, limits=limits)
        self._bounds: list[tuple[float, str]] = []
        """When the bound of each waiting job passes, soonest first."""
        self._missed: set[str] = set()
        """Waiting jobs whose bound has passed, and was counted as missed."""
        self._told: dict[str, Told] = {}
        """Of a saved state, until the jobs are seen again."""

    @property
    def learnt(self) -> int:
        """Return how many run times of the past forecasts rest on; it counts no further than it remembers."""
        return self._history.learnt

    @property
    def is_proven(self) -> bool:
        """Tell whether enough forecasts came true or not for the bound to mean nine in ten."""
        return self._calibration.is_proven

    def knows(self, name: str) -> bool:
        """Tell whether a job is known to wait or run."""
        return self._mirror.knows(name)

    def resize(self, cards: int) -> None:
        """Hear that the pool has another size now; the next look takes it into account."""
        self._mirror.cards = cards

    def observe_submit(self, now_s: float, ask: Ask) -> Prediction:
        """Hear of a job submitted, and say when it will start."""
        self._count_missed(now_s)
        mirror, courses = self._mirror, self._courses
        known = Known(ask, ask.most_s)
        courses.draw(known)
        last = mirror.is_last(ask)
        if last and mirror.fits_now(now_s, ask):
            if mirror.waiting:
                courses.held(now_s, known)
            mirror.submit(known)
            known.told = Told(now_s, 0.0, 0.0, 0.0, 0.0, 0.0)
            return Prediction(now_s, now_s)
        if not last or not mirror.waiting:
            courses.forget()
        mirror.submit(known)
        starts = courses.starts(now_s, known) if last else [course.get(ask.name, inf) for course in courses.all_starts(now_s)]
        told = self._tell(now_s, starts)
        self._remember(known, told)
        return _prediction(now_s, told)

    def observe_start(self, now_s: float, name: str) -> None:
        """Hear that a job started. One that was never heard of is passed over."""
        self._count_missed(now_s)
        known = self._mirror.start(now_s, name)
        if known is None:
            return
        self._score(now_s, known)
        if not self._mirror.waiting:
            self._courses.forget()

    def observe_end(self, now_s: float, name: str, run_s: float | None = None) -> None:
        """Hear that a job ended, or left the queue; `run_s` where the engine's own record says how long it ran."""
        known = self._mirror.end(name)
        if known is None:
            return
        self._missed.discard(name)
        if known.start_s is not None:
            self._history.learn(known.ask, now_s - known.start_s if run_s is None else run_s)
        self._courses.ended(now_s, known)

    def learn(self, ask: Ask, run_s: float) -> None:
        """Take in a past job from accounting, so that a new forecaster does not begin knowing nothing."""
        self._history.learn(ask, run_s)

    def predict(self, now_s: float, running: Iterable[Running], queued: Iterable[Ask]) -> dict[str, Prediction]:
        """Look at the whole cluster, and say when each waiting job will start. What is not in the lists is gone."""
        return finish(self.looking(now_s, running, queued))

    def looking(self, now_s: float, running: Iterable[Running], queued: Iterable[Ask]) -> Parts[dict[str, Prediction]]:
        """Do the same in parts, none of them long however many wait. Nothing else may be asked or told in between."""
        self._take(now_s, running, queued)
        self._count_missed(now_s)
        courses = []
        for at in range(self._courses.count):
            yield
            courses.append(self._courses.finished(at, now_s))
        predictions: dict[str, Prediction] = {}
        for number, (name, known) in enumerate(self._mirror.queued.items()):
            if number % _PART == 0:
                yield
            told = self._tell(now_s, [course.get(name, inf) for course in courses])
            if known.told is None:
                self._remember(known, self._told.get(name, told))
            predictions[name] = _prediction(now_s, told)
        self._told.clear()
        return predictions

    def probe(self, now_s: float, ask: Ask) -> Prediction:
        """Say when one more job would start, standing last, right after a look with `predict`. Nothing is kept of it."""
        if self._mirror.is_last(ask) and self._mirror.fits_now(now_s, ask):
            return Prediction(now_s, now_s)
        return _prediction(now_s, self._tell(now_s, self._courses.room_after(now_s, ask.cards, ask.most_s)))

    def accuracy(self, now_s: float) -> Accuracy:
        """Say how good the last month's forecasts were, each as it was when the job was first seen."""
        return self._scoreboard.report(now_s)

    def to_state(self) -> dict[str, Any]:
        """Return what was learnt as JSON-compatible data of bounded size. Who waits and runs is not in it: look again with `predict`."""
        told = {name: known.told for name, known in self._mirror.queued.items() if known.told is not None}
        kept = list(told.items())[:MOST_TOLD]
        return {
            "history": self._history.to_state(),
            "calibration": self._calibration.to_state(),
            "scoreboard": self._scoreboard.to_state(),
            "told": {name: [one.at_s, one.raw_s, one.spread, one.wait_s, one.bound_s, one.limits_s] for name, one in kept if one.bound_s < inf},
        }

    @classmethod
    def from_state(cls, cards: int, state: dict[str, Any], *, patience: float = PATIENCE, limits: bool = True) -> "Forecaster":
        """Make a forecaster that knows what `to_state` kept."""
        found = cls(cards, patience=patience, limits=limits)
        found._history = RunHistory.from_state(state["history"])
        found._calibration = Calibration.from_state(state["calibration"])
        found._scoreboard = Scoreboard.from_state(state["scoreboard"])
        found._courses = Courses(found._mirror, found._history, patience=patience, limits=limits)
        found._told = {name: Told(*fields) for name, fields in state["told"].items()}
        return found

    def _tell(self, now_s: float, starts: list[float]) -> Told:
        """Make a forecast of the courses' starts."""
        limits_s = starts[COUNT] - now_s if len(starts) > COUNT and starts[COUNT] < inf else None
        ordered = sorted(starts[:COUNT])
        raw = max(ordered[COUNT // 2] - now_s, 0.0)
        if raw == inf:
            return Told(now_s, inf, 0.0, inf, inf, limits_s)
        if ordered[-1] <= now_s:
            return Told(now_s, 0.0, 0.0, 0.0, 0.0, 0.0)
        spread = spread_of(raw, ordered[-1] - now_s)
        wait, bound = self._calibration.correct(raw, spread)
        return Told(now_s, raw, spread, wait, bound, limits_s)

    def _remember(self, known: Known, told: Told) -> None:
        """Keep what was told of a job, to be scored when it starts."""
        known.told = told
        if WAITS_S <= told.wait_s < inf:
            heappush(self._bounds, (told.at_s + told.bound_s, known.ask.name))

    def _count_missed(self, now_s: float) -> None:
        """Learn at once of bounds that passed while the job still waits: its start may be days away."""
        while self._bounds and self._bounds[0][0] < now_s:
            name = heappop(self._bounds)[1]
            if name in self._mirror.queued:
                self._missed.add(name)
                self._calibration.count(missed=True)

    def _score(self, now_s: float, known: Known) -> None:
        told, known.told = known.told, None
        if told is None or told.raw_s == inf:
            return
        waited = max(now_s - told.at_s, 0.0)
        self._scoreboard.score(told, waited)
        if told.bound_s > 0:
            self._calibration.learn(told, waited)
        if told.wait_s >= WAITS_S and known.ask.name not in self._missed:
            self._calibration.count(missed=waited > told.bound_s)
        self._missed.discard(known.ask.name)

    def _take(self, now_s: float, running: Iterable[Running], queued: Iterable[Ask]) -> None:
        """Make the mirror say what the lists say, keeping what is known of each job."""
        mirror = self._mirror
        here = {**mirror.queued, **mirror.running}
        on, waiting = [], []
        for job in running:
            known = self._known(here, job.ask, max(now_s - job.start_s, 0.0))
            if known.start_s is None:
                known.told = known.told or self._told.pop(job.ask.name, None)
                self._score(job.start_s, known)
            if known.start_s != job.start_s:
                known.begin(job.start_s)
            on.append(known)
        for ask in queued:
            known = self._known(here, ask, 0.0)
            known.start_s = None
            waiting.append(known)
        mirror.replace(on, waiting)
        self._missed &= mirror.queued.keys()

    def _known(self, here: dict[str, Known], ask: Ask, ran_s: float) -> Known:
        known = here.get(ask.name)
        if known is None or known.ask != ask:
            told = known.told if known is not None else None
            known = Known(ask, ask.most_s, told=told)
            self._courses.draw(known, ran_s)
        known.ask = ask
        return known


def _prediction(now_s: float, told: Told) -> Prediction:
    return Prediction(now_s + told.wait_s, now_s + told.bound_s)
