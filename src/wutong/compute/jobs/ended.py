"""Ends of jobs, for rooms above that tell people. A queue and not a journal: whoever takes an end has it, with the transaction that uses it."""

from sqlalchemy.orm import Session

from wutong.compute.jobs import ended_store
from wutong.compute.jobs.rules import Job

CHANNEL = "compute_jobs_left"


def take_ended_jobs(session: Session, *, limit: int = 100) -> list[Job]:
    """Return jobs that ended and were not given out yet, arrays as a whole, and count them as told with this transaction."""
    return ended_store.take_ended(session, limit)


def tenants_waiting_for(session: Session, pool: str) -> set[str]:
    """Return the tenants with unfinished jobs for a pool."""
    return ended_store.tenants_waiting_for(session, pool)
