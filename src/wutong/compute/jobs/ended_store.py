"""SQL of the queue of ends that are to be told, and of who uses which pool."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from wutong.compute.jobs.rules import Job
from wutong.compute.jobs.store import JOB, to_job
from wutong.compute.jobs.tables import EndedJobRow
from wutong.kit.database import insert_rows, rows_json

_ADD_ENDED = insert_rows("compute_ended_job", ("job_id", "at"), "ON CONFLICT DO NOTHING")


def add_ended(session: Session, job_ids: Sequence[str], at: datetime) -> None:
    """Queue the ends of jobs."""
    session.execute(_ADD_ENDED, {"rows": rows_json({"job_id": job_id, "at": at} for job_id in job_ids)})


def take_ended(session: Session, limit: int) -> list[Job]:
    """Take ends off the queue, the longest waiting first; those that another transaction is taking are left to it."""
    due = select(EndedJobRow.job_id).order_by(EndedJobRow.at).limit(limit).with_for_update(skip_locked=True)
    taken = session.scalars(delete(EndedJobRow).where(EndedJobRow.job_id.in_(due)).returning(EndedJobRow.job_id)).all()
    return [to_job(row) for row in session.execute(select(JOB).where(JOB.c.id.in_(taken)).order_by(JOB.c.ended_at)).mappings()]


def tenants_waiting_for(session: Session, pool: str) -> set[str]:
    """Return the tenants with unfinished jobs for a pool."""
    return set(session.scalars(select(JOB.c.tenant_id).where(JOB.c.ended_at.is_(None), JOB.c.pool == pool).distinct()))
