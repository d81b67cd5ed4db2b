"""Jobs of all organisations, for the centre's own people: what they may see to run the machines. Logs and data stay the organisations' own."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from wutong.centre import service as centre
from wutong.centre.rules import Run
from wutong.compute.jobs import staff_store, store
from wutong.compute.jobs.rules import Attempt, Job, JobEvent, JobFilters, JobName, JobState, Waits
from wutong.identity.rules import Permission, Principal, require
from wutong.kit.errors import NotFound
from wutong.kit.paging import Page, PageRequest, cut

FIRST_PAGE = PageRequest()
NO_FILTERS = JobFilters()


@dataclass(frozen=True, slots=True)
class Queued:
    """A job that waits for machines, with its run as last seen: position and what it waits for."""

    job: JobName
    run: Run


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job with all its attempts and what happened to it, the latest first."""

    job: Job
    attempts: Sequence[Attempt]
    events: Sequence[JobEvent]


def list_all_jobs(session: Session, who: Principal, filters: JobFilters = NO_FILTERS, page: PageRequest = FIRST_PAGE) -> Page[Job]:
    """List the jobs of all organisations, newest first, for the centre's operators and auditors."""
    require(who, Permission.CENTRE_JOBS)
    return cut(store.list_jobs(session, filters.tenant_id, filters, page), page)


def find_any_job(session: Session, who: Principal, job_id: str) -> Job | None:
    """Return any organisation's job, or None."""
    require(who, Permission.CENTRE_JOBS)
    return store.find_job(session, job_id, tenant_id=None)


def get_any_job(session: Session, who: Principal, job_id: str) -> Job:
    """Return any organisation's job; raises `NotFound`."""
    found = find_any_job(session, who, job_id)
    if found is None:
        raise NotFound(kind="job", id=job_id)
    return found


def read_any_job(session: Session, who: Principal, job_id: str, *, events: int = 200) -> JobRecord:
    """Return any organisation's job with its attempts and history; raises `NotFound`."""
    job = get_any_job(session, who, job_id)
    return JobRecord(job, store.attempts_of(session, job_id), staff_store.latest_events(session, job_id, events))


def count_all_states(session: Session, who: Principal) -> dict[JobState, int]:
    """Count the unfinished jobs of all organisations by state."""
    require(who, Permission.CENTRE_READ)
    return store.count_states(session, None)


def count_open_by_tenant(session: Session, who: Principal, pools: Collection[str]) -> dict[str, dict[str, int]]:
    """Count the unfinished jobs in some pools: by pool, then by organisation."""
    require(who, Permission.CENTRE_READ)
    return staff_store.open_by_tenant(session, pools) if pools else {}


def list_queue(session: Session, who: Principal, pool: str, *, limit: int = 100) -> list[Queued]:
    """Return the head of a pool's queue, in the order in which its engine had it when last seen."""
    require(who, Permission.CENTRE_JOBS)
    runs = centre.list_waiting(session, pool, limit=limit)
    jobs = staff_store.jobs_of_runs(session, [run.name for run in runs])
    return [Queued(jobs[run.name], run) for run in runs if run.name in jobs]


def list_last_ended(session: Session, who: Principal, *, limit: int = 10) -> list[Job]:
    """Return the jobs that ended last, of all organisations."""
    require(who, Permission.CENTRE_READ)
    return staff_store.last_ended(session, limit)


def count_ended(session: Session, who: Principal, since: datetime, until: datetime) -> dict[JobState, int]:
    """Count the jobs of all organisations that ended in a span, by how."""
    require(who, Permission.CENTRE_READ)
    return staff_store.count_ended(session, since, until)


def list_waits(session: Session, who: Principal, since: datetime, until: datetime) -> list[Waits]:
    """Return how long the jobs of all organisations that ended in a span had waited from submission to start, by pool."""
    require(who, Permission.CENTRE_READ)
    return staff_store.waits(session, since, until)
