"""Plain types of the catalogue of machines, and whether a request is possible on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from wutong.kit.errors import Conflict, NotFound, Problem


class Device(StrEnum):
    """What an accelerator is."""

    NPU = "npu"
    GPU = "gpu"
    CPU = "cpu"


class PoolState(StrEnum):
    """Whether a pool takes new work. A draining one finishes what it has."""

    OPEN = "open"
    DRAINING = "draining"
    CLOSED = "closed"


class Service(StrEnum):
    """How soon work of a flavour runs and whether it gives way; each has its own flavours, and so its own price."""

    NORMAL = "normal"
    URGENT = "urgent"
    IDLE = "idle"
    INTERACTIVE = "interactive"


class NodeState(StrEnum):
    """Whether a node takes work."""

    UP = "up"
    DRAINING = "draining"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Accelerator:
    """A kind of accelerator; `fp16_tflops` is the maker's peak figure for one card."""

    name: str
    vendor: str
    fp16_tflops: float
    memory_gb: int
    device: Device


@dataclass(frozen=True, slots=True)
class Pool:
    """Machines of one kind behind one engine."""

    name: str
    engine: str
    accelerator: str
    description: str
    state: PoolState
    max_time_limit_s: int
    partition: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of a pool; `reason` says why it is not up."""

    pool: str
    name: str
    cards: int
    cpus: int
    memory_mb: int
    state: NodeState
    reason: str = ""


@dataclass(frozen=True, slots=True)
class NodeEvent:
    """A node came up, went down or was drained; `by` is the operator, or the engine that reported it."""

    pool: str
    node: str
    at: datetime
    state: NodeState
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Faults:
    """How often a node went down in some time, when it did so last and why."""

    pool: str
    node: str
    times: int
    last_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class NodeOrder:
    """What an operator wants of a node that its engine has not been told yet."""

    id: int
    engine: str
    pool: str
    node: str
    state: NodeState
    reason: str


@dataclass(frozen=True, slots=True)
class Flavour:
    """What a tenant chooses: cards, CPUs and memory of each node of a run, and the class of service it runs at.

    `partition` is the engine's own name for the pool.
    """

    name: str
    pool: str
    engine: str
    accelerator: str
    cards: int
    cpus: int
    memory_mb: int
    description: str
    enabled: bool
    service: Service = Service.NORMAL
    partition: str = ""


@dataclass(frozen=True, slots=True)
class PoolCapacity:
    """Size and load of a pool; cards of nodes that are down are not counted."""

    pool: str
    accelerator: str
    nodes: int
    cards: int
    busy_cards: int
    pflops: float
    busy_pflops: float


@dataclass(frozen=True, slots=True)
class Capacity:
    """Size and load of the centre."""

    pools: tuple[PoolCapacity, ...]
    cards: int
    busy_cards: int
    pflops: float
    busy_pflops: float


class NoSuchFlavour(NotFound):
    """No flavour has this name."""

    code = "no_such_flavour"
    message = "There is no flavour {id}. Choose one of: {possible}."


class NoSuchPool(NotFound):
    """No pool has this name."""

    code = "no_such_pool"
    message = "There is no pool {id}. List the pools and choose one."


class NoSuchNode(NotFound):
    """No node has this name."""

    code = "no_such_node"
    message = "There is no machine {id}. List the machines and choose one."


class OnlyMachine(Conflict):
    """The only machine of an engine cannot be drained by itself: the engine starts what it is given, so nothing may be given to it."""

    code = "only_machine"
    message = "{node} is the only machine of its engine and cannot be drained by itself. Drain pool {pool} instead: it then takes no new jobs."


class NoSuchAccelerator(NotFound):
    """No accelerator kind has this name."""

    code = "no_such_accelerator"


class Impossible(Problem):
    """The machines can never run this; the sentence says what would be possible."""

    code = "impossible"
    status = 422
    message = "{reason}"


def why_impossible(flavour: Flavour, pool: Pool, machines: Sequence[Node], *, nodes: int, time_limit_s: int) -> str | None:
    """Return the sentence that says why a request can never run and what would; None when it can."""
    if not flavour.enabled:
        return f"Flavour {flavour.name} is not offered at present. List the flavours and choose another."
    return _why_pool(pool, time_limit_s) or _why_size(flavour, pool, machines, nodes)


def _why_pool(pool: Pool, time_limit_s: int) -> str | None:
    if pool.state != PoolState.OPEN:
        return f"Pool {pool.name} takes no new jobs ({pool.state}). Choose a flavour of another pool, or wait until the centre opens it again."
    if not 1 <= time_limit_s <= pool.max_time_limit_s:
        return f"A time limit of {time_limit_s} s is not possible; pool {pool.name} allows 1 to {pool.max_time_limit_s} s."
    return None


def _why_size(flavour: Flavour, pool: Pool, machines: Sequence[Node], nodes: int) -> str | None:
    if nodes < 1:
        return "A job needs at least 1 node."
    fitting = sum(1 for node in machines if _fits(flavour, node))
    if fitting == 0:
        return f"Flavour {flavour.name} fits no node of pool {pool.name}; {_largest(machines)}. Choose a smaller flavour."
    if nodes > fitting:
        return f"{nodes} nodes of flavour {flavour.name} are not possible; pool {pool.name} has {fitting} that fit. Ask for 1 to {fitting}."
    return None


def _fits(flavour: Flavour, node: Node) -> bool:
    return flavour.cards <= node.cards and flavour.cpus <= node.cpus and flavour.memory_mb <= node.memory_mb


def _largest(machines: Sequence[Node]) -> str:
    if not machines:
        return "it has no nodes"
    node = max(machines, key=lambda each: (each.cards, each.cpus, each.memory_mb))
    return f"its largest has {node.cards} cards, {node.cpus} CPUs and {node.memory_mb} MiB"


def embedded_flavours(*, slots: int, cpus: int, memory_mb: int) -> list[Flavour]:
    """Return the flavours of the embedded centre: 1, 2, 4 … slots, each with its share of CPUs and memory."""
    sizes = [1 << power for power in range(max(slots, 1).bit_length()) if 1 << power <= slots]
    return [_embedded(size, max(cpus * size // slots, 1), max(memory_mb * size // slots, 64)) for size in sizes]


def _embedded(size: int, cpus: int, memory_mb: int) -> Flavour:
    words = f"{size} CPU slot{'s' if size > 1 else ''}, {cpus} CPU{'s' if cpus > 1 else ''}, {memory_mb / 1024:.1f} GiB memory"
    return Flavour(f"cpu.{size}", "local", "local", "cpu-slot", size, cpus, memory_mb, words, enabled=True)
