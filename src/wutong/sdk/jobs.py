"""Jobs on the wire: the request (also the format of a job file), the job, its attempts, events and estimate."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from wutong.sdk.wire import Received, Sent

NAME = r"^[^\x00-\x1f\x7f/\\]{1,128}$"
VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"
MOUNT = r"^[a-z0-9][a-z0-9_.-]{0,63}$"


class JobState(StrEnum):
    """Where a job stands; the cause is in `reason` beside it."""

    WAITING = "waiting"
    QUEUED = "queued"
    RUNNING = "running"
    FINISHING = "finishing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})


class Mounted(Sent):
    """A version shown to the job, read-only; the job finds its path in the variable WUTONG_DATA_<NAME> (or WUTONG_MODEL_<NAME>)."""

    ref: str = Field(description="What to show: `digits`, `digits@3`, or `<tenant>/digits@3` for a published one.", max_length=300)
    name: str = Field(description="Folder and variable name inside the job.", pattern=MOUNT)


class Checkpoint(Sent):
    """How the job is told to save its state before it is stopped."""

    signal: Literal["SIGTERM", "SIGUSR1", "SIGUSR2", "SIGINT"] = "SIGTERM"
    grace_s: int = Field(30, ge=0, le=3600, description="Seconds between the signal and the kill.")


class Outputs(Sent):
    """What becomes of the files the job leaves in $WUTONG_OUTPUTS."""

    model: str | None = Field(None, pattern=NAME, description="Name of the model whose new version they become; unset: they are kept with the job.")
    keep_on_failure: bool = Field(False, description="Keep them also when the job fails.")


class JobRequest(Sent):
    """All one says of a job. The same fields, as YAML or TOML, are a job file."""

    name: str = Field(pattern=NAME, description="What people call it.")
    command: str | list[str] = Field(description="A shell line, or a program and its arguments.")
    code: str | None = Field(None, max_length=300, description="Code version to run in, such as `trainer@2`; it is copied to the working folder.")
    environment: str = Field("python-3.11", max_length=128, description="Named environment that holds the libraries.")
    datasets: list[Mounted] = Field(default_factory=list, max_length=32)
    models: list[Mounted] = Field(default_factory=list, max_length=32)
    flavour: str = Field("cpu.1", max_length=64, description="Machine size, from the catalogue.")
    nodes: int = Field(1, ge=1, le=1024)
    time_limit_s: int = Field(3600, ge=1, le=30 * 24 * 3600, description="Seconds after which an attempt is stopped.")
    tries: int = Field(1, ge=1, le=20, description="How often a failing command is tried. Faults of the centre cost no try.")
    priority: Literal["low", "normal", "high"] = "normal"
    checkpoint: Checkpoint = Field(default_factory=Checkpoint)
    secrets: list[str] = Field(default_factory=list, max_length=64, description="Names of stored secrets that become environment variables.")
    env: dict[str, str] = Field(default_factory=dict, max_length=256, description="Environment variables.")
    array: str | None = Field(
        None, pattern=r"^\d{1,5}(-\d{1,5})?(%\d{1,4})?$", description="Run once for each index: `0-9`, at most four at once: `0-9%4`."
    )
    after: list[str] = Field(default_factory=list, max_length=64, description="Jobs that must succeed first.")
    outputs: Outputs = Field(default_factory=Outputs)
    labels: dict[str, str] = Field(default_factory=dict, max_length=32)


class Job(Received):
    """A job as its tenant sees it."""

    id: str
    name: str
    state: JobState
    reason: str | None = None
    detail: str | None = None
    person_id: str
    flavour: str
    nodes: int
    environment: str
    command: str | list[str]
    priority: str
    time_limit_s: int
    attempt: int
    tries: int
    parent_id: str | None = None
    array_index: int | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None
    charged_fen: int = 0
    position: int | None = None
    waiting_for: str | None = None
    outputs_version: str | None = None
    metrics: dict[str, Any] | None = None


class Attempt(Received):
    """One try of a job, with its own log."""

    number: int
    run_name: str
    state: str
    reason: str | None = None
    detail: str | None = None
    exit_code: int | None = None
    signal: int | None = None
    requested_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None


class JobEvent(Received):
    """One thing that happened to a job."""

    at: datetime
    state: JobState
    reason: str | None = None
    detail: str | None = None


class Source(Received):
    """Where part of an estimate or a charge is paid from."""

    kind: Literal["package", "credit", "cash"]
    label: str
    amount_fen: int = 0
    card_seconds: int = 0


class Estimate(Received):
    """What a job would cost if it ran to its time limit, and who would pay."""

    card_seconds: int
    amount_fen: int
    hold_fen: int
    fen_per_card_hour: int
    price_id: str
    sources: list[Source] = Field(default_factory=list)
    affordable: bool
    sentence: str
