"""The one place that moves a job: checks the table of moves, guards the update, writes the history, and carries an end to all it concerns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy.orm import Session

from wutong.compute.billing import service as billing
from wutong.compute.jobs import ended_store, store
from wutong.compute.jobs.rules import ENDED, MOVES, Cause, Job, JobState, NotMovable, WaitReason, array_state
from wutong.hub import service as hub
from wutong.kit import clock
from wutong.kit.database import notify

WAITING = "compute_jobs"
LEFT = "compute_jobs_left"
ALIVE = ("waiting", "queued", "running", "finishing")


class Moves:
    """Moves of jobs gathered in one transaction, which has locked them or is alone with them, and written together."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._stood: dict[str, Job] = {}
        self._stand: dict[str, Job] = {}
        self._history: list[dict[str, Any]] = []

    def move(self, job: Job, to: JobState, *, what: str, detail: str = "", by: str = "system", **changes: Any) -> Job:
        """Move a job and return it as it will stand; raises `NotMovable` when the table forbids it."""
        if to not in MOVES[job.state]:
            raise NotMovable(id=job.id, state=job.state, to=to)
        moved = replace(job, **{"state": to, "wait_reason": None, "detail": detail[:2000], **changes})
        self._stood.setdefault(job.id, job)
        self._stand[job.id] = moved
        self.note(moved, what, detail=detail, by=by)
        return moved

    def note(self, job: Job, what: str, *, detail: str = "", by: str = "system") -> None:
        """Add a line of history without a move."""
        line = {"job_id": job.id, "at": clock.now(), "what": what, "state": job.state, "attempt": job.attempt, "detail": detail[:2000], "by": by}
        self._history.append(line)

    def write(self) -> None:
        """Write all in one statement; raises `NotMovable` when a job no longer stands where we saw it."""
        if not self._history:
            return
        written = store.write_moves(self._session, [(self._stood[job_id], job) for job_id, job in self._stand.items()], self._history)
        gone = next((job for job_id, job in self._stand.items() if job_id not in written), None)
        if gone is not None:
            raise NotMovable(id=gone.id, state=f"no longer {self._stood[gone.id].state}", to=gone.state)
        ended = [job.id for job in self._stand.values() if job.ended and job.parent_id is None]
        if ended:
            ended_store.add_ended(self._session, ended, clock.now())
        states = {job.state for job in self._stand.values()}
        if JobState.WAITING in states:
            notify(self._session, WAITING)
        if states & {JobState.FINISHING, *ENDED}:
            notify(self._session, LEFT)
        self._stood, self._stand, self._history = {}, {}, []


@dataclass(frozen=True, slots=True)
class End:
    """How a job is to end."""

    job: Job
    to: JobState
    cause: Cause
    detail: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)


def note(session: Session, job: Job, what: str, *, detail: str = "", by: str = "system") -> None:
    """Write a line of history without a move."""
    moves = Moves(session)
    moves.note(job, what, detail=detail, by=by)
    moves.write()


def move(session: Session, job: Job, to: JobState, *, what: str, detail: str = "", by: str = "system", **changes: Any) -> Job:
    """Move a job that still stands where `job` says; raises `NotMovable` when the table forbids it or somebody else was quicker."""
    moves = Moves(session)
    moved = moves.move(job, to, what=what, detail=detail, by=by, **changes)
    moves.write()
    return moved


def set_fields(session: Session, job: Job, values: Mapping[str, Any]) -> Job:
    """Change data beside the state of a job that still stands where `job` says."""
    if not store.update_job(session, job, values):
        raise NotMovable(id=job.id, state=f"no longer {job.state}", to=job.state)
    return replace(job, **values)


def end(
    session: Session,
    job: Job,
    to: JobState,
    *,
    cause: Cause,
    detail: str = "",
    by: str = "system",
    follow: bool = True,
    at_once: bool = False,
    **changes: Any,
) -> Job:
    """Bring a job to its end: its money is settled, its data unpinned, those that wait for it go on.

    `follow` False leaves its array to the caller; `at_once` lets go of its hold in this transaction if it never ran.
    """
    ended = move(session, job, to, what=to.value, detail=detail, by=by, reason=cause, ended_at=clock.now(), outcome=None, **changes)
    if ended.array_size is None:
        billing.close_job(session, ended.id, at_once=at_once)
    if ended.inputs and ended.parent_id is None:
        hub.unpin(session, ended.id)
    for waiting in store.waiting_on(session, ended.id):
        _dependency_ended(session, waiting, ended)
    if follow and ended.parent_id is not None:
        follow_array(session, ended.parent_id)
    return ended


def end_many(session: Session, ends: Sequence[End]) -> None:
    """Bring locked jobs to their ends, as `end` would, in few statements for all whose end concerns nobody but their array."""
    if not ends:
        return
    waited_for = store.waited_for(session, [each.job.id for each in ends])
    alone, now, moves = [each for each in ends if _concerns_nobody(each.job, waited_for)], clock.now(), Moves(session)
    for each in alone:
        moves.move(each.job, each.to, what=each.to.value, detail=each.detail, reason=each.cause, ended_at=now, outcome=None, **each.changes)
    moves.write()
    if alone:
        billing.close_jobs(session, [each.job.id for each in alone])
    for each in ends:
        if not _concerns_nobody(each.job, waited_for):
            end(session, each.job, each.to, cause=each.cause, detail=each.detail, follow=False, **each.changes)
    for parent_id in sorted({each.job.parent_id for each in ends if each.job.parent_id is not None}):
        follow_array(session, parent_id)


def _concerns_nobody(job: Job, waited_for: set[str]) -> bool:
    """Tell whether nothing but the job itself and its array changes with its end: no pins of its own, nobody who waits for it."""
    pins = bool(job.inputs) and job.parent_id is None
    return not pins and job.array_size is None and job.id not in waited_for


def follow_array(session: Session, parent_id: str) -> None:
    """Bring an array to where its jobs stand, and let the next ones go when fewer than allowed are under way."""
    parent = store.find_job(session, parent_id, tenant_id=None, lock=True)
    if parent is None or parent.ended:
        return
    fill_array(session, parent)
    counts: dict[JobState, int] = {}
    for (state, _), count in store.count_children(session, parent_id).items():
        counts[state] = counts.get(state, 0) + count
    to, cause = array_state(counts)
    if to in ENDED and cause is not None:
        failed = counts.get(JobState.FAILED, 0)
        end(session, parent, to, cause=cause, detail=f"{failed} of {parent.array_size} jobs failed." if failed else "")
    elif to is not parent.state and to in MOVES[parent.state]:
        started: dict[str, Any] = {"started_at": clock.now()} if to is JobState.RUNNING and parent.started_at is None else {}
        move(session, parent, to, what=to.value, **started)


def fill_array(session: Session, parent: Job) -> None:
    """Let jobs of an array go until as many are under way as it allows. The parent must be locked."""
    if parent.stop_why is not None:
        return
    held = 0
    under_way = 0
    for (state, why), count in store.count_children(session, parent.id).items():
        if why is WaitReason.ARRAY_LIMIT:
            held += count
        elif why is not WaitReason.DEPENDENCIES and state not in ENDED:
            under_way += count
    room = min((parent.array_limit or 1) - under_way, held)
    if room <= 0:
        return
    ids = store.children_ids(session, parent.id, states=("waiting",), wait_reason=WaitReason.ARRAY_LIMIT, limit=room)
    for child in store.lock_jobs(session, ids).values():
        if child.wait_reason is WaitReason.ARRAY_LIMIT:
            move(session, child, JobState.WAITING, what="released", wait_reason=WaitReason.PREPARING, next_at=clock.now())


def release(session: Session, job: Job, *, detail: str = "") -> None:
    """Let a job go that waited for others."""
    if job.array_size is None:
        move(session, job, JobState.WAITING, what="released", detail=detail, wait_reason=WaitReason.PREPARING, next_at=clock.now())
        return
    moved = move(session, job, JobState.WAITING, what="released", detail=detail)
    for child in store.lock_jobs(session, store.children_ids(session, job.id, states=("waiting",))).values():
        if child.wait_reason is WaitReason.DEPENDENCIES:
            move(session, child, JobState.WAITING, what="released", wait_reason=WaitReason.ARRAY_LIMIT)
    fill_array(session, moved)


def cancel_waiting(session: Session, job: Job, *, cause: Cause, detail: str, by: str = "system") -> None:
    """End a job, or a whole array, that has nothing running."""
    if job.array_size is None:
        end(session, job, JobState.CANCELLED, cause=cause, detail=detail, by=by)
        return
    for child in store.lock_jobs(session, store.children_ids(session, job.id, states=ALIVE)).values():
        end(session, child, JobState.CANCELLED, cause=cause, detail=detail, by=by, follow=False)
    follow_array(session, job.id)


def _dependency_ended(session: Session, waiting_id: str, other: Job) -> None:
    job = store.find_job(session, waiting_id, tenant_id=None, lock=True)
    if job is None or job.wait_reason is not WaitReason.DEPENDENCIES:
        return
    if other.state is not JobState.SUCCEEDED:
        sentence = f"It was to run after {other.name} ({other.id}), which ended as {other.state}."
        cancel_waiting(session, job, cause=Cause.DEPENDENCY_FAILED, detail=sentence)
    elif store.unmet(session, job.id) == 0:
        release(session, job)


def wake(session: Session) -> None:
    """Wake the loop that readies waiting jobs when the transaction commits."""
    notify(session, WAITING)
