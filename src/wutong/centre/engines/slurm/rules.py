"""What Slurm's words mean to us: states and reasons, which start of a run a job is at, and why a run ended. Pure.

A run is one Slurm job at a time, known by its id, its name and its user together: ids are given out again after a crash of the controller. A job
starts again under the same id when it is requeued; its restart count, added to the number of starts that earlier jobs of the run had, numbers them.
"""

import functools
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from wutong.centre.engines.protocol import EndReason


class Standing(StrEnum):
    """What a job's state comes to."""

    PENDING = "pending"
    PREPARING = "preparing"
    RUNNING = "running"
    COMPLETING = "completing"
    ENDED = "ended"
    STRANGE = "strange"


_PENDING = frozenset(("PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT"))
_RUNNING = frozenset(("RUNNING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING", "EXPEDITING"))
_PREPARING = frozenset(("CONFIGURING", "POWER_UP_NODE"))
_ENDED = frozenset(
    ("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "LAUNCH_FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED", "TIMEOUT")
)


@dataclass(frozen=True, slots=True)
class Job:
    """One line of the queue. Times are seconds since the epoch; `exit_status` is a wait status; `node` is empty where it never began."""

    id: str
    state: str
    reason: str
    user: str
    name: str
    submitted: int | None = None
    started: int | None = None
    ended: int | None = None
    count: int = 0
    exit_status: int = 0
    node: str = ""
    partition: str = ""

    @property
    def standing(self) -> Standing:
        """What its state comes to."""
        return standing(self.state)


@dataclass(frozen=True, slots=True)
class Past:
    """One start of a job as the accounting keeps it. `ended` is None while it goes on or where nobody knows."""

    id: str
    state: str
    user: str
    name: str
    submitted: int | None
    started: int | None
    ended: int | None
    exit_status: int = 0
    node: str = ""
    account: str = ""
    partition: str = ""
    trackable: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Why and how a run ended."""

    reason: EndReason
    detail: str = ""
    exit_code: int | None = None
    signal: int | None = None


@functools.lru_cache(maxsize=256)
def standing(state: str) -> Standing:
    """Return what a state comes to. Newer Slurm gives several words; the flags among them say more than the base state."""
    words = state.replace("+", " ").replace(",", " ").split()
    if "COMPLETING" in words:
        return Standing.COMPLETING
    for known, meaning in ((_PENDING, Standing.PENDING), (_PREPARING, Standing.PREPARING), (_ENDED, Standing.ENDED), (_RUNNING, Standing.RUNNING)):
        if any(word in known for word in words):
            return meaning
    return Standing.STRANGE


# Why a job waits, in the owner's words

_WAITS = {
    "None": "It has just arrived.",
    "Priority": "Other runs come first.",
    "Resources": "It is next: it waits for resources to become free.",
    "Dependency": "It waits for another job.",
    "DependencyNeverSatisfied": "It waits for another job that will not end well, so it will never start. Cancel it.",
    "BeginTime": "It starts again in a moment.",
    "Reservation": "It waits for its reserved time.",
    "ReqNodeNotAvail": "The nodes it needs are not available now, for example for maintenance.",
    "JobHeldUser": "It is being handed to the cluster.",
    "JobHeldAdmin": "The centre's operator holds it.",
    "PartitionDown": "This part of the centre is not taking work now.",
    "PartitionInactive": "This part of the centre is not taking work now.",
    "PartitionNodeLimit": "It asks for more nodes than this part of the centre gives to one run.",
    "PartitionTimeLimit": "It asks for more time than this part of the centre gives to one run.",
    "Licenses": "It waits for a licence.",
    "NodeDown": "A node it needs is down.",
    "BadConstraints": "No node has what it asks for.",
    "Cleaning": "Its earlier start is being cleared away.",
    "launch_failed_requeued_held": "Its start failed, and the cluster holds it. The centre's operator must look.",
    "job_requeued_in_held_state": "The cluster holds it after an earlier start. The centre's operator must look.",
}


def waiting_for(reason: str, ahead: int | None) -> str:
    """Return the sentence for why a job waits. `ahead` is how many jobs come before it, where that is known."""
    known = _WAITS.get(reason.replace(" ", "_"))
    if known is None:
        known = _by_limit(reason)
    return f"{ahead} runs are ahead. {known}" if ahead and reason in {"Priority", "None"} else known


def is_held_back(reason: str) -> bool:
    """Tell whether Slurm holds a job that we released: it forgot the release, or one of its nodes failed to start it."""
    return reason.replace(" ", "_") in {"JobHeldUser", "launch_failed_requeued_held", "job_requeued_in_held_state"}


def _by_limit(reason: str) -> str:
    if reason.startswith("ReqNodeNotAvail"):
        return _WAITS["ReqNodeNotAvail"]
    if "Minutes" in reason or "Billing" in reason:
        return "The budget that its account may use on the cluster is used up."
    if reason.startswith(("QOS", "Assoc")) or "Max" in reason:
        return "As much of its owner's runs as may run at once is running already."
    return f"It waits ({reason})."


# Which start


def restart_of(base: int, job: Job) -> int:
    """Return the number of the start a job is at, or waits for."""
    return base + job.count


def began_anew(*, known_started: int | None, known_count: int, job: Job) -> bool:
    """Tell whether a job that was seen running has begun once more without its count saying so: the controller forgot that it had begun."""
    if known_started is None or job.count != known_count:
        return False
    if job.standing is Standing.PENDING:
        return True
    return job.standing in {Standing.RUNNING, Standing.PREPARING} and job.started is not None and job.started > known_started


# How a run ended

_FROM_RUNNER = frozenset(
    (
        EndReason.COMPLETED,
        EndReason.FAILED,
        EndReason.CANCELLED,
        EndReason.TIME_LIMIT,
        EndReason.OUT_OF_MEMORY,
        EndReason.LOG_LIMIT,
        EndReason.DISK_FULL,
        EndReason.START_FAILED,
    )
)
_FROM_SLURM = {
    "BOOT_FAIL": (EndReason.ENGINE_FAULT, "Its nodes could not be made ready. It is the centre's fault, not the run's."),
    "CANCELLED": (EndReason.CANCELLED, "It was cancelled on the cluster by its operator."),
    "DEADLINE": (EndReason.CANCELLED, "It could not be finished before the deadline set on the cluster."),
    "NODE_FAIL": (EndReason.NODE_LOST, "The node it ran on was lost."),
    "OUT_OF_MEMORY": (EndReason.OUT_OF_MEMORY, "It used more memory than it asked for. Ask for more, or use less."),
    "PREEMPTED": (EndReason.PREEMPTED, "It had to make room for a more urgent run."),
    "REVOKED": (EndReason.CANCELLED, "It was taken back on the cluster by its operator."),
    "TIMEOUT": (EndReason.TIME_LIMIT, "It reached the cluster's time limit."),
    "LAUNCH_FAILED": (EndReason.ENGINE_FAULT, "The cluster could not start it. It is the centre's fault, not the run's."),
}
_SLURMS_SIGNALS = frozenset((signal.SIGTERM, signal.SIGKILL))
"""What Slurm sends to all of a job at once: the command may be dead of it before its runner has heard that Slurm wants an end."""
_LOST = "The process that kept the run was lost, and the run with it. It is the centre's fault, not the run's."
_NOT_LAUNCHED = "The cluster could not start it. It is the centre's fault, not the run's."


def outcome(state: str, exit_status: int, result: Mapping[str, Any] | None, *, began: bool, cancelled: bool, cancel_detail: str) -> Outcome:
    """Return why a run ended, from Slurm's word for its last start and from what that start's runner wrote (None: nothing).

    The runner knows best how its job ended, but not why the cluster wanted it to. What frees from the bill (a lost node, a fault of ours) is
    never taken from the runner, whose files the job's user could write.
    """
    word = next((word for word in state.replace("+", " ").replace(",", " ").split() if word in _ENDED), state)
    code, number = (_number(result.get("exit_code")), _number(result.get("signal"))) if result else (None, None)
    said = _reason(result)
    if (said is EndReason.CANCELLED and not cancelled) or (said is EndReason.FAILED and number in _SLURMS_SIGNALS and word in _FROM_SLURM):
        said = None
    if result is not None and said is not None:
        return Outcome(said, str(result.get("detail", ""))[:2000], code, number)
    if cancelled:
        return Outcome(EndReason.CANCELLED, "Cancelled on request." if began else cancel_detail, code, number)
    if word in _FROM_SLURM:
        reason, detail = _FROM_SLURM[word]
        return Outcome(reason, detail, code, number)
    if result is not None:
        # Preempted work that ended in its grace: Slurm saw nothing but an end. It costs the run no try, and frees nobody from the bill.
        gave_way = result.get("reason") == EndReason.PREEMPTED
        reason, detail = _FROM_SLURM["PREEMPTED"] if gave_way else (EndReason.CANCELLED, "The cluster asked it to end.")
        return Outcome(reason, detail, code, number)
    if word == "COMPLETED" and began:
        return Outcome(EndReason.COMPLETED, "Its result was lost; the cluster says that it ended well.", 0)
    return Outcome(EndReason.ENGINE_FAULT, _LOST if began else _NOT_LAUNCHED, *_exit(exit_status))


def is_final(result: Mapping[str, Any] | None) -> bool:
    """Tell whether a runner's result stands by itself: the job ended on its own or by our own hand, not because Slurm wanted it to."""
    return _reason(result) is not None


def _reason(result: Mapping[str, Any] | None) -> EndReason | None:
    try:
        said = EndReason(str((result or {}).get("reason")))
    except ValueError:
        return None
    return said if said in _FROM_RUNNER else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and -(2**31) < value < 2**31 else None


def _exit(status: int) -> tuple[int | None, int | None]:
    return (None, status & 0x7F) if status & 0x7F else (status >> 8 & 0xFF or None, None)
