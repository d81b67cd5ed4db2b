"""SQL over the jobs of all organisations."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from wutong.compute.jobs.rules import Job, JobEvent, JobName, JobState, Waits
from wutong.compute.jobs.store import ATTEMPT, EVENT, JOB, to_job
from wutong.kit.database import one_of


def latest_events(session: Session, job_id: str, limit: int) -> list[JobEvent]:
    """Return what happened to a job, the latest first."""
    query = select(EVENT).where(EVENT.c.job_id == job_id).order_by(EVENT.c.id.desc()).limit(limit)
    return [JobEvent(**{**row, "state": JobState(row["state"])}) for row in session.execute(query).mappings()]


_OF_RUNS = select(ATTEMPT.c.run_name, JOB.c.id, JOB.c.tenant_id, JOB.c.name).join(JOB, ATTEMPT.c.job_id == JOB.c.id)
_OF_RUNS = _OF_RUNS.where(one_of(ATTEMPT.c.run_name, "names"))


def jobs_of_runs(session: Session, run_names: Sequence[str]) -> dict[str, JobName]:
    """Return the jobs whose attempts have these names, by the name."""
    return {row.run_name: JobName(row.id, row.tenant_id, row.name) for row in session.execute(_OF_RUNS, {"names": list(run_names)})}


def last_ended(session: Session, limit: int) -> list[Job]:
    """Return the jobs that ended last, arrays left out: their parts are told."""
    query = select(JOB).where(JOB.c.ended_at.is_not(None), JOB.c.array_size.is_(None)).order_by(JOB.c.ended_at.desc()).limit(limit)
    return [to_job(row) for row in session.execute(query).mappings()]


def count_ended(session: Session, since: datetime, until: datetime) -> dict[JobState, int]:
    """Count the jobs that ended in a span, by state."""
    span = (JOB.c.ended_at >= since, JOB.c.ended_at < until, JOB.c.array_size.is_(None))
    return {JobState(state): count for state, count in session.execute(select(JOB.c.state, func.count()).where(*span).group_by(JOB.c.state))}


def waits(session: Session, since: datetime, until: datetime) -> list[Waits]:
    """Return how long jobs that ended in a span had waited for their start, by pool; arrays left out: their parts are counted."""
    waited = func.extract("epoch", JOB.c.started_at - JOB.c.created_at)
    span = (JOB.c.ended_at >= since, JOB.c.ended_at < until, JOB.c.array_size.is_(None), JOB.c.started_at.is_not(None))
    shares = [func.percentile_cont(share).within_group(waited) for share in (0.5, 0.9)]
    rows = session.execute(select(JOB.c.pool, func.count(), *shares).where(*span).group_by(JOB.c.pool).order_by(JOB.c.pool))
    return [Waits(pool, count, float(median), float(most)) for pool, count, median, most in rows]


def open_by_tenant(session: Session, pools: Collection[str]) -> dict[str, dict[str, int]]:
    """Count unfinished jobs by pool and tenant, arrays left out: their parts are counted."""
    query = select(JOB.c.pool, JOB.c.tenant_id, func.count()).where(JOB.c.ended_at.is_(None), JOB.c.array_size.is_(None), JOB.c.pool.in_(pools))
    found: dict[str, dict[str, int]] = {}
    for pool, tenant_id, count in session.execute(query.group_by(JOB.c.pool, JOB.c.tenant_id)):
        found.setdefault(pool, {})[tenant_id] = count
    return found
