"""Jobs on the wire: the request (also the format of a job file), the job, its attempts, events and estimate; and the calls for them."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from wutong.sdk.errors import ServerFault, Unreachable
from wutong.sdk.wire import Listed, Received, Sent

if TYPE_CHECKING:
    from wutong.sdk.client import Client  # the server imports the wire types, and does without the HTTP client

ATTEMPT, RANKS, NEXT_OFFSET, COMPLETE = "X-Wutong-Attempt", "X-Wutong-Ranks", "X-Wutong-Next-Offset", "X-Wutong-Complete"
"""Headers of an answer with log bytes: the try it is of and how many ranks that has, where to go on, and whether nothing more will come."""
START, STARTS = "X-Wutong-Start", "X-Wutong-Starts"
"""Which start of the try it is of, counted from 0, and how many there have been: an engine that takes a job back begins another, with its own log."""

NAME = r"^[^\x00-\x1f\x7f/\\]{1,128}$"
VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"
MOUNT = r"^([A-Za-z0-9][A-Za-z0-9._-]{0,63})?$"


LaunchName = Literal["once", "node", "rank"]


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
    """A version shown to the job, read-only; the job finds it by the variable WUTONG_DATA_<PATH> (or WUTONG_MODEL_<PATH>)."""

    ref: str = Field(description="What to show: `digits`, `digits@3`, or `<tenant>/digits@3` for a published one.", max_length=300)
    path: str = Field("", description="Folder and variable name inside the job; the repository's own by default.", pattern=MOUNT)


class Checkpoint(Sent):
    """How the job is told to save its state before it is stopped."""

    signal: Literal["SIGTERM", "SIGINT", "SIGUSR1", "SIGUSR2", "SIGHUP"] = Field(
        "SIGTERM", description="Signal that tells the command to save its state."
    )
    grace_s: int = Field(60, ge=0, le=3600, description="Seconds between the signal and the kill.")


class Outputs(Sent):
    """What becomes of the files the job leaves in $WUTONG_OUTPUTS."""

    model: str | None = Field(None, max_length=96, description="Name of the model whose new version they become; unset: they are kept with the job.")
    folder: str = Field("", max_length=200, description="Only what is in this folder of the outputs.")
    keep_on_failure: bool = Field(False, description="Keep them also when the job fails.")


class JobRequest(Sent):
    """All one says of a job. The same fields, as YAML or TOML, are a job file."""

    name: str = Field(pattern=NAME, description="What people call it.")
    command: str | list[str] = Field(description="A shell line, or a program and its arguments.")
    code: str | None = Field(None, max_length=300, description="Code version to run in, such as `trainer@2`; it is copied to the working folder.")
    environment: str = Field("python-3.11", max_length=128, description="Named environment that holds the libraries.")
    datasets: list[Mounted] = Field(default_factory=list, max_length=32, description="Data sets shown to the job, read-only.")
    models: list[Mounted] = Field(default_factory=list, max_length=32, description="Models shown to the job, read-only.")
    flavour: str = Field("cpu.1", max_length=64, description="Machine size, from the catalogue.")
    nodes: int = Field(1, ge=1, le=1024, description="How many machines of that size; all begin together.")
    processes: int = Field(1, ge=1, le=64, description="Processes of a training on each node.")
    launch: LaunchName = Field(
        "once", description="Start the command once, on the first node; on each node, as torchrun and msrun want it; or `processes` times on each."
    )
    on_rank_failure: Literal["end", "restart"] = Field(
        "end", description="When one started command fails, end the others with it, or begin all of them again from their checkpoint."
    )
    rank_restarts: int = Field(3, ge=1, le=20, description="How often they begin again within one attempt, where `on_rank_failure` is `restart`.")
    time_limit_s: int = Field(3600, ge=1, le=30 * 24 * 3600, description="Seconds after which an attempt is stopped.")
    tries: int = Field(1, ge=1, le=20, description="How often a failing command is tried. Faults of the centre cost no try.")
    priority: Literal["low", "normal", "high"] = Field("normal", description="How soon it starts among your organisation's own jobs.")
    checkpoint: Checkpoint | None = Field(None, description="Set when the command saves its state on a signal; a later attempt then goes on from it.")
    secrets: list[str] = Field(default_factory=list, max_length=64, description="Names of stored secrets that become environment variables.")
    env: dict[str, str] = Field(default_factory=dict, max_length=256, description="Environment variables.")
    array: str | None = Field(None, max_length=200, description="Run once for each index: `0-9`, `1,3,5-7`, at most four at once: `0-9%4`.")
    after: list[str] = Field(default_factory=list, max_length=64, description="Jobs that must succeed first.")
    outputs: Outputs = Field(default_factory=Outputs, description="What becomes of the files the job leaves.")
    labels: dict[str, str] = Field(
        default_factory=dict, max_length=32, description="Your own words by which jobs and bills are grouped, such as a project."
    )


class Job(Received):
    """A job as its tenant sees it."""

    id: str
    tenant_id: str = ""
    name: str
    state: JobState
    reason: str | None = None
    detail: str | None = None
    person_id: str
    flavour: str
    nodes: int
    processes: int = 1
    launch: str = "once"
    ranks: int = Field(1, description="How many logs an attempt has: one of each command that is started, numbered from 0.")
    environment: str
    command: str | list[str]
    priority: str
    time_limit_s: int
    attempt: int
    tries: int
    parent_id: str | None = None
    array_index: int | None = None
    array_size: int | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None
    charged_fen: int = 0
    settled: bool = Field(False, description="All usage is charged and nothing is held any more.")
    position: int | None = None
    waiting_for: str | None = None
    expected_start: datetime | None = Field(None, description="When a queued job is foretold to start; unset while too little is known.")
    expected_start_bound: datetime | None = Field(None, description="When nine in ten jobs of which the same was foretold have started.")
    outputs_version: str | None = None
    metrics: dict[str, Any] | None = None


class Attempt(Received):
    """One try of a job, with its own log. `reason` is how the engine saw it end; None while it runs or waits."""

    number: int
    run_name: str
    reason: str | None = None
    detail: str = ""
    exit_code: int | None = None
    restart: int = 0
    ours: bool = Field(False, description="It ended by a fault of the centre, and costs nothing.")
    requested_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None


class JobEvent(Received):
    """One thing that happened to a job."""

    id: int
    at: datetime
    what: str
    state: JobState
    attempt: int
    detail: str
    by: str


class Estimate(Received):
    """What a job would cost if it ran to its time limit, and who would pay: packages, credits and vouchers, cash.

    `typical_fen` comes from the tenant's own finished jobs of this flavour. `expected_wait_s` is how long it would wait for machines if it were
    submitted now, and nine in ten such jobs start within `expected_wait_bound_s`; unset while too little is known. `problems` say why it would be
    refused, `notices` what one should know before, such as a maintenance it would run into.
    """

    card_seconds: int
    amount_fen: int
    hold_fen: int
    hold_package_seconds: int
    package_seconds: int
    credit_fen: int
    cash_fen: int
    fen_per_card_hour: int
    price_id: str
    typical_card_seconds: int | None = None
    typical_fen: int | None = None
    problems: list[str] = Field(default_factory=list)
    notices: list[str] = Field(default_factory=list)
    expected_wait_s: float | None = None
    expected_wait_bound_s: float | None = None


def estimate(client: "Client", request: JobRequest) -> Estimate:
    """Ask what a job would cost."""
    return client.post("/api/v1/estimate", request, Estimate)


def submit(client: "Client", request: JobRequest, *, key: str) -> Job:
    """Submit a job. The same key never makes a second one, however often the answer is lost."""
    return client.post("/api/v1/jobs", request, Job, key=key)


def get(client: "Client", job_id: str) -> Job:
    """Read one job."""
    return client.get(f"/api/v1/jobs/{job_id}", Job)


def list_jobs(
    client: "Client",
    *,
    most: int | None = None,
    state: JobState | None = None,
    name: str | None = None,
    person_id: str | None = None,
    label: str | None = None,
    parent_id: str | None = None,
) -> Iterator[Job]:
    """Go through jobs, newest first, that fit all filters. `name` is a part of the name, `label` reads `key=value`."""
    return client.pages("/api/v1/jobs", Job, most=most, state=state, name=name, person_id=person_id, label=label, parent_id=parent_id)


def cancel(client: "Client", job_id: str) -> Job:
    """Ask a job to stop."""
    return client.post(f"/api/v1/jobs/{job_id}/cancel", None, Job)


def list_attempts(client: "Client", job_id: str) -> list[Attempt]:
    """Read all tries of a job, first to last."""
    return client.get(f"/api/v1/jobs/{job_id}/attempts", Listed[Attempt]).items


def list_events(client: "Client", job_id: str) -> Iterator[JobEvent]:
    """Go through all that happened to a job, first to last."""
    return client.pages(f"/api/v1/jobs/{job_id}/events", JobEvent)


def read_log(
    client: "Client", job_id: str, *, attempt: int | None = None, rank: int = 0, offset: int = 0, restart: int | None = None
) -> Iterator[bytes]:
    """Read what the log of a rank holds now, from a byte offset, in pieces; of one start of the try, the latest by default."""
    while True:
        params = {"offset": offset, "attempt": attempt, "rank": rank or None, "restart": restart}
        answer = client.send("GET", f"/api/v1/jobs/{job_id}/logs", params=params)
        if not answer.content:
            return
        yield answer.content
        offset, restart = int(answer.headers[NEXT_OFFSET]), int(answer.headers.get(START, 0))


def follow_log(
    client: "Client",
    job_id: str,
    *,
    attempt: int | None = None,
    rank: int = 0,
    patience_s: float = 120,
    on_start: Callable[[int], None] | None = None,
) -> Iterator[bytes]:
    """Read the log as it grows until the attempt has ended. A broken connection, or one that is silent for long, is taken up again where it was.

    It begins with the latest start of the attempt; `on_start` is told the number, from 1, of each that follows. Raises `Unreachable` when the centre
    has not answered for `patience_s` seconds.
    """
    path, offset, restart, heard_at = f"/api/v1/jobs/{job_id}/logs", 0, None, time.monotonic()
    while True:
        try:
            params = {"attempt": attempt, "rank": rank or None, "restart": restart}
            with client.stream("GET", path, params={**params, "offset": offset, "follow": "true"}) as answer:
                attempt, restart, heard_at = int(answer.headers[ATTEMPT]), int(answer.headers.get(START, 0)), time.monotonic()
                for piece in answer.iter_bytes():
                    heard_at = time.monotonic()
                    offset += len(piece)
                    yield piece
            rest = client.send("GET", path, params={**params, "attempt": attempt, "restart": restart, "offset": offset})
            heard_at = time.monotonic()
            if rest.content or rest.headers[COMPLETE] != "true":
                continue
            if int(rest.headers.get(STARTS, 1)) <= restart + 1:
                return
            offset, restart = 0, restart + 1
            if on_start is not None:
                on_start(restart + 1)
        except (Unreachable, ServerFault):
            if time.monotonic() - heard_at > patience_s:
                raise
            time.sleep(0.5)


def await_end(client: "Client", job_id: str, *, every_s: float = 0.2) -> Job:
    """Wait until a job has ended."""
    while (job := get(client, job_id)).state not in ENDED:
        time.sleep(every_s)
    return job
