"""Replays a log on a machine under a policy: an event-driven simulation that answers questions and schedules nothing.

Jobs are known to the replayed scheduler by their limits and end by their run times. It starts jobs at submissions and ends, in the same instant.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from heapq import heappop, heappush
from math import inf

from wutong.centre.forecast.pools import Grant, Held, can_ever_hold, pool_of
from wutong.centre.forecast.priority import Priorities
from wutong.centre.forecast.rules import Machine, Order, Past, Policy


def replay(jobs: Sequence[Past], machine: Machine, policy: Policy) -> list[float]:
    """Return when each job starts, in the order given; infinite for one that the machine can never hold."""
    return _Replay(jobs, machine, policy).run()


class _Replay:
    def __init__(self, jobs: Sequence[Past], machine: Machine, policy: Policy) -> None:
        self._jobs, self._policy = jobs, policy
        self._starts = [inf] * len(jobs)
        held = {cards: can_ever_hold(machine, cards) for cards in {job.ask.cards for job in jobs}}
        coming = [number for number, job in enumerate(jobs) if held[job.ask.cards]]
        self._coming = sorted(coming, key=lambda number: (jobs[number].ask.submit_s, jobs[number].ask.name))
        self._pool = pool_of(machine)
        self._ends: list[tuple[float, int]] = []
        self._held: list[Held] = []
        self._grants: dict[int, Held] = {}
        self._queue: list[int] = []
        self._promised_s = inf
        self._priorities = Priorities(policy) if policy.order is Order.PRIORITY else None
        self._sorted_s = -inf

    def run(self) -> list[float]:
        """Go from event to event."""
        jobs, coming, ends = self._jobs, self._coming, self._ends
        at = 0
        while at < len(coming) or ends:
            next_submit = jobs[coming[at]].ask.submit_s if at < len(coming) else inf
            now = min(next_submit, ends[0][0] if ends else inf)
            freed = False
            while ends and ends[0][0] <= now:
                self._end(now, heappop(ends)[1])
                freed = True
            begun = at
            while at < len(coming) and jobs[coming[at]].ask.submit_s <= now:
                at += 1
            self._schedule(now, coming[begun:at], freed=freed)
        return self._starts

    def _schedule(self, now: float, new: list[int], *, freed: bool) -> None:
        queue = self._queue
        if queue and not freed and self._priorities is None:
            # Nothing was given back: whoever could not start before still cannot.
            if self._policy.order is Order.EASY:
                new = [number for number in new if not self._backfill(now, number)]
            queue += new
            return
        queue += new
        if self._priorities is not None and queue:
            self._sort(now)
        begun = 0
        while begun < len(queue) and self._start(now, queue[begun], self._pool.take(self._jobs[queue[begun]].ask.cards)):
            begun += 1
        del queue[:begun]
        if queue and self._policy.order is not Order.FIFO:
            self._promised_s = self._pool.promise(self._jobs[queue[0]].ask.cards, self._held)
            queue[1:] = [number for number in queue[1:] if not self._backfill(now, number)]

    def _backfill(self, now: float, number: int) -> bool:
        ask = self._jobs[number].ask
        if now + ask.most_s <= self._promised_s:
            return self._start(now, number, self._pool.take(ask.cards))
        return self._start(now, number, self._pool.take_beside(ask.cards))

    def _start(self, now: float, number: int, grant: Grant | None) -> bool:
        if grant is None:
            return False
        job = self._jobs[number]
        self._starts[number] = now
        heappush(self._ends, (now + job.run_s, number))
        held = self._grants[number] = (now + job.ask.most_s, number, grant)
        insort(self._held, held, key=_end_then_number)
        if self._priorities is not None:
            self._priorities.began(now, job)
        return True

    def _end(self, now: float, number: int) -> None:
        held = self._grants.pop(number)
        del self._held[bisect_left(self._held, held[:2], key=_end_then_number)]
        self._pool.give(held[2])
        if self._priorities is not None:
            self._priorities.ended(now, self._jobs[number])

    def _sort(self, now: float) -> None:
        """Order the queue; factors are worked out anew only so often, as Slurm does (PriorityCalcPeriod)."""
        priorities, jobs = self._priorities, self._jobs
        if priorities is None:
            return
        if now - self._sorted_s >= self._policy.recalculate_s:
            priorities.recalculate(now)
            self._sorted_s = now
        self._queue.sort(key=lambda number: priorities.key(now, jobs[number]))


def _end_then_number(held: Held) -> tuple[float, int]:
    return held[:2]
