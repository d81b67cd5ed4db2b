"""The life of a job: states, the moves allowed between them, what each end means. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from wutong.centre.rules import EndReason, StopWhy
from wutong.compute.jobs.records import (
    ENDED,
    Attempt,
    Cause,
    Input,
    Job,
    JobEvent,
    JobFilters,
    JobLimits,
    JobName,
    JobState,
    QueuePlace,
    Secret,
    WaitReason,
    Waits,
)
from wutong.compute.jobs.requests import (
    PRIORITY_NUMBER,
    ArraySpec,
    Checkpoint,
    DataMount,
    JobRequest,
    OnRankFailure,
    OutputSpec,
    Priority,
    parse_array,
)
from wutong.kit.errors import Conflict, Invalid, NotFound

__all__ = [
    "ENDED",
    "ENDINGS",
    "MOVES",
    "PRIORITY_NUMBER",
    "Again",
    "ArraySpec",
    "Attempt",
    "Cause",
    "Checkpoint",
    "DataMount",
    "Ending",
    "Input",
    "Job",
    "JobEvent",
    "JobFilters",
    "JobLimits",
    "JobName",
    "JobRequest",
    "JobState",
    "KeyReused",
    "NoSuchInput",
    "NoSuchSecret",
    "NotMovable",
    "OnRankFailure",
    "OutputSpec",
    "Priority",
    "QueuePlace",
    "Secret",
    "StopWhy",
    "TooManyJobs",
    "Verdict",
    "WaitReason",
    "Waits",
    "after_end",
    "array_state",
    "back_off",
    "parse_array",
    "run_name",
]


# From each state, the states a job may move to. Terminal is terminal.
MOVES: Mapping[JobState, frozenset[JobState]] = {
    JobState.WAITING: frozenset({JobState.WAITING, JobState.QUEUED, JobState.RUNNING, *ENDED}),
    JobState.QUEUED: frozenset({JobState.WAITING, JobState.RUNNING, JobState.FINISHING, *ENDED}),
    JobState.RUNNING: frozenset({JobState.WAITING, JobState.FINISHING, *ENDED}),
    JobState.FINISHING: frozenset({JobState.FINISHING, *ENDED}),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}


class Again(StrEnum):
    """Whether an attempt that ended so is followed by another."""

    NEVER = "never"
    WHILE_TRIES = "while_tries"
    WITH_CHECKPOINT = "with_checkpoint"
    FREELY = "freely"


@dataclass(frozen=True, slots=True)
class Ending:
    """What the end of an attempt means: the job's final state and cause if it is the last, and whether it is tried again. `ours`: costs nothing."""

    state: JobState
    cause: Cause
    again: Again = Again.NEVER
    ours: bool = False


ENDINGS: Mapping[EndReason, Ending] = {
    EndReason.COMPLETED: Ending(JobState.SUCCEEDED, Cause.COMPLETED),
    EndReason.FAILED: Ending(JobState.FAILED, Cause.COMMAND_FAILED, Again.WHILE_TRIES),
    EndReason.CANCELLED: Ending(JobState.CANCELLED, Cause.STOPPED_BY_CENTRE),
    EndReason.TIME_LIMIT: Ending(JobState.FAILED, Cause.TIME_LIMIT, Again.WITH_CHECKPOINT),
    EndReason.OUT_OF_MEMORY: Ending(JobState.FAILED, Cause.OUT_OF_MEMORY),
    EndReason.LOG_LIMIT: Ending(JobState.FAILED, Cause.LOG_LIMIT),
    EndReason.DISK_FULL: Ending(JobState.FAILED, Cause.DISK_FULL),
    EndReason.START_FAILED: Ending(JobState.FAILED, Cause.START_FAILED, Again.FREELY, ours=True),
    EndReason.PREEMPTED: Ending(JobState.FAILED, Cause.PREEMPTED, Again.FREELY),
    EndReason.NODE_LOST: Ending(JobState.FAILED, Cause.NODE_LOST, Again.FREELY, ours=True),
    EndReason.ENGINE_FAULT: Ending(JobState.FAILED, Cause.ENGINE_FAULT, Again.FREELY, ours=True),
}

# A start that fails is most often refused for good, so few free ones; the others come from machines that come back.
FREE_STARTS = 3
FREE_ATTEMPTS = 30


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do after an attempt ended: try again after `delay_s`, or bring the job to `state`."""

    again: bool
    state: JobState
    cause: Cause
    ours: bool
    free: bool = False
    delay_s: float = 0.0


class NotMovable(Conflict):
    """A move the table does not allow, or somebody else moved the job first."""

    code = "job_not_movable"
    message = "Job {id} is {state} and cannot become {to}."


class KeyReused(Conflict):
    """An idempotency key came again with another request."""

    code = "idempotency_key_reused"
    message = "The idempotency key {key} was used before for a different job ({job_id}). Send the same request again, or use a new key."


class NoSuchInput(NotFound):
    """A data set, model or code version named by a request is not there for this tenant."""

    code = "no_such_input"
    status = 422
    message = "{field}: there is no {kind} {ref} that you can use. List yours, or push it first."


class NoSuchSecret(Invalid):
    """A secret named by a request has not been set."""

    code = "no_such_secret"
    message = "secrets: {names} is not set. Set it first; these are set: {known}."


class TooManyJobs(Conflict):
    """The tenant has as many unfinished jobs as one may have."""

    code = "too_many_jobs"
    status = 429
    message = "You have {open} unfinished jobs, and at most {limit} are kept. Wait for some to end, or cancel some."


def run_name(centre: str, job_id: str, number: int) -> str:
    """Return the name under which an attempt is known to every engine."""
    return f"{centre}-{job_id}-{number}"


def after_end(job: Job, reason: EndReason) -> Verdict:
    """Decide what follows the end of the job's present attempt. Our own faults and preemption cost no try."""
    if reason is EndReason.CANCELLED and job.stop_why in _COMES_BACK:
        reason = EndReason.PREEMPTED
    ending = ENDINGS[reason]
    if reason is EndReason.COMPLETED:
        return Verdict(False, ending.state, ending.cause, ours=False)
    if job.stop_why in _STOPPED:
        state, cause = _STOPPED[job.stop_why]
        return Verdict(False, state, cause, ours=ending.ours)
    if ending.again is Again.FREELY:
        most = FREE_STARTS if reason is EndReason.START_FAILED else FREE_ATTEMPTS
        again = job.free_used < most
        return Verdict(again, ending.state, ending.cause, ending.ours, free=True, delay_s=back_off(job.free_used, first=1.0) if again else 0.0)
    wanted = ending.again is Again.WHILE_TRIES or (ending.again is Again.WITH_CHECKPOINT and job.request.checkpoint is not None)
    again = wanted and job.tries_used + 1 < job.request.tries
    return Verdict(again, ending.state, ending.cause, ending.ours, delay_s=back_off(job.tries_used, first=2.0) if again else 0.0)


# What was stopped for the centre's own ends comes back; what was stopped for good ends so, however the command took the signal.
_COMES_BACK = frozenset({StopWhy.PREEMPT, StopWhy.MAINTENANCE})
_STOPPED: Mapping[StopWhy | None, tuple[JobState, Cause]] = {
    StopWhy.CANCEL: (JobState.CANCELLED, Cause.CANCELLED),
    StopWhy.MONEY: (JobState.FAILED, Cause.MONEY),
    StopWhy.DEPENDENCY: (JobState.CANCELLED, Cause.DEPENDENCY_FAILED),
    StopWhy.SUSPENDED: (JobState.CANCELLED, Cause.STOPPED_BY_CENTRE),
}


def back_off(times: int, *, first: float, most: float = 600.0) -> float:
    """Return the seconds to wait after so many earlier setbacks: doubled each time, at most ten minutes."""
    return min(most, first * 2.0 ** min(times, 20))


def array_state(counts: Mapping[JobState, int]) -> tuple[JobState, Cause | None]:
    """Derive the state of an array from how many of its jobs are in which state."""
    alive = {state for state, count in counts.items() if count and state not in ENDED}
    ended = {state for state, count in counts.items() if count and state in ENDED}
    if not alive:
        if JobState.FAILED in ended:
            return JobState.FAILED, Cause.ARRAY_PART_FAILED
        return (JobState.CANCELLED, Cause.CANCELLED) if JobState.CANCELLED in ended else (JobState.SUCCEEDED, Cause.COMPLETED)
    if ended or alive & {JobState.RUNNING, JobState.FINISHING}:
        return JobState.RUNNING, None
    return (JobState.QUEUED, None) if JobState.QUEUED in alive else (JobState.WAITING, None)
