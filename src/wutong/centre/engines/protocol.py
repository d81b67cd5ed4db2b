"""What an engine promises: the verbs, the answers, and that *unknown* is an answer.

Only plain types and the standard library: the agent of the local engine imports this without the rest of the product. Every look at an engine
ends in a value, in `Absent` ("looked and found none") or in `Unknown` ("could not look"); the two are never confused, because
only the first may lead to a second submission.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

PROCESSORS = frozenset(("", "cpu-slot", "cpu-core"))
"""The kinds of accelerator that are none: what a run for one of these takes are processors, of which slots are made."""


class Phase(StrEnum):
    """Where a run stands in its engine."""

    QUEUED = "queued"
    RUNNING = "running"
    ENDED = "ended"


class EndReason(StrEnum):
    """Why a run ended. Which of these is tried again, and which is nobody's bill, is for the caller to say."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIME_LIMIT = "time_limit"
    OUT_OF_MEMORY = "out_of_memory"
    LOG_LIMIT = "log_limit"
    DISK_FULL = "disk_full"
    START_FAILED = "start_failed"
    PREEMPTED = "preempted"
    NODE_LOST = "node_lost"
    ENGINE_FAULT = "engine_fault"


class Launch(StrEnum):
    """Where a run's command is started: once on the first of its nodes, once on each node, or once for each rank, several to a node."""

    ONCE = "once"
    NODE = "node"
    RANK = "rank"


@dataclass(frozen=True, slots=True)
class Mount:
    """A file tree of the host shown to the run at `target`."""

    source: str
    target: str
    read_only: bool = True


@dataclass(frozen=True, slots=True)
class RunSpec:
    """All an engine needs to run one attempt. Sizes are MiB, times seconds; `slots` counts accelerators on each node.

    `partition` is the engine's own name for the pool, `accelerator` the kind of card (one of `PROCESSORS`
    for processors alone), `service` the class of service.
    `processes` are those of a node that `launch` starts, or leaves to the command to start. When a rank fails all begin again, `rank_restarts` times.
    `person` is whose run it is: engines have no use for it, the history of run times has.
    """

    name: str
    tenant: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    sealed_environment: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    code_source: str | None = None
    nodes: int = 1
    slots: int = 1
    cpus: int = 1
    memory_mb: int = 1024
    time_limit_s: int = 3600
    grace_s: int = 10
    checkpoint_signal: str = "SIGTERM"
    priority: int = 0
    log_limit_bytes: int = 256 * 1024 * 1024
    disk_limit_mb: int = 10 * 1024
    resume_from: str | None = None
    network: bool = False
    partition: str = ""
    accelerator: str = ""
    service: str = "normal"
    processes: int = 1
    launch: Launch = Launch.ONCE
    rank_restarts: int = 0
    person: str = ""

    @property
    def ranks(self) -> int:
        """How often the command is started; each start has a log of its own."""
        return rank_count(self.launch, nodes=self.nodes, processes=self.processes)


def rank_count(launch: Launch, *, nodes: int, processes: int) -> int:
    """Return how often a command is started on so many nodes."""
    return {Launch.ONCE: 1, Launch.NODE: nodes, Launch.RANK: nodes * processes}[launch]


@dataclass(frozen=True, slots=True)
class Sighting:
    """What an engine saw of a run. Times are seconds since the epoch; `restart` counts starts of the same run beyond the first."""

    name: str
    phase: Phase
    restart: int = 0
    reason: EndReason | None = None
    detail: str = ""
    exit_code: int | None = None
    signal: int | None = None
    submitted_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None
    node: str | None = None
    position: int | None = None
    waiting_for: str | None = None
    outputs_path: str | None = None
    max_memory_mb: int | None = None
    cpu_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """An absolute fact: `seconds` that run `name`, start `restart`, held `slots` accelerators inside the window that began at `window_start`.

    Repeating a record changes nothing. `seconds` of one (name, restart, window_start) never falls; `final` marks the last window of a start.
    `fault` comes with the last window of a start that the centre cut short while its run goes on: an `EndReason` that is the centre's fault.
    """

    name: str
    restart: int
    window_start: float
    seconds: float
    slots: int
    final: bool
    fault: str = ""


@dataclass(frozen=True, slots=True)
class LogChunk:
    """Bytes of a run's log from `offset`; `complete` when the run has ended and nothing follows. `ranks` counts the logs that the start has.

    `size_bytes` is how long the log was when it was read.
    """

    data: bytes
    offset: int
    next_offset: int
    complete: bool
    restart: int = 0
    ranks: int = 1
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Changes:
    """Runs that changed after a cursor, and the cursor to ask with next time."""

    cursor: str
    sightings: tuple[Sighting, ...]


@dataclass(frozen=True, slots=True)
class UsageBatch:
    """Usage recorded after a cursor, and the cursor to ask with next time."""

    cursor: str
    records: tuple[UsageRecord, ...]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can do and how large it is; an impossible request is refused from this before it is accepted.

    One machine whose `slots` are processors that stand for accelerators says what true `cards` it has beside them, of the kind `accelerator`.
    """

    engine: str
    version: str
    slots: int
    cpus: int
    memory_mb: int
    nodes: int = 1
    isolated: bool = False
    isolation: str = "none"
    requeues: bool = False
    problems: tuple[str, ...] = ()
    accelerator: str = ""
    cards: int | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """A node as its engine sees it, once for each of its partitions and kinds of cards; `cards` is 0 where it has none.

    `state` is "up", "draining" or "down", with the reason; `max_time_limit_s` is None where the partition has none.
    """

    name: str
    partition: str
    accelerator: str
    cards: int
    cpus: int
    memory_mb: int
    state: str
    reason: str = ""
    max_time_limit_s: int | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """Could not look, or do not know whether it was done. Never ends a run, never starts a second one."""

    why: str


@dataclass(frozen=True, slots=True)
class Absent:
    """Looked and found none."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The engine has the run durably, under its name; said again for a repeated submission of the same name."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The engine will never run this; `sentence` tells the person what would be possible."""

    sentence: str


class Engine(Protocol):
    """The verbs. None raises for a broken engine: that is `Unknown`. All may be repeated without harm."""

    name: str

    def capabilities(self) -> Capabilities | Unknown:
        """Say what is there now."""

    def submit(self, spec: RunSpec) -> Accepted | Refused | Unknown:
        """Take the run under `spec.name`. A name already known is accepted and not run twice."""

    def observe(self, names: Sequence[str]) -> Mapping[str, Sighting | Absent] | Unknown:
        """Look up runs by name, ended ones included until they are forgotten."""

    def changes(self, since: str) -> Changes | Unknown:
        """List the runs that changed after the cursor ("" = from the beginning), each once, as it is now."""

    def usage(self, since: str) -> UsageBatch | Unknown:
        """List usage records written after the cursor ("" = from the beginning); exact also for times nobody asked."""

    def cancel(self, name: str) -> Accepted | Absent | Unknown:
        """Ask the run to stop: checkpoint signal, grace, kill. Ended runs stay as they ended."""

    def signal(self, name: str, signal: str) -> Accepted | Absent | Unknown:
        """Send a signal (such as "SIGUSR1") to the run's processes."""

    def logs(self, name: str, offset: int, limit: int, restart: int | None = None, rank: int = 0) -> LogChunk | Absent | Unknown:
        """Read at most `limit` bytes of the log of one start (the latest by default) and rank from byte `offset`."""

    def forget(self, name: str) -> Accepted | Absent | Unknown:
        """Drop an ended run's files and record once its caller has kept what matters."""
