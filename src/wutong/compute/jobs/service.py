"""Jobs for doors and other nouns: submit, read, cancel. Everything a tenant reads goes through who is asking."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from wutong.centre import service as centre
from wutong.centre.rules import Forecast, Run
from wutong.compute.jobs import store
from wutong.compute.jobs.cancel import cancel_job, stop_job
from wutong.compute.jobs.logs import LogSource, read_log
from wutong.compute.jobs.rules import ENDED, Attempt, Job, JobEvent, JobFilters, JobLimits, JobState, QueuePlace
from wutong.compute.jobs.secrets import delete_secret, list_secrets, put_secret
from wutong.compute.jobs.staff import (
    count_all_states,
    count_ended,
    count_open_by_tenant,
    find_any_job,
    get_any_job,
    list_all_jobs,
    list_last_ended,
    list_queue,
    list_waits,
    read_any_job,
)
from wutong.compute.jobs.submit import problems_of, submit_job
from wutong.identity.rules import Permission, Principal, require, require_tenant
from wutong.kit.errors import NotFound
from wutong.kit.paging import Page, PageRequest, cut

__all__ = [
    "JobFilters",
    "JobLimits",
    "LogSource",
    "cancel_job",
    "count_all_states",
    "count_ended",
    "count_open_by_tenant",
    "count_states",
    "current_run",
    "delete_secret",
    "exit_codes",
    "expected_starts",
    "find_any_job",
    "find_job",
    "get_any_job",
    "get_job",
    "is_token_alive",
    "job_events",
    "last_move",
    "list_all_jobs",
    "list_attempts",
    "list_jobs",
    "list_last_ended",
    "list_queue",
    "list_secrets",
    "list_waits",
    "log_source",
    "movers",
    "place_of",
    "problems_of",
    "put_secret",
    "queue_place",
    "read_any_job",
    "read_log",
    "stop_job",
    "submit_job",
]

FIRST_PAGE = PageRequest()
NO_FILTERS = JobFilters()


def get_job(session: Session, who: Principal, job_id: str) -> Job:
    """Return a job of the caller's tenant; raises `NotFound`, also for another tenant's."""
    found = find_job(session, who, job_id)
    if found is None:
        raise NotFound(kind="job", id=job_id)
    return found


def find_job(session: Session, who: Principal, job_id: str) -> Job | None:
    """Return a job of the caller's tenant, or None."""
    return store.find_job(session, job_id, tenant_id=require_tenant(who, Permission.JOB_READ))


def list_jobs(session: Session, who: Principal, filters: JobFilters = NO_FILTERS, page: PageRequest = FIRST_PAGE) -> Page[Job]:
    """List the tenant's jobs, newest first; the jobs of an array by index when its id is the filter's `parent_id`."""
    return cut(store.list_jobs(session, require_tenant(who, Permission.JOB_READ), filters, page), page)


def count_states(session: Session, who: Principal) -> dict[JobState, int]:
    """Count the unfinished jobs of the tenant by state; of all tenants for the centre's people without a tenant."""
    if who.tenant_id is None:
        require(who, Permission.CENTRE_READ)
        return store.count_states(session, None)
    return store.count_states(session, require_tenant(who, Permission.JOB_READ))


def list_attempts(session: Session, who: Principal, job_id: str) -> list[Attempt]:
    """Return a job's attempts, first one first."""
    return store.attempts_of(session, get_job(session, who, job_id).id)


def exit_codes(session: Session, jobs: Sequence[Job]) -> dict[str, int | None]:
    """Return the exit codes of the latest attempts of jobs the caller was shown."""
    return store.exit_codes(session, [job.id for job in jobs])


def expected_starts(session: Session, jobs: Sequence[Job]) -> dict[str, Forecast]:
    """Return when those of these jobs are foretold to start that are in the queue, by job; one is left out while too little is known."""
    waiting = [job.id for job in jobs if job.state is JobState.QUEUED and job.array_size is None]
    if not waiting:
        return {}
    names = store.run_names(session, waiting)
    return {names[name]: forecast for name, forecast in centre.forecast_of(session, list(names)).items()}


def job_events(session: Session, who: Principal, job_id: str, *, after: int = 0, limit: int = 500) -> list[JobEvent]:
    """Return what happened to a job, in order, after the event with this id."""
    return store.events_of(session, get_job(session, who, job_id).id, after=after, limit=limit)


def current_run(session: Session, who: Principal, job_id: str) -> Run | None:
    """Return the centre's run of the job's latest attempt, None before the first; doors pass it to `centre.look_at_queue`."""
    attempts = list_attempts(session, who, job_id)
    return centre.find_run(session, attempts[-1].run_name) if attempts else None


def queue_place(session: Session, who: Principal, job_id: str) -> QueuePlace:
    """Say where a job stands and what it waits for, as last seen."""
    return place_of(get_job(session, who, job_id), current_run(session, who, job_id))


def place_of(job: Job, run: Run | None) -> QueuePlace:
    """Say where a job stands and what it waits for, as its present run was last seen."""
    if job.state is JobState.WAITING and job.wait_reason is not None:
        return QueuePlace(None, job.detail or _WAITS[job.wait_reason])
    if job.state is not JobState.QUEUED:
        return QueuePlace(None, "")
    if run is None or run.waiting_for is None:
        return QueuePlace(None, "It is on its way to the machines.")
    return QueuePlace(run.position, run.waiting_for)


_WAITS = {
    "dependencies": "The jobs it comes after have not ended yet.",
    "preparing": "Its code, data and environment are being prepared.",
    "money": "There is no money for it now. Top up, or raise the budget.",
    "array_limit": "As many jobs of its array are under way as it allows.",
    "retry_later": "Its last attempt ended early; it will be tried again soon.",
}


def last_move(session: Session) -> int:
    """Return where the history of all jobs ends now, for `movers`."""
    return store.last_move(session)


def movers(session: Session, after: int, *, limit: int = 1000) -> list[tuple[int, str, str]]:
    """Return (id, job, tenant) of what happened to any job after a line of history, in order.

    For doors that tell pages to look again. A line that was committed late may be missed by a reader that goes on from the last id.
    """
    return store.movers(session, after, limit)


def log_source(session: Session, who: Principal, job_id: str, *, attempt: int | None = None, rank: int = 0) -> LogSource:
    """Find out where a rank's log of an attempt is (the latest by default); read it with `read_log` after the transaction has ended."""
    job = get_job(session, who, job_id)
    if not 0 <= rank < job.request.ranks:
        raise NotFound(kind="rank", id=f"{rank} of job {job_id}")
    attempts = store.attempts_of(session, job.id)
    if not attempts and attempt in (None, 1):  # the first may be asked for before it is made
        return LogSource(None, None, ended=job.ended, rank=rank, ranks=job.request.ranks)
    chosen = attempts[-1] if attempt is None and attempts else next((each for each in attempts if each.number == attempt), None)
    if chosen is None:
        raise NotFound(kind="attempt", id=f"{attempt} of job {job_id}")
    return LogSource(chosen, centre.find_run(session, chosen.run_name), ended=job.ended, rank=rank, ranks=job.request.ranks)


def is_token_alive(session: Session, run_name: str) -> bool:
    """Tell whether the run that a job token was made for is the present attempt of a job that has not ended: its token dies with it."""
    attempt = store.attempts_by_name(session, [run_name]).get(run_name)
    if attempt is None or attempt.ended_at is not None:
        return False
    job = store.find_job(session, attempt.job_id, tenant_id=None)
    return job is not None and job.state not in ENDED and job.attempt == attempt.number
