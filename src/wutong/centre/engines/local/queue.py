"""Who starts next on one machine: fair share over tenants, then priority, then age, with EASY backfill. Pure: no clock, no I/O.

The cost of a pass follows the number of starts, of tenants that wait, and of distinct shapes (resources and time limit), never the length of the
queue: where one run of a shape cannot start, none of that shape can.
"""

import heapq
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

CHARGED_AHEAD_S = 600
"""A start is charged to its tenant's share as though it ran for its time limit, at most this long, until its true use is known."""


@dataclass(frozen=True, slots=True)
class Need:
    """Resources of a run, or of the machine: slots that stand for accelerators, processors, memory, and true cards of a kind where there are any."""

    slots: int
    cpus: int
    memory_mb: int
    cards: int = 0
    kind: str = ""

    @property
    def counted(self) -> int:
        """What is metered and shared out: a run has slots or cards, never both."""
        return self.slots + self.cards

    def fits(self, room: "Need") -> bool:
        """Tell whether this much can be taken from the room."""
        return self.slots <= room.slots and self.cpus <= room.cpus and self.memory_mb <= room.memory_mb and self.cards <= room.cards_for(self)

    def cards_for(self, need: "Need") -> int:
        """Return how many cards of the kind that somebody needs there are; none of another kind serves."""
        return self.cards if self.kind == need.kind else 0

    def __add__(self, other: "Need") -> "Need":
        return Need(self.slots + other.slots, self.cpus + other.cpus, self.memory_mb + other.memory_mb, self.cards + other.cards_for(self), self.kind)

    def __sub__(self, other: "Need") -> "Need":
        return Need(self.slots - other.slots, self.cpus - other.cpus, self.memory_mb - other.memory_mb, self.cards - other.cards_for(self), self.kind)


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

    @property
    def shape(self) -> "_Shape":
        """What decides whether it can start now: runs of one shape are alike in that."""
        return (self.need, self.lasts_s)


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
    return max(need.counted, 0.1) * min(lasts_s, CHARGED_AHEAD_S)


_Shape = tuple[Need, int]
_Order = tuple[int, int, str]
_Heap = list[tuple[_Order, Waiting]]


class Queue:
    """The runs that wait, by tenant and shape. A run taken out stays in its heap until it comes up there."""

    def __init__(self, waiting: Iterable[Waiting] = ()) -> None:
        self._tenants: dict[str, dict[_Shape, _Heap]] = {}
        self._fronts: dict[str, _Order] = {}
        self._touched: set[str] = set()
        self._runs: dict[str, Waiting] = {}
        self._shapes: Counter[_Shape] = Counter()
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
        self._shapes[run.shape] += 1
        heapq.heappush(self._tenants.setdefault(run.tenant, {}).setdefault(run.shape, []), (run.order, run))
        self._touched.add(run.tenant)
        self.version += 1

    def remove(self, name: str) -> Waiting | None:
        """Take a run out, because it starts or was cancelled."""
        run = self._runs.pop(name, None)
        if run is not None:
            self._shapes[run.shape] -= 1
            if not self._shapes[run.shape]:
                del self._shapes[run.shape]
            self._touched.add(run.tenant)
            self.version += 1
        return run

    def shapes(self) -> int:
        """Return how many kinds of runs wait."""
        return len(self._shapes)

    def fronts(self) -> dict[str, _Order]:
        """Return the order of each tenant's first run."""
        for tenant in self._touched:
            self._tidy(tenant)
        self._touched.clear()
        return self._fronts

    def line(self, tenant: str, barred: Container[_Shape]) -> list["_Entry"]:
        """Return a tenant's runs as a heap of one entry a shape, each with the runs that come after it."""
        entries = []
        for number, (shape, heap) in enumerate(self._tenants[tenant].items()):
            if shape not in barred:
                rest = self._in_order(heap)
                entries.append((heap[0][0], number, next(rest), rest))
        heapq.heapify(entries)
        return entries

    def _tidy(self, tenant: str) -> None:
        shapes = self._tenants.get(tenant, {})
        for shape, heap in list(shapes.items()):
            while heap and self._runs.get(heap[0][1].name) is not heap[0][1]:
                heapq.heappop(heap)
            if not heap:
                del shapes[shape]
        if shapes:
            self._fronts[tenant] = min(heap[0][0] for heap in shapes.values())
        else:
            self._tenants.pop(tenant, None)
            self._fronts.pop(tenant, None)

    def _in_order(self, heap: _Heap) -> Iterator[Waiting]:
        """Walk a heap in order without taking it apart: a frontier of positions, so that looking at k runs costs k log k."""
        frontier = [(heap[0][0], 0)]
        while frontier:
            _order, place = heapq.heappop(frontier)
            for child in (2 * place + 1, 2 * place + 2):
                if child < len(heap):
                    heapq.heappush(frontier, (heap[child][0], child))
            run = heap[place][1]
            if self._runs.get(run.name) is run:
                yield run


_Entry = tuple[_Order, int, Waiting, Iterator[Waiting]]


class _Turns:
    """Hands out waiting runs in the order of fair share, priority and age, charging each one taken to its tenant ahead of time."""

    def __init__(self, queue: Queue, shares: Shares) -> None:
        self._queue = queue
        self._shares = shares
        self._more: dict[str, float] = {}
        self._lines: dict[str, list[_Entry]] = {}
        self._barred: set[_Shape] = set()
        self._turns = [(shares.score(tenant), front, tenant) for tenant, front in queue.fronts().items()]
        heapq.heapify(self._turns)

    def next(self) -> Waiting | None:
        """Return the run whose turn it is, without taking it."""
        while self._turns and len(self._barred) < self._queue.shapes():
            score, front, tenant = self._turns[0]
            if tenant not in self._lines:
                self._lines[tenant] = self._queue.line(tenant, self._barred)
            line = self._lines[tenant]
            while line and line[0][2].shape in self._barred:
                heapq.heappop(line)
            if not line:
                heapq.heappop(self._turns)
            elif line[0][0] != front:
                heapq.heapreplace(self._turns, (score, line[0][0], tenant))
            else:
                return line[0][2]
        return None

    def take(self) -> None:
        """The run whose turn it is is served: charge its tenant and go on."""
        tenant = self._turns[0][2]
        line = self._lines[tenant]
        _order, number, run, rest = line[0]
        self._more[tenant] = self._more.get(tenant, 0.0) + charge(run.need, run.lasts_s)
        following = next(rest, None)
        if following is None:
            heapq.heappop(line)
        else:
            heapq.heapreplace(line, (following.order, number, following, rest))
        if line:
            heapq.heapreplace(self._turns, (self._shares.score(tenant, self._more[tenant]), line[0][0], tenant))
        else:
            heapq.heappop(self._turns)

    def bar(self, shape: _Shape) -> None:
        """No run of this shape, whosoever, can start now: what is free only shrinks. Leave them all out."""
        self._barred.add(shape)


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
            turns.bar(run.shape)
        elif head is None and not run.need.fits(free):
            head = run
            shadow, spare = _reservation(run.need, free, held, now_s)
            turns.bar(run.shape)
        elif run.need.fits(free) and (head is None or shadow is None or spare is None or _harmless(run, now_s, shadow, spare)):
            starts.append(run)
            held.append(Holding(run.need, now_s + run.lasts_s))
            free = free - run.need
            if spare is not None and shadow is not None and now_s + run.lasts_s > shadow:
                spare = spare - run.need
            turns.take()
        else:
            turns.bar(run.shape)
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
    if need.cards and need.kind != total.kind:
        return f"Its accelerators ({need.kind}) are not in this machine now."
    if not need.fits(total):
        return f"It needs {_say(need, need.counted)}, more than this machine has now ({_say(total, total.cards if need.cards else total.slots)})."
    for wanted, there, whole in ((need.cards, free.cards, total.cards), (need.slots, free.slots, total.slots)):
        if wanted > there:
            return f"It needs {wanted} of {whole} accelerators and {there} {'is' if there == 1 else 'are'} free; {queue}."
    if need.cpus > free.cpus:
        return f"It needs {need.cpus} of {total.cpus} processors and {free.cpus} are free; {queue}."
    if need.memory_mb > free.memory_mb:
        return f"It needs {need.memory_mb} MiB of memory and {free.memory_mb} of {total.memory_mb} MiB are free; {queue}."
    return f"There is room for it now, kept for runs whose turn comes first; {queue}." if ahead else "It starts in a moment."


def _say(need: Need, accelerators: int) -> str:
    return f"{accelerators} accelerators, {need.cpus} processors and {need.memory_mb} MiB of memory"
