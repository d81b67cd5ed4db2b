"""Follows the centre's journal of runs and moves jobs by it: starts, ends, another try. One bad event is set aside and does not stop the rest."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from wutong.centre import service as centre
from wutong.centre.rules import EndReason, RunEvent, RunPhase
from wutong.compute.billing import service as billing
from wutong.compute.jobs import aside, moves, store
from wutong.compute.jobs.rules import Attempt, Job, JobState, Verdict, after_end
from wutong.compute.jobs.rules import WaitReason as Wait
from wutong.kit import clock, cursors
from wutong.kit.database import Database
from wutong.kit.log import get_logger

log = get_logger(__name__)

CURSOR = "compute.tracker"
BATCH = 200


class Tracker:
    """The loop between the centre's runs and our jobs. Safe to run twice at once: the cursor moves with what was done."""

    def __init__(self, database: Database, *, batch: int = BATCH) -> None:
        self._database = database
        self._batch = batch

    def step(self) -> bool:
        """Apply the next events; True when there were any."""
        try:
            with self._database.session() as session:
                events = self._next(session, self._batch)
                _apply(session, events)
            worked = bool(events)
        except Exception as error:  # one of them cannot be applied: go one by one and set that one aside
            log.exception("a batch of run events failed, going one by one", error=repr(error))
            worked = self._one_by_one()
        return self._retry() or worked

    def _next(self, session: Session, limit: int) -> Sequence[RunEvent]:
        before = cursors.read(session, CURSOR)
        events = centre.run_events_after(session, before, limit)
        if events:
            cursors.advance(session, CURSOR, before=before, after=events[-1].seq)
        return events

    def _one_by_one(self) -> bool:
        for _ in range(self._batch):
            with self._database.session() as session:
                before = cursors.read(session, CURSOR)
                found = centre.run_events_after(session, before, 1)
            if not found:
                return True
            self._apply_or_set_aside(found[0], before)
        return True

    def _apply_or_set_aside(self, event: RunEvent, before: int) -> None:
        try:
            with self._database.session() as session:
                cursors.advance(session, CURSOR, before=before, after=event.seq)
                _apply(session, [event])
        except Exception as error:
            log.exception("a run event is set aside", run=event.name, seq=event.seq, error=repr(error))
            with self._database.session() as session:
                cursors.advance(session, CURSOR, before=before, after=event.seq)
                aside.put(session, event.seq, event.name, repr(error))

    def _retry(self) -> bool:
        with self._database.session() as session:
            seq = aside.due(session, clock.now())
        if seq is None:
            return False
        try:
            with self._database.session() as session:
                _apply(session, [event for event in centre.run_events_after(session, seq - 1, 1) if event.seq == seq])
                aside.drop(session, seq)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, it is tried again later
            log.warning("a run event set aside failed again", seq=seq, error=repr(error))
            with self._database.session() as session:
                aside.put(session, seq, "", repr(error))
        return True


def _apply(session: Session, events: Sequence[RunEvent]) -> None:
    attempts = store.attempts_by_name(session, [event.name for event in events])
    jobs = store.lock_jobs(session, [attempt.job_id for attempt in attempts.values()])
    # looked at again under the jobs' locks: a cancel or an earlier batch may have come between
    attempts = store.attempts_by_name(session, attempts)
    for event in events:
        attempt = attempts.get(event.name)
        if attempt is None:
            continue  # a run of somebody else's: notebooks and other centres have their own
        attempts[event.name], jobs[attempt.job_id] = _apply_one(session, event, attempt, jobs[attempt.job_id])


def _apply_one(session: Session, event: RunEvent, attempt: Attempt, job: Job) -> tuple[Attempt, Job]:
    if attempt.ended_at is not None:
        return attempt, job
    current = attempt.number == job.attempt and not job.ended
    if event.restart > attempt.restart:
        store.update_attempt(session, attempt.run_name, {"restart": event.restart})
        attempt = replace(attempt, restart=event.restart)
        moves.note(session, job, "restarted", detail=event.detail)
    if event.phase is RunPhase.RUNNING:
        return _started(session, event, attempt, job, current=current)
    if event.phase is RunPhase.ENDED:
        return _ended(session, event, attempt, job, current=current)
    return attempt, job


def _started(session: Session, event: RunEvent, attempt: Attempt, job: Job, *, current: bool) -> tuple[Attempt, Job]:
    started_at = event.started_at or event.at
    if attempt.started_at is None:
        store.update_attempt(session, attempt.run_name, {"started_at": started_at})
        attempt = replace(attempt, started_at=started_at)
    if current and job.state is JobState.QUEUED:
        job = moves.move(session, job, JobState.RUNNING, what="running", started_at=job.started_at or started_at)
        if job.parent_id is not None:
            moves.follow_array(session, job.parent_id)
    return attempt, job


def _ended(session: Session, event: RunEvent, attempt: Attempt, job: Job, *, current: bool) -> tuple[Attempt, Job]:
    reason = event.reason or EndReason.ENGINE_FAULT
    asked = replace(job, stop_why=job.stop_why or event.stop_why)
    verdict = after_end(asked, reason)
    values: dict[str, Any] = {
        "reason": reason,
        "detail": event.detail[:2000],
        "exit_code": event.exit_code,
        "ours": verdict.ours,
        "started_at": event.started_at or attempt.started_at,
        "ended_at": event.ended_at or event.at,
    }
    store.update_attempt(session, attempt.run_name, values)
    attempt = replace(attempt, **values)
    billing.attempt_ended(
        session, attempt.run_name, reason=reason, our_fault=verdict.ours, started=attempt.started_at is not None, restart=attempt.restart, at=event.at
    )
    if current and job.state in (JobState.QUEUED, JobState.RUNNING):
        job = _follow(session, job, attempt, verdict)
    return attempt, job


def _follow(session: Session, job: Job, attempt: Attempt, verdict: Verdict) -> Job:
    """Carry out what was decided about a job whose present attempt ended."""
    used: dict[str, Any] = {"free_used": job.free_used + 1} if verdict.free else {"tries_used": job.tries_used + 1}
    used["started_at"] = job.started_at or attempt.started_at  # a short run may end before it was seen to run
    sentence = describe(attempt)
    if verdict.again:
        at = clock.now() + timedelta(seconds=verdict.delay_s)
        resume: dict[str, Any] = {"resume_from": attempt.run_name} if attempt.started_at is not None else {}
        return moves.move(session, job, JobState.WAITING, what="again", detail=sentence, wait_reason=Wait.RETRY_LATER, next_at=at, **used, **resume)
    if verdict.state is JobState.SUCCEEDED or (job.request.outputs.keep_on_failure and attempt.started_at is not None):
        changes: dict[str, Any] = {"outcome": verdict.state, "reason": verdict.cause, "next_at": clock.now(), "setbacks": 0}
        return moves.move(session, job, JobState.FINISHING, what="finishing", detail=sentence, **changes, **used)
    return moves.end(session, job, verdict.state, cause=verdict.cause, detail=sentence, **used)


_SENTENCES = {
    EndReason.COMPLETED: "",
    EndReason.FAILED: "The command ended with exit code {code}.",
    EndReason.TIME_LIMIT: "It reached its time limit.",
    EndReason.OUT_OF_MEMORY: "It needed more memory than its flavour has; choose a larger one.",
    EndReason.LOG_LIMIT: "Its log grew over the limit; write less, or write to the outputs.",
    EndReason.DISK_FULL: "It filled the disk space it may use.",
    EndReason.START_FAILED: "It could not be started.",
    EndReason.PREEMPTED: "Its place was needed; it goes on from its last checkpoint.",
    EndReason.NODE_LOST: "The machine it ran on was lost. This costs nothing.",
    EndReason.ENGINE_FAULT: "The centre failed to run it to its end. This costs nothing.",
}


def describe(attempt: Attempt) -> str:
    """Say in a sentence how an attempt ended, with what the engine told."""
    reason = attempt.reason or EndReason.ENGINE_FAULT
    sentence = _SENTENCES.get(reason, "").format(code=attempt.exit_code)
    detail = attempt.detail.strip()
    return detail if not sentence else f"{sentence} {detail}".strip()
