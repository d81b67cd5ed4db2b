"""Who starts next on one machine: fair share over tenants, then priority, then age, with EASY backfill. Pure: no clock, no I/O.

The cost of a pass follows the number of starts and of distinct shapes (resources and time limit) that wait, never the length of the queue: of runs
that are alike in tenant, priority and shape only the oldest is looked at.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

CHARGED_AHEAD_S = 600
"""A start is charged to its tenant's share as though it ran for its time limit, at most this long, until its true use is known."""


@dataclass(frozen=True, slots=True)
class Need:
    """Resources of a run, or of the machine."""

    slots: int
    cpus: int
    memory_mb: int

    def fits(self, room: "Need") -> bool:
        """Tell whether this much can be taken from the room."""
        return self.slots <= room.slots and self.cpus <= room.cpus and self.memory_mb <= room.memory_mb

    def __add__(self, other: "Need") -> "Need":
        return Need(self.slots + other.slots, self.cpus + other.cpus, self.memory_mb + other.memory_mb)

    def __sub__(self, other: "Need") -> "Need":
        return Need(self.slots - other.slots, self.cpus - other.cpus, self.memory_mb - other.memory_mb)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run that waits. `lasts_s` bounds how long it can hold what it takes (time limit and grace)."""

    name: str
    tenant: str
    need: Need
    lasts_s: int
    priority: int = 0
    submitted_ms: int = 0

    @property
    def order(self) -> tuple[int, int, str]:
        """The order among the runs of one tenant."""
        return (-self.priority, self.submitted_ms, self.name)


@dataclass(frozen=True, slots=True)
class Holding:
    """A run that holds resources until `ends_by_s` at the latest."""

    need: Need
    ends_by_s: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What to start now, in order; the first run that has to wait; when at the latest there is room for it."""

    starts: tuple[Waiting, ...] = ()
    head: Waiting | None = None
    shadow_s: float | None = None


@dataclass(frozen=True, slots=True)
class Shares:
    """Each tenant's decayed past use in slot-seconds (with what it holds now charged ahead) and its weight (1 when not given)."""

    used: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)

    def score(self, tenant: str, more: float = 0.0) -> float:
        """Return the use for each unit of weight; the lowest goes first."""
        return (self.used.get(tenant, 0.0) + more) / self.weights.get(tenant, 1.0)


def charge(need: Need, lasts_s: float) -> float:
    """Return what a start costs its tenant's share before its true use is known, in slot-seconds; a run without slots counts a tenth of one."""
    return max(need.slots, 0.1) * min(lasts_s, CHARGED_AHEAD_S)


_Shape = tuple[Need, int]


class _Bucket:
    """Runs of one tenant with one shape, in their order. Removed ones stay in the heap until they come up."""

    __slots__ = ("heap",)

    def __init__(self) -> None:
        self.heap: list[tuple[tuple[int, int, str], Waiting]] = []


class Queue:
    """The runs that wait, by tenant and shape."""

    def __init__(self, waiting: Iterable[Waiting] = ()) -> None:
        self._tenants: dict[str, dict[_Shape, _Bucket]] = {}
        self._runs: dict[str, Waiting] = {}
        self.version = 0
        for run in waiting:
            self.add(run)

    def __len__(self) -> int:
        return len(self._runs)

    def __contains__(self, name: object) -> bool:
        return name in self._runs

    def __iter__(self) -> Iterator[Waiting]:
        return iter(self._runs.values())

    def find(self, name: str) -> Waiting | None:
        """Return the waiting run of this name, if there is one."""
        return self._runs.get(name)

    def add(self, run: Waiting) -> None:
        """Take a run in; a name that waits already is left as it is."""
        if run.name in self._runs:
            return
        self._runs[run.name] = run
        bucket = self._tenants.setdefault(run.tenant, {}).setdefault((run.need, run.lasts_s), _Bucket())
        heapq.heappush(bucket.heap, (run.order, run))
        self.version += 1

    def remove(self, name: str) -> Waiting | None:
        """Take a run out, because it starts or was cancelled."""
        run = self._runs.pop(name, None)
        if run is not None:
            self.version += 1
        return run

    def buckets(self) -> dict[str, list[_Bucket]]:
        """Return each tenant's buckets, tidied: empty ones are dropped and the first entry of each really waits."""
        for tenant, shapes in list(self._tenants.items()):
            for shape, bucket in list(shapes.items()):
                while bucket.heap and self._runs.get(bucket.heap[0][1].name) is not bucket.heap[0][1]:
                    heapq.heappop(bucket.heap)
                if not bucket.heap:
                    del shapes[shape]
            if not shapes:
                del self._tenants[tenant]
        return {tenant: list(shapes.values()) for tenant, shapes in self._tenants.items()}

    def waits(self, run: Waiting) -> bool:
        """Tell whether this very run still waits."""
        return self._runs.get(run.name) is run


class _Turns:
    """Hands out waiting runs in the order of fair share, priority and age, charging each one taken to its tenant ahead of time."""

    def __init__(self, queue: Queue, shares: Shares) -> None:
        self.queue = queue
        self.shares = shares
        self.more: dict[str, float] = {}
        self.lines: dict[str, list[tuple[tuple[int, int, str], int, Iterator[Waiting]]]] = {}
        self.turns: list[tuple[float, tuple[int, int, str], str]] = []
        for tenant, buckets in queue.buckets().items():
            line = [entry for number, bucket in enumerate(buckets) if (entry := self._first(number, _in_order(queue, bucket)))]
            heapq.heapify(line)
            self.lines[tenant] = line
            self._queue_up(tenant)

    def next(self) -> Waiting | None:
        """Return the run whose turn it is, without taking it."""
        if not self.turns:
            return None
        tenant = self.turns[0][2]
        return self._peek(tenant)

    def take(self) -> None:
        """The run whose turn it was is served: charge its tenant and go on."""
        tenant, run = self._pop()
        self.more[tenant] = self.more.get(tenant, 0.0) + charge(run.need, run.lasts_s)
        self._advance(tenant)

    def skip_alike(self) -> None:
        """The run whose turn it was cannot start now, so no run of its tenant and shape can: leave them all out."""
        tenant, _run = self._pop()
        heapq.heappop(self.lines[tenant])
        self._queue_up(tenant)

    def _pop(self) -> tuple[str, Waiting]:
        tenant = heapq.heappop(self.turns)[2]
        return tenant, self._peek(tenant)

    def _peek(self, tenant: str) -> Waiting:
        run = self.queue.find(self.lines[tenant][0][0][2])
        if run is None:
            raise LookupError(tenant)
        return run

    def _advance(self, tenant: str) -> None:
        _order, number, rest = heapq.heappop(self.lines[tenant])
        if entry := self._first(number, rest):
            heapq.heappush(self.lines[tenant], entry)
        self._queue_up(tenant)

    def _first(self, number: int, rest: Iterator[Waiting]) -> tuple[tuple[int, int, str], int, Iterator[Waiting]] | None:
        run = next(rest, None)
        return None if run is None else (run.order, number, rest)

    def _queue_up(self, tenant: str) -> None:
        if line := self.lines[tenant]:
            heapq.heappush(self.turns, (self.shares.score(tenant, self.more.get(tenant, 0.0)), line[0][0], tenant))


def _in_order(queue: Queue, bucket: _Bucket) -> Iterator[Waiting]:
    """Walk a heap in order without taking it apart: a frontier of positions, so that looking at k runs costs k log k."""
    heap = bucket.heap
    frontier = [(heap[0][0], 0)] if heap else []
    while frontier:
        _order, place = heapq.heappop(frontier)
        for child in (2 * place + 1, 2 * place + 2):
            if child < len(heap):
                heapq.heappush(frontier, (heap[child][0], child))
        if queue.waits(heap[place][1]):
            yield heap[place][1]


def plan(queue: Queue, holding: Iterable[Holding], total: Need, shares: Shares, now_s: float) -> Plan:
    """Choose what starts now.

    Runs are taken in turn. The first that does not fit is the head: it is promised a place at the shadow time, when by their limits enough others
    have ended. After it a run starts only if it fits and either ends before the shadow time or takes nothing the head will need.
    """
    held = list(holding)
    free = total
    for hold in held:
        free = free - hold.need
    turns = _Turns(queue, shares)
    starts: list[Waiting] = []
    head: Waiting | None = None
    shadow = spare = None
    while (run := turns.next()) is not None:
        if not run.need.fits(total):
            turns.skip_alike()
        elif head is None and not run.need.fits(free):
            head = run
            shadow, spare = _reservation(run.need, free, held, now_s)
            turns.skip_alike()
        elif run.need.fits(free) and (head is None or shadow is None or spare is None or _harmless(run, now_s, shadow, spare)):
            starts.append(run)
            held.append(Holding(run.need, now_s + run.lasts_s))
            free = free - run.need
            if spare is not None and shadow is not None and now_s + run.lasts_s > shadow:
                spare = spare - run.need
            turns.take()
        else:
            turns.skip_alike()
    return Plan(tuple(starts), head, shadow)


def _harmless(run: Waiting, now_s: float, shadow_s: float, spare: Need) -> bool:
    return now_s + run.lasts_s <= shadow_s or run.need.fits(spare)


def _reservation(need: Need, free: Need, held: list[Holding], now_s: float) -> tuple[float, Need]:
    """Return when by their limits enough runs have ended, and what is left over beside the head then."""
    shadow = now_s
    for hold in sorted(held, key=lambda hold: hold.ends_by_s):
        if need.fits(free) and hold.ends_by_s > shadow:
            break
        free = free + hold.need
        shadow = max(shadow, hold.ends_by_s)
    return shadow, free - need


def order(queue: Queue, shares: Shares) -> list[Waiting]:
    """Return all waiting runs in the order in which their turns would come, were nothing else to happen."""
    turns = _Turns(queue, shares)
    runs = []
    while (run := turns.next()) is not None:
        runs.append(run)
        turns.take()
    return runs


def explain(need: Need, free: Need, total: Need, ahead: int) -> str:
    """Say in one sentence what a run waits for."""
    queue = f"{ahead} {'run is' if ahead == 1 else 'runs are'} ahead" if ahead else "it is next"
    if not need.fits(total):
        return f"It needs {_say(need)}, more than this machine has now ({_say(total)})."
    if need.slots > free.slots:
        return f"It needs {need.slots} of {total.slots} accelerators and {free.slots} {'is' if free.slots == 1 else 'are'} free; {queue}."
    if need.cpus > free.cpus:
        return f"It needs {need.cpus} of {total.cpus} processors and {free.cpus} are free; {queue}."
    if need.memory_mb > free.memory_mb:
        return f"It needs {need.memory_mb} MiB of memory and {free.memory_mb} of {total.memory_mb} MiB are free; {queue}."
    return f"There is room for it now, kept for runs whose turn comes first; {queue}." if ahead else "It starts in a moment."


def _say(need: Need) -> str:
    return f"{need.slots} accelerators, {need.cpus} processors and {need.memory_mb} MiB of memory"
