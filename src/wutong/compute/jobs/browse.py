"""What people ask of jobs they look at: several at once, how many stand where, what their attempts used, how their numbers went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from wutong.centre import service as centre
from wutong.centre.rules import Run
from wutong.compute.jobs import metrics, store
from wutong.compute.jobs.rules import Attempt, Job, JobState, QueuePlace
from wutong.compute.jobs.service import get_job, place_of
from wutong.hub import service as hub
from wutong.hub.rules import BlobStore, File
from wutong.identity.rules import Permission, Principal, require_tenant
from wutong.kit.errors import NotFound, Problem


@dataclass(frozen=True, slots=True)
class Trial:
    """An attempt with the run it was, None where the centre knows of none any more."""

    attempt: Attempt
    run: Run | None


@dataclass(frozen=True, slots=True)
class MetricSource:
    """Where the numbers of a job are: a file of its outputs, or the folder its present run writes to."""

    file: File | None = None
    folder: Path | None = None


def count_listed(session: Session, who: Principal) -> dict[JobState, int]:
    """Count the tenant's unfinished jobs by state as `list_jobs` shows them: an array is one."""
    return store.count_listed(session, require_tenant(who, Permission.JOB_READ))


def front_jobs(session: Session, who: Principal, most: int) -> list[Job]:
    """Return what a person wants to see first: the tenant's newest unfinished jobs, then its newest that ended, `most` of each at most."""
    return store.front_jobs(session, require_tenant(who, Permission.JOB_READ), most)


def count_children(session: Session, who: Principal, parent: Job) -> dict[JobState, int]:
    """Count the jobs of an array by state; raises `NotFound` for an array of another tenant."""
    if parent.tenant_id != require_tenant(who, Permission.JOB_READ):
        raise NotFound(kind="job", id=parent.id)
    counts: dict[JobState, int] = {}
    for (state, _), count in store.count_children(session, parent.id).items():
        counts[state] = counts.get(state, 0) + count
    return counts


def children_ids(session: Session, who: Principal, parent: Job) -> list[str]:
    """Return the jobs of an array by index; raises `NotFound` for an array of another tenant."""
    if parent.tenant_id != require_tenant(who, Permission.JOB_READ):
        raise NotFound(kind="job", id=parent.id)
    return store.children_ids(session, parent.id, states=[state.value for state in JobState])


def get_jobs(session: Session, who: Principal, ids: Sequence[str]) -> list[Job]:
    """Return jobs of the caller's tenant in the order given; raises `NotFound` for the first that is not there."""
    found = {job.id: job for job in store.find_jobs(session, require_tenant(who, Permission.JOB_READ), ids)}
    for job_id in ids:
        if job_id not in found:
            raise NotFound(kind="job", id=job_id)
    return [found[job_id] for job_id in ids]


def list_trials(session: Session, job: Job) -> list[Trial]:
    """Return the attempts of a job that the caller was shown, each with its run."""
    attempts = store.attempts_of(session, job.id)
    runs = {run.name: run for run in centre.list_runs(session, [attempt.run_name for attempt in attempts])}
    return [Trial(attempt, runs.get(attempt.run_name)) for attempt in attempts]


def place(job: Job, trials: Sequence[Trial]) -> QueuePlace:
    """Say where a job stands and what it waits for, as last seen."""
    return place_of(job, trials[-1].run if trials else None)


def metric_source(session: Session, who: Principal, job_id: str) -> MetricSource:
    """Find out where a job's numbers are; read them with `read_series` after the transaction has ended."""
    job = get_job(session, who, job_id)
    if job.output_version_id is not None:
        try:
            return MetricSource(hub.get_file(session, who, job.output_version_id, metrics.FILE))
        except NotFound:
            return MetricSource()
    return source_of_run(job, list_trials(session, job))


def source_of_run(job: Job, trials: Sequence[Trial]) -> MetricSource:
    """Say where the numbers are of a job that has not ended: with its present run."""
    run = trials[-1].run if trials else None
    if run is None or run.outputs_path is None or run.forgotten_at is not None:
        return MetricSource()
    return MetricSource(folder=metrics.folder_of(run.outputs_path, job.request.outputs.folder))


def read_series(blobs: BlobStore, source: MetricSource) -> Mapping[str, list[tuple[float, float]]]:
    """Read how a job's numbers went, by name; nothing where there is no such file. Call it with no transaction open."""
    if source.folder is not None:
        return metrics.parse_series(metrics.read_tail(source.folder))
    if source.file is None:
        return {}
    start = max(source.file.size_bytes - metrics.MAX_BYTES, 0)
    try:
        data = b"".join(blobs.open_range(source.file.sha256, start))
    except Problem:  # the bytes are gone: the page says that there is nothing
        return {}
    return metrics.parse_series(data.partition(b"\n")[2] if start else data)
