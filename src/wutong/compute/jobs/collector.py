"""Gathers what jobs leave: outputs become a version in the hub, metrics a few numbers, logs move to the home folder; then the engine may forget.

Copying happens with no transaction open. Only the attempt that the job row calls its present one can commit results.
"""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from wutong.centre import service as centre
from wutong.centre.rules import Run
from wutong.centre.service import Engines
from wutong.compute.environments import service as environments
from wutong.compute.jobs import moves, requests, store
from wutong.compute.jobs.logs import keep_logs
from wutong.compute.jobs.metrics import folder_of, read_metrics
from wutong.compute.jobs.rules import Attempt, Cause, Job, JobLimits, JobState, back_off
from wutong.hub import service as hub
from wutong.hub.rules import BlobStore, File, RepoKind
from wutong.identity.rules import system_principal
from wutong.kit import clock
from wutong.kit.database import Database
from wutong.kit.errors import NotFound, Problem, Unavailable
from wutong.kit.log import get_logger

log = get_logger(__name__)

BATCH = 50
MAX_SETBACKS = 8


class Collector:
    """The loop behind the end of attempts."""

    def __init__(self, database: Database, limits: JobLimits, engines: Engines, blobs: BlobStore) -> None:
        self._database = database
        self._limits = limits
        self._engines = engines
        self._blobs = blobs

    def step(self) -> bool:
        """Finish jobs whose command ended, then keep logs of attempts nothing needs any more; True when there was work."""
        finished = self._finish_batch()
        return self._keep_batch() or finished

    def _finish_batch(self) -> bool:
        with self._database.session() as session:
            found = store.finishing(session, clock.now(), BATCH)
            runs = {run.name: run for run in centre.list_runs(session, [name for _, name in found])}
        bare: list[Job] = []
        for job, name in found:
            run = runs.get(name)
            folder = None if run is None else _outputs_of(job, run)
            if folder is None or not _has_files(folder):
                bare.append(job)
                continue
            try:
                self._finish_with_outputs(job, folder)
            except Exception as error:
                log.exception("outputs could not be gathered", job=job.id, error=repr(error))
                self._set_back(job, error)
        if bare:
            with self._database.session() as session:
                self._finish_bare(session, bare)
        return bool(found)

    def _finish_bare(self, session: Session, jobs: list[Job]) -> None:
        """End the jobs that left no files, in one transaction."""
        locked = store.lock_jobs(session, [job.id for job in jobs])
        same = [now for job in jobs if (now := locked[job.id]).state is JobState.FINISHING and now.attempt == job.attempt]
        moves.end_many(session, [moves.End(job, *_outcome(job), job.detail) for job in same])

    def _finish_with_outputs(self, job: Job, folder: Path) -> None:
        metrics = read_metrics(folder)
        files = hub.ingest_folder(self._blobs, folder)
        with self._database.session() as session:
            now = store.lock_jobs(session, [job.id]).get(job.id)
            if now is None or now.state is not JobState.FINISHING or now.attempt != job.attempt:
                return
            _end(session, now, {"metrics": metrics, **self._commit(session, now, files)})

    def _commit(self, session: Session, job: Job, files: list[File]) -> dict[str, Any]:
        if not files:
            return {}
        who = system_principal("collector", job.tenant_id)
        named = job.outcome is JobState.SUCCEEDED and job.request.outputs.model is not None
        kind, name = (RepoKind.MODEL, job.request.outputs.model or "") if named else (RepoKind.OUTPUT, job.id)
        repo = hub.ensure_repo(session, who, kind, name)
        hub.record_blobs(session, job.tenant_id, files, blobs=self._blobs)
        version = hub.commit_version(session, who, repo.id, files, _lineage(session, job), f"Made by job {job.name}.")
        return {"output_repo_id": repo.id, "output_version_id": version.id}

    def _set_back(self, job: Job, error: Exception) -> None:
        """Try again later; outputs that can never be kept fail the job with the reason."""
        sentence = error.sentence() if isinstance(error, Problem) else "The centre could not keep the outputs; the operator sees why in the log."
        final = isinstance(error, Problem) and 400 <= error.status < 500
        with self._database.session() as session:
            now = store.lock_jobs(session, [job.id]).get(job.id)
            if now is None or now.state is not JobState.FINISHING or now.attempt != job.attempt:
                return
            if final or now.setbacks >= MAX_SETBACKS:
                moves.end(session, now, JobState.FAILED, cause=Cause.OUTPUTS_FAILED, detail=sentence)
                return
            at = clock.now() + timedelta(seconds=back_off(now.setbacks, first=2.0))
            store.update_job(session, now, {"setbacks": now.setbacks + 1, "next_at": at, "detail": sentence})

    def _keep_batch(self) -> bool:
        with self._database.session() as session:
            attempts = store.attempts_to_keep(session, BATCH)
            runs = {run.name: run for run in centre.list_runs(session, [attempt.run_name for attempt in attempts])}
        kept = [attempt for attempt in attempts if self._keep(attempt, runs.get(attempt.run_name))]
        if kept:
            with self._database.session() as session:
                names = [attempt.run_name for attempt in kept]
                store.log_kept(session, names, clock.now())
                centre.forget_runs(session, [name for name in names if name in runs])
        return bool(kept)

    def _keep(self, attempt: Attempt, run: Run | None) -> bool:
        """Copy an attempt's logs; False to try again at a later step."""
        if run is None:
            return True
        try:
            keep_logs(self._engines, self._limits, run)
        except Unavailable:
            return False
        except NotFound:
            log.warning("the engine has no log any more", run=attempt.run_name)
        except OSError as error:
            log.exception("a log could not be kept", run=attempt.run_name, error=repr(error))
            return False
        return True


def _outputs_of(job: Job, run: Run) -> Path | None:
    """Return the folder to gather; a folder named by the tenant is looked for step by step, never through a link."""
    if run.outputs_path is None:
        return None
    return folder_of(run.outputs_path, job.request.outputs.folder)


def _has_files(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except OSError:
        return False


def _end(session: Session, job: Job, changes: Mapping[str, Any]) -> None:
    outcome, cause = _outcome(job)
    moves.end(session, job, outcome, cause=cause, detail=job.detail, **changes)


def _outcome(job: Job) -> tuple[JobState, Cause]:
    return job.outcome or JobState.SUCCEEDED, job.reason or Cause.COMPLETED


def _lineage(session: Session, job: Job) -> dict[str, Any]:
    """Say what a version was made from: code, data, environment, job, attempt, command."""
    environment = None if job.environment_id is None else environments.environment_by_id(session, job.environment_id)
    return {
        "job": job.id,
        "job_name": job.name,
        "attempt": job.attempt,
        "command": list(requests.argv(job.request.command)),
        "inputs": [{"kind": item.kind, "ref": item.ref, "version": item.version_id, "digest": item.digest} for item in job.inputs],
        "environment": None if environment is None else {"name": environment.name, "digest": environment.digest, "python": environment.python},
        "flavour": job.flavour,
    }
