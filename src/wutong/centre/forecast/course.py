"""One possible course of the queue: EASY backfill run ahead of time, with run times as drawn and limits as the scheduler knows them.

Jobs that ask for the same stand or fall together, so the work of a pass follows the number of kinds that wait, not the number of jobs.

A course is worked out only as far as somebody asked. A job that arrives later stands last in the queue, so it changes nothing before its own
start: its start is the first moment of the course that has room for it, found without working anything out again.
"""

from bisect import bisect_left, bisect_right, insort
from collections import deque
from heapq import heapify, heappop, heappush, heapreplace
from math import inf

Queued = tuple[int, float, float, str]
"""Cards, longest run by its limit, run as drawn, name."""
Occupied = tuple[float, float, int]
"""End as drawn, end by the limit, cards."""

LONG, GRAIN = 300, 0.02
"""While more jobs than LONG wait, ends closer together than this part of the time looked ahead count as one, which bounds the work."""


class Course:
    """The state at `now_s`, the farthest moment worked out, and what was free at each moment up to it."""

    __slots__ = ("_busy", "_extra", "_free", "_head", "_kinds", "_limits", "_queue", "_shadow", "_tried", "_when", "free", "now_s", "starts")

    def __init__(self, now_s: float, free: int, running: list[Occupied], ends: list[tuple[float, int]], queue: list[Queued]) -> None:
        """`ends`: of running jobs by their limits, in order, with their cards; `queue` in scheduling order. All lists become the course's own."""
        self.now_s, self.free = now_s, free
        self._busy, self._queue = running, queue
        self._head = 0
        self._kinds: dict[tuple[int, float], deque[int]] = {}
        heapify(running)
        for at, job in enumerate(queue):
            self._stand(at, job)
        self._limits = ends
        self._tried: dict[tuple[int, float], int] = {}
        self.starts: dict[str, float] = {}
        self._when: list[float] = []
        self._free: list[int] = []
        self._shadow: list[float] = []
        self._extra: list[int] = []
        self._schedule()

    def _stand(self, at: int, job: Queued) -> None:
        kind = job[:2]
        places = self._kinds.get(kind)
        if places is None:
            self._kinds[kind] = deque((at,))
        else:
            places.append(at)

    def start_of(self, name: str) -> float:
        """Work on until a queued job starts."""
        starts = self.starts
        while name not in starts and self._goes_on():
            self._step()
        return starts.get(name, inf)

    def finish(self) -> dict[str, float]:
        """Work on until everything that can ever start has started."""
        while self._head < len(self._queue) and self._goes_on():
            self._step()
        return self.starts

    def room_for(self, now_s: float, cards: int, limit: float) -> int | None:
        """Return the first moment worked out after `now_s` at which one more job would start, if there is one."""
        when, free, shadow, extra = self._when, self._free, self._shadow, self._extra
        kind = cards, limit
        # Moments only fill up: where there was no room for the kind before, there is none now.
        first = max(bisect_right(when, now_s), self._tried.get(kind, 0))
        for at in range(first, len(when)):
            if free[at] >= cards and (when[at] + limit <= shadow[at] or extra[at] >= cards):
                self._tried[kind] = at
                return at
        self._tried[kind] = len(when)
        return None

    def room_after(self, now_s: float, cards: int, limit: float) -> float:
        """Return when one more job, standing last, would start once the course is finished; it is not put there."""
        moment = self.room_for(now_s, cards, limit)
        if moment is not None:
            return self._when[moment]
        free = self.free
        for end, _, released in sorted(self._busy):
            free += released
            if free >= cards:
                return end
        return inf

    def when(self, moment: int) -> float:
        """Return the time of a moment."""
        return self._when[moment]

    def take(self, at: int, job: Queued) -> float:
        """Start one more job at a moment `room_for` named. What it pushes back there is left for the next course to find: it is little."""
        cards, limit, run, name = job
        start = self._when[at]
        end = start + run
        self.starts[name] = start
        free, extra, shadow, limit_end = self._free, self._extra, self._shadow, start + limit
        for moment in range(at, bisect_left(self._when, end)):
            free[moment] -= cards
            if limit_end > shadow[moment]:
                extra[moment] -= cards
        if end > self.now_s:
            self.free -= cards
            heappush(self._busy, (end, limit_end, cards))
            insort(self._limits, (limit_end, cards))
        return start

    def append(self, now_s: float, job: Queued) -> float:
        """Put a job at the end of the queue, past all moments worked out, and work on until it starts."""
        while self.now_s <= now_s and self._goes_on():
            self._step()
        self.now_s = max(self.now_s, now_s)
        self._stand(len(self._queue), job)
        self._queue.append(job)
        self._schedule()
        return self.start_of(job[3])

    def hold(self, now_s: float, job: Queued) -> None:
        """Book a job that did start at `now_s`."""
        self.take(max(bisect_right(self._when, now_s) - 1, 0), job)

    def _goes_on(self) -> bool:
        return bool(self._busy) and self._busy[0][0] < inf

    def _step(self) -> None:
        """Go on to the next end of a job, and schedule."""
        busy, limits = self._busy, self._limits
        end, limit_end, cards = heappop(busy)
        self.now_s = now = max(end, self.now_s)
        free = self.free + cards
        del limits[bisect_left(limits, (limit_end, cards))]
        near = now + GRAIN * (now - self._when[0]) if len(self._queue) - self._head > LONG else now
        while busy and busy[0][0] <= near:
            _, limit_end, cards = heappop(busy)
            free += cards
            del limits[bisect_left(limits, (limit_end, cards))]
        self.free = free
        self._schedule()

    def _schedule(self) -> None:
        """One pass of the scheduler: the head of the queue while it fits, then whoever delays the next head by nothing."""
        queue, head, free, starts = self._queue, self._head, self.free, self.starts
        shadow, extra = inf, free
        while head < len(queue):
            job = queue[head]
            if job[3] not in starts:
                if job[0] > free:
                    break
                free -= job[0]
                self._begin(job)
            head += 1
        self._head = head
        if head < len(queue):
            shadow, extra = self._promise(queue[head][0], free)
            if free > 0:
                free, extra = self._backfill(free, shadow, extra)
        else:
            extra = free
        self.free = free
        self._when.append(self.now_s)
        self._free.append(free)
        self._shadow.append(shadow)
        self._extra.append(extra)

    def _promise(self, cards: int, free: int) -> tuple[float, int]:
        """Return when the head fits at the latest, and how many cards it leaves over then."""
        now, found = self.now_s, inf
        for limit_end, released in self._limits:
            if limit_end > found:
                break
            free += released
            if found == inf and free >= cards:
                # A job past its limit is about to be ended. All that end at the same moment count.
                found = limit_end if limit_end > now else now + 1.0
        return found, free - cards

    def _backfill(self, free: int, shadow: float, extra: int) -> tuple[int, int]:
        """Start whoever fits and delays the head by nothing; return what is left free, and left over beside the head."""
        queue, slack = self._queue, shadow - self.now_s
        eligible = [
            (places[0], cards, limit, places)
            for (cards, limit), places in self._kinds.items()
            if cards <= free and (limit <= slack or cards <= extra)
        ]
        heapify(eligible)
        while eligible and free:
            at, cards, limit, places = eligible[0]
            if cards > free or (limit > slack and cards > extra):
                heappop(eligible)
                continue
            if limit > slack:
                extra -= cards
            free -= cards
            self._begin(queue[at])
            if places and cards <= free:
                heapreplace(eligible, (places[0], cards, limit, places))
            else:
                heappop(eligible)
        return free, extra

    def _begin(self, job: Queued) -> None:
        cards, limit, run, name = job
        kind = cards, limit
        places = self._kinds[kind]
        places.popleft()
        if not places:
            del self._kinds[kind]
        now = self.now_s
        self.starts[name] = now
        heappush(self._busy, (now + run, now + limit, cards))
        insort(self._limits, (now + limit, cards))
