"""Readies waiting jobs: lays out their code and data, waits for their environment, then requests their run.

Slow work happens in threads with no transaction open; a job is only moved by a short transaction that looks at it again.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from wutong.centre import service as centre
from wutong.compute.billing import service as billing
from wutong.compute.environments import service as environments
from wutong.compute.environments.rules import EnvironmentState
from wutong.compute.jobs import moves, store
from wutong.compute.jobs.launch import launch
from wutong.compute.jobs.rules import Cause, Input, Job, JobLimits, JobState, WaitReason, back_off
from wutong.compute.jobs.trees import is_confined, make_tree, tree_of
from wutong.hub import service as hub
from wutong.hub.rules import BlobStore
from wutong.kit import clock
from wutong.kit.database import Database
from wutong.kit.errors import Problem
from wutong.kit.log import get_logger

log = get_logger(__name__)

BATCH = 50
MAX_SETBACKS = 8
LOOK_AGAIN_S = 1.0
MONEY_AGAIN_S = 30.0


class Preparer:
    """The loop that starts what waits. With `threads` 0 trees are made within the step, for tests and commands."""

    def __init__(self, database: Database, limits: JobLimits, blobs: BlobStore, *, threads: int = 2) -> None:
        self._database = database
        self._limits = limits
        self._blobs = blobs
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="trees") if threads else None
        self._making: dict[str, Future[None]] = {}

    def step(self) -> bool:
        """Look at the jobs that are due; True when there were any."""
        with self._database.session() as session:
            ids = store.due_ids(session, clock.now(), BATCH)
        for job_id in ids:
            try:
                self._advance(job_id)
            except Exception as error:
                log.exception("a job could not be readied", job=job_id, error=repr(error))
                self._set_back(job_id, error)
        return bool(ids)

    def _advance(self, job_id: str) -> None:
        with self._database.session() as session:
            job = store.find_job(session, job_id, tenant_id=None)
            if job is None or job.state is not JobState.WAITING:
                return
            confined = bool(job.inputs) and is_confined(session, centre.get_flavour(session, job.flavour).engine)
        missing = [item for item in job.inputs if not tree_of(self._limits, item, confined=confined).is_dir()]
        if missing and not self._make(missing, confined=confined):
            self._defer(job_id, "Its code and data are being laid out.")
            return
        with self._database.session() as session:
            self._start(session, job_id)

    def _start(self, session: Session, job_id: str) -> None:
        """Request the job's run if everything is there now; the job is locked and looked at anew."""
        job = store.lock_jobs(session, [job_id]).get(job_id)
        if job is None or job.state is not JobState.WAITING or job.wait_reason in (WaitReason.DEPENDENCIES, WaitReason.ARRAY_LIMIT):
            return
        if not self._environment_is_ready(session, job):
            return
        blocked = billing.money_blocks(session, tenant_id=job.tenant_id, person_id=job.person_id)
        if blocked is not None:
            _wait(session, job, WaitReason.MONEY, blocked, MONEY_AGAIN_S)
            return
        launched = launch(session, job, self._limits)
        if launched.parent_id is not None:
            moves.follow_array(session, launched.parent_id)

    def _environment_is_ready(self, session: Session, job: Job) -> bool:
        if job.environment_id is None:
            return True
        environment = environments.environment_by_id(session, job.environment_id)
        if environment.state is EnvironmentState.FAILED:
            detail = f"Environment {environment.name} could not be built: {environment.log_tail[-1500:]}"
            moves.end(session, job, JobState.FAILED, cause=Cause.ENVIRONMENT_FAILED, detail=detail)
            return False
        if environment.state is EnvironmentState.READY and Path(environment.path).is_dir():
            return True
        environments.request_build(session, environment.id)
        _wait(session, job, WaitReason.PREPARING, f"Environment {environment.name} is being built.", LOOK_AGAIN_S)
        return False

    def _make(self, missing: Sequence[Input], *, confined: bool) -> bool:
        """Make trees, or see how far their making is; True when all are there. Raises what the making raised."""
        if self._pool is None:
            for item in missing:
                self._make_one(item, confined)
            return True
        for item in missing:
            if item.digest not in self._making:
                self._making[item.digest] = self._pool.submit(self._make_one, item, confined)
        for item in missing:
            if self._making[item.digest].done():
                self._making.pop(item.digest).result()
        return not any(item.digest in self._making for item in missing)

    def _make_one(self, item: Input, confined: bool) -> None:  # noqa: FBT001 - passed on by the pool
        with self._database.session() as session:
            files = hub.files_of(session, item.version_id)
        make_tree(self._blobs, self._limits, item, files, confined=confined)
        with self._database.session() as session:
            moves.wake(session)

    def _defer(self, job_id: str, detail: str) -> None:
        with self._database.session() as session:
            job = store.find_job(session, job_id, tenant_id=None, lock=True)
            if job is not None and job.state is JobState.WAITING:
                _wait(session, job, WaitReason.PREPARING, detail, LOOK_AGAIN_S / 4)

    def _set_back(self, job_id: str, error: Exception) -> None:
        """Try a job again later that could not be readied; after too many times it fails with the reason."""
        sentence = error.sentence() if isinstance(error, Problem) else "The centre could not ready it; the operator sees why in the log."
        with self._database.session() as session:
            job = store.lock_jobs(session, [job_id]).get(job_id)
            if job is None or job.state is not JobState.WAITING:
                return
            if job.setbacks >= MAX_SETBACKS or _is_final(error):
                moves.end(session, job, JobState.FAILED, cause=Cause.PREPARE_FAILED, detail=sentence)
                return
            at = clock.now() + timedelta(seconds=back_off(job.setbacks, first=2.0))
            store.update_job(session, job, {"setbacks": job.setbacks + 1, "next_at": at, "detail": sentence})


def _wait(session: Session, job: Job, reason: WaitReason, detail: str, seconds: float) -> None:
    """Leave a job waiting; only a new reason is a line of its history."""
    at = clock.now() + timedelta(seconds=seconds)
    if job.wait_reason is reason or (job.wait_reason is WaitReason.RETRY_LATER and reason is WaitReason.PREPARING):
        store.update_job(session, job, {"next_at": at, "detail": detail[:2000]})
    else:
        moves.move(session, job, JobState.WAITING, what=f"waits_for_{reason}", detail=detail, wait_reason=reason, next_at=at)


def _is_final(error: Exception) -> bool:
    """Tell whether trying again cannot help: the request itself is refused."""
    return isinstance(error, Problem) and 400 <= error.status < 500
