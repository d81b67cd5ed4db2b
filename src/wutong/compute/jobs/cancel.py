"""Ending jobs before their time: cancelled by their own people, or stopped by the centre, which says why."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from wutong.centre import service as centre
from wutong.centre.rules import StopWhy
from wutong.compute.jobs import moves, store
from wutong.compute.jobs.rules import Cause, Job, JobState
from wutong.identity import service as identity
from wutong.identity.rules import Permission, Principal, require, require_tenant
from wutong.kit import clock
from wutong.kit.errors import Invalid, NotFound

THE_CENTRE = "the centre"


@dataclass(frozen=True, slots=True)
class _Stop:
    """Who stops, and what is told: `detail` of a job that never started, `note` beside the wish in the history."""

    why: StopWhy
    cause: Cause
    by: str
    detail: str
    note: str = ""


def cancel_job(session: Session, who: Principal, job_id: str) -> Job:
    """Cancel a job, or all jobs of an array; one that has ended stays as it ended. One's own needs job.submit, another person's job.manage."""
    tenant_id = require_tenant(who, Permission.JOB_SUBMIT)
    job = store.lock_jobs(session, [job_id]).get(job_id)
    if job is None or job.tenant_id != tenant_id:
        raise NotFound(kind="job", id=job_id)
    if job.person_id != who.person_id:
        require(who, Permission.JOB_MANAGE)
    if job.ended:
        return job
    identity.audit(session, who, "job.cancel", kind="job", id=job.id, tenant_id=tenant_id, before={"state": job.state})
    return _stop(session, job, _Stop(StopWhy.CANCEL, Cause.CANCELLED, who.name, f"Cancelled by {who.name}."))


def stop_job(session: Session, who: Principal, job_id: str, *, reason: str) -> Job:
    """Stop any organisation's job, or all of an array, for the centre's operators. The organisation reads the reason, not the name."""
    require(who, Permission.CENTRE_OPERATE)
    reason = reason.strip()[:500]
    if not reason:
        raise Invalid(field="reason", reason="Say why: the organisation reads it in the job's history.")
    job = store.lock_jobs(session, [job_id]).get(job_id)
    if job is None:
        raise NotFound(kind="job", id=job_id)
    if job.ended:
        return job
    after = {"reason": reason}
    identity.audit(session, who, "job.stop", kind="job", id=job.id, tenant_id=job.tenant_id, before={"state": job.state}, after=after)
    return _stop(session, job, _Stop(StopWhy.SUSPENDED, Cause.STOPPED_BY_CENTRE, THE_CENTRE, f"Stopped by the centre: {reason}", reason))


def _stop(session: Session, job: Job, stop: _Stop) -> Job:
    if job.array_size is None:
        return _stop_one(session, job, stop, follow=True)
    _ask(session, job, stop)
    for child in store.lock_jobs(session, store.children_ids(session, job.id, states=moves.ALIVE)).values():
        _stop_one(session, child, stop, follow=False)
    moves.follow_array(session, job.id)
    found = store.find_job(session, job.id, tenant_id=job.tenant_id)
    assert found is not None  # noqa: S101 - it was locked above
    return found


def _stop_one(session: Session, job: Job, stop: _Stop, *, follow: bool) -> Job:
    if job.ended or job.state is JobState.FINISHING:
        return job
    if job.state is JobState.WAITING:
        return moves.end(session, job, JobState.CANCELLED, cause=stop.cause, detail=stop.detail, by=stop.by, follow=follow, at_once=True)
    asked = _ask(session, job, stop)
    if asked is not job:
        centre.request_stop(session, store.attempts_of(session, job.id)[-1].run_name, why=stop.why)
    return asked


def _ask(session: Session, job: Job, stop: _Stop) -> Job:
    if job.stop_why is not None:
        return job
    asked = moves.set_fields(session, job, {"stop_why": stop.why, "stop_asked_at": clock.now()})
    moves.note(session, asked, "cancel_asked", detail=stop.note, by=stop.by)
    return asked
