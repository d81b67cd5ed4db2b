"""Several possible courses of one queue, kept up as things happen, each redone only when what it got wrong matters for the answer asked.

Each job draws one run time for each course, at quantiles spread evenly over its history and shuffled between courses (Latin hypercube): a few
courses then tell about as much as many independent ones. The median start of the courses is the forecast. It beats one course
of median run times because the first of many running jobs to end is sooner than their medians. One more course runs by limits alone,
as Slurm would tell it, to be compared with.
"""

from itertools import permutations
from math import inf

from wutong.centre.forecast.course import Course, Occupied, Queued
from wutong.centre.forecast.history import RunHistory
from wutong.centre.forecast.mirror import Known, Mirror

COUNT = 3
"""Three kept up closely foretell better than five at the same cost kept up less."""
_LIMITS = COUNT
_POINTS = [tuple((at + 0.5) / COUNT for at in order) for order in permutations(range(COUNT))]
_STRIDE = 47
"""Steps through the permutations; it shares no divisor with their number, so all come up equally often."""
_BESIDE = 0.25
"""The part of a job's card seconds that a course is taken to be wrong by for having had to make room for it."""
_MANY, _MOST_TIMES = 100, 5
"""With so many waiting, patience doubles, and so on up to so many times: a course costs more then, and one job's end matters less."""
_AGE = 3.0
"""A course is also redone when it is older than this many times what it may be wrong by: overdue jobs do not tell."""


class Courses:
    """The courses, and by how much each has gone wrong since it was worked out."""

    def __init__(self, mirror: Mirror, history: RunHistory, *, patience: float, limits: bool) -> None:
        """`patience`: the part of a predicted wait that may be wrong for want of working a course out again. `limits`: run the limits' course too."""
        self._mirror, self._history, self._patience = mirror, history, patience
        self.count = COUNT + limits
        self._drawn = 0
        self.forget()

    def forget(self) -> None:
        """Nothing waits, or everything changed: work out anew when asked."""
        self._courses: list[Course | None] = [None] * self.count
        self._built_s = [0.0] * self.count
        self._wrong = [0.0] * self.count
        """Card seconds by which the world has left the course."""

    def draw(self, known: Known, ran_s: float = 0.0) -> None:
        """Give a job its run times."""
        self._drawn += 1
        ask, most = known.ask, known.most_s
        known.points = _POINTS[self._drawn * _STRIDE % len(_POINTS)]
        known.draws = [*self._history.draw(ask, ran_s, known.points), most]
        known.entries = [(ask.cards, most, run, ask.name) for run in known.draws]

    def starts(self, now_s: float, known: Known) -> list[float]:
        """Return when the last job of the queue starts, in each course."""
        return [self._start(at, now_s, entry) for at, entry in enumerate(known.entries[: self.count])]

    def all_starts(self, now_s: float) -> list[dict[str, float]]:
        """Work every course out to its end."""
        return [self.finished(at, now_s) for at in range(self.count)]

    def finished(self, at: int, now_s: float) -> dict[str, float]:
        """Work one course out to its end."""
        return self._redo(at, now_s).finish()

    def room_after(self, now_s: float, cards: int, limit_s: float) -> list[float]:
        """Return when one more job would start in each course, right after `all_starts`."""
        return [course.room_after(now_s, cards, limit_s) for course in self._courses if course is not None]

    def held(self, now_s: float, known: Known) -> None:
        """A job started at once, without having waited."""
        for at, course in enumerate(self._courses):
            if course is not None:
                course.hold(now_s, known.entries[at])
                self._went_wrong(at, _BESIDE * known.ask.cards * known.draws[at])

    def ended(self, now_s: float, known: Known) -> None:
        """A job ended: count how far from each course's end of it."""
        start = known.start_s
        if start is None:
            self.forget()
            return
        for at in range(self.count):
            self._went_wrong(at, known.ask.cards * abs(start + known.draws[at] - now_s))

    def _went_wrong(self, at: int, card_s: float) -> None:
        if card_s < inf:
            self._wrong[at] += card_s

    def _start(self, at: int, now_s: float, entry: Queued) -> float:
        course = self._courses[at]
        if course is not None:
            cards, limit, run, _ = entry
            moment = course.room_for(now_s, cards, limit)
            start = course.now_s if moment is None else course.when(moment)
            allowed = self._patience * (1 + min(len(self._mirror.waiting) / _MANY, _MOST_TIMES)) * (start - now_s)
            if self._wrong[at] <= allowed * self._mirror.cards and now_s - self._built_s[at] <= _AGE * allowed:
                if moment is None:
                    return course.append(now_s, entry)
                self._went_wrong(at, _BESIDE * cards * run)
                return course.take(moment, entry)
        return self._redo(at, now_s).start_of(entry[3])

    def _redo(self, at: int, now_s: float) -> Course:
        mirror = self._mirror
        busy = [known.occupied[at] for known in mirror.running.values()]
        if busy and min(busy)[0] <= now_s:
            busy = [self._still(at, known, now_s) for known in mirror.running.values()]
        queue = [known.entries[at] for _, known in mirror.waiting]
        course = self._courses[at] = Course(now_s, mirror.free, busy, mirror.ends.copy(), queue)
        self._built_s[at], self._wrong[at] = now_s, 0.0
        return course

    def _still(self, at: int, known: Known, now_s: float) -> Occupied:
        """Return what a running job holds. One that outran its drawn run time draws again, among those that ran longer still."""
        end, limit_end, cards = known.occupied[at]
        if end <= now_s:
            start = known.start_s or 0.0
            if at == _LIMITS:
                return now_s + 1.0, limit_end, cards
            known.draws[at] = self._history.draw(known.ask, now_s - start, (known.points[at],))[0]
            known.occupied[at] = (start + known.draws[at], limit_end, cards)
        return known.occupied[at]
