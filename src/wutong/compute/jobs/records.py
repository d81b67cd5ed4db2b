"""What a job is made of: its states and reasons, and the plain records others see. Pure; what may follow what is in `rules`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from wutong.centre.rules import EndReason, StopWhy
from wutong.compute.jobs.requests import JobRequest
from wutong.kit.settings import Settings


class JobState(StrEnum):
    """Where a job stands. The last three are terminal."""

    WAITING = "waiting"
    QUEUED = "queued"
    RUNNING = "running"
    FINISHING = "finishing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})


class WaitReason(StrEnum):
    """What a waiting job waits for."""

    DEPENDENCIES = "dependencies"
    PREPARING = "preparing"
    MONEY = "money"
    ARRAY_LIMIT = "array_limit"
    RETRY_LATER = "retry_later"


class Cause(StrEnum):
    """Why a job ended as it did; data beside the state."""

    COMPLETED = "completed"
    COMMAND_FAILED = "command_failed"
    CANCELLED = "cancelled"
    STOPPED_BY_CENTRE = "stopped_by_centre"
    MONEY = "money"
    TIME_LIMIT = "time_limit"
    OUT_OF_MEMORY = "out_of_memory"
    LOG_LIMIT = "log_limit"
    DISK_FULL = "disk_full"
    START_FAILED = "start_failed"
    PREEMPTED = "preempted"
    NODE_LOST = "node_lost"
    ENGINE_FAULT = "engine_fault"
    DEPENDENCY_FAILED = "dependency_failed"
    ENVIRONMENT_FAILED = "environment_failed"
    PREPARE_FAILED = "prepare_failed"
    OUTPUTS_FAILED = "outputs_failed"
    ARRAY_PART_FAILED = "array_part_failed"


@dataclass(frozen=True, slots=True)
class Input:
    """A version of the hub a job was accepted with."""

    kind: str
    ref: str
    version_id: str
    digest: str
    name: str


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands. An array has a parent (`array_size` set) that never runs itself, and a child for each index."""

    id: str
    tenant_id: str
    person_id: str
    name: str
    state: JobState
    wait_reason: WaitReason | None
    reason: Cause | None
    detail: str
    request: JobRequest
    flavour: str
    pool: str
    cards: int
    environment_id: str | None
    inputs: tuple[Input, ...]
    attempt: int
    tries_used: int
    free_used: int
    setbacks: int
    next_at: datetime
    parent_id: str | None
    array_index: int | None
    array_size: int | None
    array_limit: int | None
    outcome: JobState | None
    stop_why: StopWhy | None
    stop_asked_at: datetime | None
    resume_from: str | None
    output_repo_id: str | None
    output_version_id: str | None
    metrics: Mapping[str, Any]
    labels: Mapping[str, str]
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def ended(self) -> bool:
        """Tell whether the job's state is terminal."""
        return self.state in ENDED


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a job: a run of the centre under a name of its own, with its own log."""

    run_name: str
    job_id: str
    number: int
    reason: EndReason | None
    detail: str
    exit_code: int | None
    restart: int
    ours: bool
    requested_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    log_kept_at: datetime | None


@dataclass(frozen=True, slots=True)
class JobEvent:
    """A line of a job's history."""

    id: int
    job_id: str
    at: datetime
    what: str
    state: JobState
    attempt: int
    detail: str
    by: str


@dataclass(frozen=True, slots=True)
class JobFilters:
    """Which jobs to list. Children of arrays are listed only by their `parent_id`. A `tenant_id` is for lists over all organisations."""

    states: frozenset[JobState] = frozenset()
    person_id: str | None = None
    text: str = ""
    label: tuple[str, str] | None = None
    since: datetime | None = None
    parent_id: str | None = None
    flavour: str = ""
    arrays: bool = False
    tenant_id: str | None = None
    pool: str | None = None


@dataclass(frozen=True, slots=True)
class JobName:
    """What a queue tells of a job: reading the rest of a hundred jobs takes as long as the page."""

    id: str
    tenant_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Waits:
    """How long a pool's jobs waited for their start: half of them at most `median_s`, nine in ten at most `p90_s`."""

    pool: str
    jobs: int
    median_s: float
    p90_s: float


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """Where a queued job stands: jobs ahead (None when not known now) and what it waits for, in words."""

    position: int | None
    waiting_for: str


@dataclass(frozen=True, slots=True)
class Secret:
    """The name of a sealed value; the value itself is never shown again."""

    name: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class JobLimits:
    """What the jobs room needs to know of the centre's settings, and its own limits."""

    centre: str
    home: Path
    key_file: Path
    environments: Path
    hold_s: int = 3600
    open_jobs: int = 20_000
    log_bytes: int = 64 * 1024 * 1024
    disk_mb: int = 10 * 1024
    token_days: int = 60
    network: bool = False

    @classmethod
    def of(cls, settings: Settings) -> "JobLimits":
        """Take them from the centre's settings."""
        return cls(
            centre=settings.centre,
            home=settings.home,
            key_file=settings.key_file,
            environments=settings.environments,
            hold_s=settings.hold_minutes * 60,
            log_bytes=settings.log_limit_mb * 1024 * 1024,
            network=settings.job_network,
        )

    @property
    def trees(self) -> Path:
        """Folder of materialised versions, by digest; links to the blob store."""
        return self.home / "trees"

    @property
    def tree_copies(self) -> Path:
        """The same as copies, for engines that cannot keep a run from writing to what it is shown."""
        return self.home / "tree-copies"

    @property
    def logs(self) -> Path:
        """Folder of logs kept after their engine forgot them."""
        return self.home / "logs"
