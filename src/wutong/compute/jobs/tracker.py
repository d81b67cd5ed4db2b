"""Follows the centre's journal of runs and moves jobs by it: starts, ends, another try. One bad event is set aside and does not stop the rest."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from wutong.centre import service as centre
from wutong.centre.rules import EndReason, RunEvent, RunPhase
from wutong.compute.billing import service as billing
from wutong.compute.billing.rules import RunEnd
from wutong.compute.jobs import aside, moves, store
from wutong.compute.jobs.rules import Attempt, Job, JobState, Verdict, after_end
from wutong.compute.jobs.rules import WaitReason as Wait
from wutong.kit import clock, cursors
from wutong.kit.database import Database
from wutong.kit.log import get_logger

log = get_logger(__name__)

CURSOR = "compute.tracker"
BATCH = 200
RETRY_EVERY = timedelta(seconds=2)


class Tracker:
    """The loop between the centre's runs and our jobs. Safe to run twice at once: the cursor moves with what was done."""

    def __init__(self, database: Database, *, batch: int = BATCH) -> None:
        self._database = database
        self._batch = batch
        self._retry_at = clock.now()

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
        if clock.now() < self._retry_at:
            return False
        with self._database.session() as session:
            seq = aside.due(session, clock.now())
        if seq is None:
            self._retry_at = clock.now() + RETRY_EVERY
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
    names = [event.name for event in events]
    jobs = store.lock_jobs_of(session, names)
    # read under the jobs' locks: a cancel or an earlier batch may have come between
    attempts = store.attempts_by_name(session, names) if jobs else {}
    batch = _Batch(session)
    for event in events:
        attempt = attempts.get(event.name)
        if attempt is None or attempt.ended_at is not None:
            continue  # a run of somebody else's: notebooks and other centres have their own
        attempts[event.name], jobs[attempt.job_id] = batch.apply(event, attempt, jobs[attempt.job_id])
    batch.write()


class _Batch:
    """What a batch of events changes, gathered and then written together."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._moves = moves.Moves(session)
        self._attempts: dict[str, Attempt] = {}
        self._ended: list[RunEnd] = []
        self._ends: list[moves.End] = []
        self._arrays: set[str] = set()

    def write(self) -> None:
        """Write all there is."""
        store.write_attempts(self._session, list(self._attempts.values()))
        billing.attempts_ended(self._session, self._ended)
        self._moves.write()
        moves.end_many(self._session, self._ends)
        for parent_id in sorted(self._arrays):
            moves.follow_array(self._session, parent_id)

    def apply(self, event: RunEvent, attempt: Attempt, job: Job) -> tuple[Attempt, Job]:
        """Apply one event to an attempt that has not ended, and return attempt and job as they will stand."""
        current = attempt.number == job.attempt and not job.ended
        before = attempt
        if event.restart > attempt.restart:
            attempt = replace(attempt, restart=event.restart)
            self._moves.note(job, "restarted", detail=event.detail)
        if event.phase is RunPhase.RUNNING:
            attempt, job = self._started(event, attempt, job, current=current)
        elif event.phase is RunPhase.ENDED:
            attempt, job = self._end(event, attempt, job, current=current)
        if attempt is not before:
            self._attempts[attempt.run_name] = attempt
        return attempt, job

    def _started(self, event: RunEvent, attempt: Attempt, job: Job, *, current: bool) -> tuple[Attempt, Job]:
        started_at = event.started_at or event.at
        if attempt.started_at is None:
            attempt = replace(attempt, started_at=started_at)
        if current and job.state is JobState.QUEUED:
            job = self._moves.move(job, JobState.RUNNING, what="running", started_at=job.started_at or started_at)
            if job.parent_id is not None:
                self._arrays.add(job.parent_id)
        return attempt, job

    def _end(self, event: RunEvent, attempt: Attempt, job: Job, *, current: bool) -> tuple[Attempt, Job]:
        reason = event.reason or EndReason.ENGINE_FAULT
        verdict = after_end(replace(job, stop_why=job.stop_why or event.stop_why), reason)
        attempt = replace(
            attempt,
            reason=reason,
            detail=event.detail[:2000],
            exit_code=event.exit_code,
            ours=verdict.ours,
            started_at=event.started_at or attempt.started_at,
            ended_at=event.ended_at or event.at,
        )
        started = attempt.started_at is not None
        self._ended.append(RunEnd(attempt.run_name, reason, our_fault=verdict.ours, at=event.at, started=started, restart=attempt.restart))
        if current and job.state in (JobState.QUEUED, JobState.RUNNING):
            job = self._follow(job, attempt, verdict)
        return attempt, job

    def _follow(self, job: Job, attempt: Attempt, verdict: Verdict) -> Job:
        """Carry out what was decided about a job whose present attempt ended."""
        used: dict[str, Any] = {"free_used": job.free_used + 1} if verdict.free else {"tries_used": job.tries_used + 1}
        used["started_at"] = job.started_at or attempt.started_at  # a short run may end before it was seen to run
        sentence = describe(attempt)
        if verdict.again:
            at = clock.now() + timedelta(seconds=verdict.delay_s)
            resume: dict[str, Any] = {"resume_from": attempt.run_name} if attempt.started_at is not None else {}
            changes: dict[str, Any] = {"wait_reason": Wait.RETRY_LATER, "next_at": at, **used, **resume}
            return self._moves.move(job, JobState.WAITING, what="again", detail=sentence, **changes)
        if verdict.state is JobState.SUCCEEDED or (job.request.outputs.keep_on_failure and attempt.started_at is not None):
            changes = {"outcome": verdict.state, "reason": verdict.cause, "next_at": clock.now(), "setbacks": 0, **used}
            return self._moves.move(job, JobState.FINISHING, what="finishing", detail=sentence, **changes)
        self._ends.append(moves.End(job, verdict.state, verdict.cause, sentence, used))
        return replace(job, state=verdict.state)


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
    if reason is EndReason.FAILED and detail:
        return detail  # engines say how it failed: by an exit code, or by a signal and without one
    return detail if not sentence else f"{sentence} {detail}".strip()
