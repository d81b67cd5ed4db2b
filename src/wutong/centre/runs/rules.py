"""What a run is: its phases, the moves between them, and the plain types others see. Decisions stand in `decisions`."""

from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from wutong.centre.engines.protocol import EndReason, Launch, Mount, RunSpec
from wutong.kit.errors import Conflict, NotFound, Problem


class RunPhase(StrEnum):
    """How far a run came. `unconfirmed` means that the engine may or may not have it: it is looked up before it is sent again."""

    REQUESTED = "requested"
    UNCONFIRMED = "unconfirmed"
    QUEUED = "queued"
    RUNNING = "running"
    ENDED = "ended"


MOVES: dict[RunPhase, frozenset[RunPhase]] = {
    RunPhase.REQUESTED: frozenset({RunPhase.UNCONFIRMED, RunPhase.QUEUED, RunPhase.RUNNING, RunPhase.ENDED}),
    RunPhase.UNCONFIRMED: frozenset({RunPhase.REQUESTED, RunPhase.QUEUED, RunPhase.RUNNING, RunPhase.ENDED}),
    RunPhase.QUEUED: frozenset({RunPhase.RUNNING, RunPhase.ENDED}),
    RunPhase.RUNNING: frozenset({RunPhase.QUEUED, RunPhase.ENDED}),
    RunPhase.ENDED: frozenset(),
}
"""Running goes back to queued only with a higher restart: a requeue."""


class StopWhy(StrEnum):
    """Why a run is to stop. The engine only hears "cancel"; what follows from the cause is for the caller to say."""

    CANCEL = "cancel"
    MONEY = "money"
    PREEMPT = "preempt"
    DEPENDENCY = "dependency"
    MAINTENANCE = "maintenance"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class Run:
    """A run as we know it. `version` counts our writes; `due_at` is when to act on it next (None: nothing to do until the engine reports)."""

    name: str
    pool: str
    engine: str
    tenant: str
    cards: int
    phase: RunPhase
    requested_at: datetime
    version: int = 1
    restart: int = 0
    reason: EndReason | None = None
    detail: str = ""
    exit_code: int | None = None
    signal: int | None = None
    position: int | None = None
    waiting_for: str | None = None
    node: str | None = None
    sent_at: datetime | None = None
    submitted_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    outputs_path: str | None = None
    max_memory_mb: int | None = None
    cpu_seconds: float | None = None
    seen_at: datetime | None = None
    due_at: datetime | None = None
    tries: int = 0
    absent_count: int = 0
    absent_since: datetime | None = None
    stop_why: StopWhy | None = None
    send_signal: str | None = None
    forget: bool = False
    forgotten_at: datetime | None = None
    lost_contact_since: datetime | None = None

    @property
    def live(self) -> bool:
        """Tell whether the engine is known to have it and has not ended it."""
        return self.phase in (RunPhase.QUEUED, RunPhase.RUNNING)


@dataclass(frozen=True, slots=True)
class RunEvent:
    """One line of the journal of runs. `seq` only grows in the order readers can see."""

    seq: int
    name: str
    phase: RunPhase
    restart: int
    reason: EndReason | None
    detail: str
    exit_code: int | None
    signal: int | None
    stop_why: StopWhy | None
    at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class NoSuchRun(NotFound):
    """No run has this name."""

    code = "no_such_run"


class RunNameTaken(Conflict):
    """A run of this name was requested before."""

    code = "run_name_taken"
    message = "A run named {name} was requested before; each attempt needs a name of its own."


class RunNotEnded(Conflict):
    """Only what has ended can be forgotten."""

    code = "run_not_ended"
    message = "Run {name} has not ended yet; it can be forgotten after it ends."


class NotIsolated(Problem):
    """The engine cannot keep tenants apart, and another tenant was there first."""

    code = "engine_not_isolated"
    status = 409
    message = (
        "Pool {pool} cannot confine jobs (isolation: {isolation}), so it runs jobs of one organisation only, and another one was first. "
        "The operator can install bubblewrap, or set allow_unconfined_tenants if all organisations trust each other."
    )


_SPEC_FIELDS = tuple(field.name for field in fields(RunSpec))


def move(run: Run, phase: RunPhase, **changes: Any) -> Run:
    """Return the run in another phase. Raises ValueError for a move that is not in the table."""
    if phase not in MOVES[run.phase]:
        raise ValueError(f"a run does not go from {run.phase} to {phase}")
    return replace(run, phase=phase, **changes)


def spec_to_json(spec: RunSpec) -> dict[str, Any]:
    """Write a spec as JSON."""
    plain = {name: getattr(spec, name) for name in _SPEC_FIELDS}
    plain["argv"] = list(spec.argv)
    plain["environment"], plain["sealed_environment"] = dict(spec.environment), dict(spec.sealed_environment)
    plain["mounts"] = [asdict(mount) for mount in spec.mounts]
    return plain


def spec_from_json(plain: dict[str, Any]) -> RunSpec:
    """Read a spec that `spec_to_json` wrote."""
    launch = Launch(plain.get("launch", Launch.ONCE))
    mounts = tuple(Mount(**mount) for mount in plain["mounts"])
    return RunSpec(**{**plain, "argv": tuple(plain["argv"]), "mounts": mounts, "launch": launch})
