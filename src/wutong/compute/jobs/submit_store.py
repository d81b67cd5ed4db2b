"""SQL of accepting jobs: one statement claims the key, one looks at what is waited for, one writes all the rows of new jobs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from wutong.compute.jobs import requests
from wutong.compute.jobs.rules import Job, JobState
from wutong.compute.jobs.tables import JobRow

_COLUMNS = tuple(column.name for column in JobRow.__table__.columns)

_CLAIM = text("""
    INSERT INTO compute_job_key (tenant_id, key, job_id, digest, created_at) VALUES (:tenant, :key, :job_id, :digest, :at)
    ON CONFLICT DO NOTHING RETURNING job_id""")
_CLAIMED = text("SELECT job_id, digest FROM compute_job_key WHERE tenant_id = :tenant AND key = :key")
_SHARE = text("SELECT id, state FROM compute_job WHERE id = ANY (:ids) AND tenant_id = :tenant ORDER BY id FOR SHARE")

_ADD = text(
    """
    WITH job AS (SELECT * FROM jsonb_populate_recordset(CAST(NULL AS compute_job), CAST(:jobs AS jsonb))),
    written AS (INSERT INTO compute_job SELECT * FROM job),
    history AS (
        INSERT INTO compute_job_event (job_id, at, what, state, attempt, detail, by)
        SELECT id, created_at, 'accepted', state, attempt, '', :by FROM job),
    waits AS (INSERT INTO compute_job_after (job_id, after_id) SELECT :first, unnest(CAST(:after AS text[]))),
    tried AS (
        INSERT INTO compute_attempt (run_name, job_id, number, detail, restart, ours, requested_at)
        SELECT :run_name, id, attempt, '', 0, false, created_at FROM job WHERE attempt = 1)
    SELECT count(*) FROM compute_job WHERE tenant_id = :tenant AND ended_at IS NULL"""
)


def claim_key(session: Session, tenant_id: str, key: str, *, job_id: str, digest: str, at: datetime) -> tuple[str, str] | None:
    """Claim an idempotency key for a job; returns the earlier (job id, digest) when it was used. Waits for whoever is claiming it right now."""
    about = {"tenant": tenant_id, "key": key}
    if session.execute(_CLAIM, {**about, "job_id": job_id, "digest": digest, "at": at}).first() is not None:
        return None
    found = session.execute(_CLAIMED, about).one()
    return found.job_id, found.digest


def share_states(session: Session, tenant_id: str, ids: Sequence[str]) -> dict[str, JobState]:
    """Read where jobs of a tenant stand, so that none of them can end before this transaction does."""
    return {job_id: JobState(state) for job_id, state in session.execute(_SHARE, {"ids": list(ids), "tenant": tenant_id})}


def add_jobs(session: Session, jobs: Sequence[Job], *, by: str, after: Sequence[str], run_name: str | None) -> int:
    """Write new jobs with the first line of their history, and return how many unfinished ones their tenant had before.

    The first of them waits for the jobs `after`; `run_name` names its attempt when it begins with one.
    """
    rows = json.dumps([_row(job) for job in jobs], default=_plain)
    values = {"jobs": rows, "by": by, "first": jobs[0].id, "after": list(after), "run_name": run_name, "tenant": jobs[0].tenant_id}
    return int(session.execute(_ADD, values).scalar_one())


def _row(job: Job) -> dict[str, Any]:
    row = {name: getattr(job, name) for name in _COLUMNS}
    row["request"] = requests.to_json(job.request)
    row["inputs"] = [asdict(item) for item in job.inputs]
    return row


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not for JSON")
