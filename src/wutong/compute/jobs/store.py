"""All SQL of jobs, their attempts and history. Rows come back as the plain types of `rules`."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, bindparam, func, insert, select, text, union, update
from sqlalchemy.orm import Session

from wutong.centre.rules import EndReason, StopWhy
from wutong.compute.jobs import requests
from wutong.compute.jobs.rules import ENDED, Attempt, Cause, Input, Job, JobEvent, JobFilters, JobState, WaitReason
from wutong.compute.jobs.tables import AttemptRow, JobAfterRow, JobEventRow, JobRow
from wutong.kit.database import one_of, rows_json
from wutong.kit.paging import PageRequest

JOB: Any = JobRow.__table__
ATTEMPT: Any = AttemptRow.__table__
EVENT: Any = JobEventRow.__table__
AFTER: Any = JobAfterRow.__table__

_FAMILIES = select(JOB).order_by(func.coalesce(JOB.c.parent_id, JOB.c.id), JOB.c.parent_id.is_not(None), JOB.c.id).with_for_update(key_share=True)
_LOCK_JOBS = _FAMILIES.where(
    text("compute_job.id = ANY (ARRAY (SELECT unnest(ARRAY[j.id, j.parent_id]) FROM compute_job j WHERE j.id = ANY (CAST(:ids AS text[]))))")
)
_LOCK_JOBS_OF = _FAMILIES.where(
    text("""compute_job.id = ANY (ARRAY (SELECT unnest(ARRAY[j.id, j.parent_id])
        FROM compute_attempt a JOIN compute_job j ON j.id = a.job_id WHERE a.run_name = ANY (CAST(:names AS text[]))))""")
)
_MOVED = (
    *("state", "wait_reason", "reason", "detail", "attempt", "tries_used", "free_used", "setbacks", "next_at", "outcome", "stop_why"),
    *("stop_asked_at", "resume_from", "output_repo_id", "output_version_id", "metrics", "started_at", "ended_at"),
)
_LINE = "job_id, at, what, state, attempt, detail, by"
_WRITE_MOVES = text(f"""
    WITH line AS (
        INSERT INTO compute_job_event ({_LINE}) SELECT {_LINE}
        FROM jsonb_populate_recordset(CAST(NULL AS compute_job_event), CAST(:history AS jsonb)))
    UPDATE compute_job j SET {", ".join(f"{name} = n.{name}" for name in _MOVED)}
    FROM jsonb_array_elements(CAST(:jobs AS jsonb)) AS e, jsonb_populate_record(CAST(NULL AS compute_job), e) AS n
    WHERE j.id = e ->> 'id' AND j.state = e ->> 'was_state' AND j.attempt = CAST(e ->> 'was_attempt' AS int) RETURNING j.id""")  # noqa: S608 - our own columns
_PRESENT = (ATTEMPT.c.job_id == JOB.c.id) & (ATTEMPT.c.number == JOB.c.attempt)
_FINISHING = select(JOB, ATTEMPT.c.run_name).join(ATTEMPT, _PRESENT).where(JOB.c.state == "finishing", JOB.c.next_at <= bindparam("now"))
_FINISHING = _FINISHING.order_by(JOB.c.next_at).limit(bindparam("most"))
_TO_KEEP = select(ATTEMPT).join(JOB, JOB.c.id == ATTEMPT.c.job_id).order_by(ATTEMPT.c.ended_at).limit(bindparam("most"))
_TO_KEEP = _TO_KEEP.where(ATTEMPT.c.log_kept_at.is_(None), ATTEMPT.c.ended_at.is_not(None), JOB.c.state.in_(sorted(ENDED)))
_LOG_KEPT = text("UPDATE compute_attempt SET log_kept_at = :at WHERE run_name = ANY (:names)")
_WAITED_FOR = select(AFTER.c.after_id).where(one_of(AFTER.c.after_id, "ids"))
_NAMED = select(ATTEMPT).where(one_of(ATTEMPT.c.run_name, "names"))
_TRIED = ("reason", "detail", "exit_code", "restart", "ours", "started_at", "ended_at")
_WRITE_ATTEMPTS = text(f"""
    UPDATE compute_attempt a SET {", ".join(f"{name} = n.{name}" for name in _TRIED)}
    FROM jsonb_populate_recordset(CAST(NULL AS compute_attempt), CAST(:rows AS jsonb)) AS n WHERE a.run_name = n.run_name""")  # noqa: S608

DUE_REASONS = (WaitReason.PREPARING.value, WaitReason.RETRY_LATER.value, WaitReason.MONEY.value)


_MOVERS = text("""
    SELECT e.id, e.job_id, j.tenant_id FROM compute_job_event e JOIN compute_job j ON j.id = e.job_id
    WHERE e.id > :after ORDER BY e.id LIMIT :limit""")
_LAST_MOVE = text("SELECT coalesce(max(id), 0) FROM compute_job_event")


def last_move(session: Session) -> int:
    """Return the id of the latest line of any job's history."""
    return int(session.scalars(_LAST_MOVE).one())


def movers(session: Session, after: int, limit: int) -> list[tuple[int, str, str]]:
    """Return (id, job, tenant) of the lines of history after one."""
    return [(row.id, row.job_id, row.tenant_id) for row in session.execute(_MOVERS, {"after": after, "limit": limit})]


def to_job(row: Mapping[Any, Any]) -> Job:
    """Make the plain type of a row."""
    data: dict[str, Any] = dict(row)
    data["state"] = JobState(data["state"])
    data["wait_reason"] = WaitReason(data["wait_reason"]) if data["wait_reason"] else None
    data["reason"] = Cause(data["reason"]) if data["reason"] else None
    data["outcome"] = JobState(data["outcome"]) if data["outcome"] else None
    data["stop_why"] = StopWhy(data["stop_why"]) if data["stop_why"] else None
    data["request"] = requests.from_json(data["request"])
    data["inputs"] = tuple(Input(**item) for item in data["inputs"])
    return Job(**data)


def to_attempt(row: RowMapping) -> Attempt:
    """Make the plain type of a row."""
    data: dict[str, Any] = dict(row)
    data["reason"] = EndReason(data["reason"]) if data["reason"] else None
    return Attempt(**data)


def find_job(session: Session, job_id: str, *, tenant_id: str | None, lock: bool = False) -> Job | None:
    """Return a job of a tenant (of any with None, for loops), locked to the end of the transaction when asked."""
    query = select(JOB).where(JOB.c.id == job_id)
    if tenant_id is not None:
        query = query.where(JOB.c.tenant_id == tenant_id)
    row = session.execute(query.with_for_update(key_share=True) if lock else query).mappings().first()
    return None if row is None else to_job(row)


def lock_jobs(session: Session, ids: Iterable[str]) -> dict[str, Job]:
    """Lock jobs, and first the arrays they are part of, family by family, so that two who lock several never wait for each other."""
    wanted = sorted(set(ids))
    found = {row["id"]: to_job(row) for row in session.execute(_LOCK_JOBS, {"ids": wanted}).mappings()}
    return {job_id: found[job_id] for job_id in wanted if job_id in found}


def lock_jobs_of(session: Session, run_names: Sequence[str]) -> dict[str, Job]:
    """Lock the jobs whose attempts have these names, and the arrays they are part of, as `lock_jobs` does; returns them all."""
    return {row["id"]: to_job(row) for row in session.execute(_LOCK_JOBS_OF, {"names": list(run_names)}).mappings()}


def update_job(session: Session, job: Job, values: Mapping[str, Any]) -> bool:
    """Change a job that still stands where we saw it; False when somebody else moved it."""
    guarded = update(JOB).where(JOB.c.id == job.id, JOB.c.state == job.state, JOB.c.attempt == job.attempt).values(**values)
    return bool(session.execute(guarded).rowcount == 1)  # type: ignore[attr-defined]


def write_moves(session: Session, moved: Sequence[tuple[Job, Job]], history: Sequence[Mapping[str, Any]]) -> set[str]:
    """Write jobs as they are to stand, each if it still stands as it did, and lines of history; returns the ids of those that did."""
    rows = [{"was_state": was.state, "was_attempt": was.attempt, "id": job.id, **{name: getattr(job, name) for name in _MOVED}} for was, job in moved]
    return set(session.scalars(_WRITE_MOVES, {"jobs": rows_json(rows), "history": rows_json(history)}))


def list_jobs(session: Session, tenant_id: str | None, filters: JobFilters, page: PageRequest) -> list[Job]:
    """Return `limit` + 1 jobs, newest first; children of arrays only when their parent is asked for, by index."""
    by, falls = (JOB.c.id, True) if filters.parent_id is None else (JOB.c.array_index, False)
    query = select(JOB)
    if tenant_id is not None:
        query = query.where(JOB.c.tenant_id == tenant_id)
    query = query.where(JOB.c.parent_id.is_(None) if filters.parent_id is None else JOB.c.parent_id == filters.parent_id)
    if filters.states:
        query = query.where(JOB.c.state.in_(sorted(filters.states)))
        if not filters.states & ENDED:
            query = query.where(JOB.c.ended_at.is_(None))  # few jobs are open, and an index knows them
    if filters.person_id is not None:
        query = query.where(JOB.c.person_id == filters.person_id)
    if filters.text:
        query = query.where(JOB.c.name.icontains(filters.text, autoescape=True))
    if filters.label is not None:
        query = query.where(JOB.c.labels.contains(dict([filters.label])))
    if filters.pool is not None:
        query = query.where(JOB.c.pool == filters.pool)
    if filters.since is not None:
        query = query.where(JOB.c.created_at >= filters.since)
    if filters.flavour:
        query = query.where(JOB.c.flavour == filters.flavour)
    if filters.arrays:
        query = query.where(JOB.c.array_size.is_not(None))
    if page.after is not None:
        last = (
            page.after if falls else select(JOB.c.array_index).where(JOB.c.id == page.after, JOB.c.parent_id == filters.parent_id).scalar_subquery()
        )
        query = query.where(by < last if falls else by > last)
    return [to_job(row) for row in session.execute(query.order_by(by.desc() if falls else by).limit(page.limit + 1)).mappings()]


def front_jobs(session: Session, tenant_id: str, most: int) -> list[Job]:
    """Return a tenant's newest unfinished jobs and its newest of all, each up to so many, the unfinished first; an array is one."""
    own = select(JOB.c.id).where(JOB.c.tenant_id == tenant_id, JOB.c.parent_id.is_(None)).order_by(JOB.c.id.desc()).limit(most)
    chosen = union(own.where(JOB.c.ended_at.is_(None)).subquery().select(), own.subquery().select())
    query = select(JOB).where(JOB.c.id.in_(chosen)).order_by(JOB.c.ended_at.is_not(None), JOB.c.id.desc())
    return [to_job(row) for row in session.execute(query).mappings()]


def count_states(session: Session, tenant_id: str | None) -> dict[JobState, int]:
    """Count unfinished jobs by state."""
    query = select(JOB.c.state, func.count()).where(JOB.c.ended_at.is_(None), JOB.c.array_size.is_(None)).group_by(JOB.c.state)
    if tenant_id is not None:
        query = query.where(JOB.c.tenant_id == tenant_id)
    return {JobState(state): count for state, count in session.execute(query)}


def count_listed(session: Session, tenant_id: str) -> dict[JobState, int]:
    """Count a tenant's unfinished jobs by state as its list shows them: an array is one, its jobs are none."""
    query = select(JOB.c.state, func.count()).where(JOB.c.ended_at.is_(None), JOB.c.parent_id.is_(None), JOB.c.tenant_id == tenant_id)
    return {JobState(state): count for state, count in session.execute(query.group_by(JOB.c.state))}


def find_jobs(session: Session, tenant_id: str, ids: Sequence[str]) -> list[Job]:
    """Return those of these jobs that are the tenant's."""
    query = select(JOB).where(JOB.c.tenant_id == tenant_id, one_of(JOB.c.id, "ids"))
    return [to_job(row) for row in session.execute(query, {"ids": list(ids)}).mappings()]


def due_ids(session: Session, now: datetime, limit: int) -> list[str]:
    """Return the waiting jobs that can be looked at now, longest due first."""
    query = select(JOB.c.id).where(JOB.c.state == "waiting", JOB.c.wait_reason.in_(DUE_REASONS), JOB.c.next_at <= now)
    return list(session.scalars(query.order_by(JOB.c.next_at).limit(limit)))


def finishing(session: Session, now: datetime, limit: int) -> list[tuple[Job, str]]:
    """Return the jobs whose outputs can be gathered now, each with the name of its present run."""
    rows = session.execute(_FINISHING, {"now": now, "most": limit}).mappings()
    return [(to_job({name: value for name, value in row.items() if name != "run_name"}), row["run_name"]) for row in rows]


def children_ids(session: Session, parent_id: str, *, states: Sequence[str], wait_reason: str | None = None, limit: int | None = None) -> list[str]:
    """Return children of an array in some states, by index."""
    query = select(JOB.c.id).where(JOB.c.parent_id == parent_id, JOB.c.state.in_(states))
    if wait_reason is not None:
        query = query.where(JOB.c.wait_reason == wait_reason)
    return list(session.scalars(query.order_by(JOB.c.array_index).limit(limit)))


def count_children(session: Session, parent_id: str) -> dict[tuple[JobState, WaitReason | None], int]:
    """Count the children of an array by state and by what they wait for."""
    query = select(JOB.c.state, JOB.c.wait_reason, func.count()).where(JOB.c.parent_id == parent_id).group_by(JOB.c.state, JOB.c.wait_reason)
    return {(JobState(state), WaitReason(why) if why else None): count for state, why, count in session.execute(query)}


def waiting_on(session: Session, job_id: str) -> list[str]:
    """Return the jobs that wait for this one."""
    query = select(AFTER.c.job_id).join(JOB, JOB.c.id == AFTER.c.job_id).where(AFTER.c.after_id == job_id)
    query = query.where(JOB.c.state == "waiting", JOB.c.wait_reason == "dependencies")
    return list(session.scalars(query.order_by(JOB.c.id)))


def waited_for(session: Session, ids: Sequence[str]) -> set[str]:
    """Return those of these jobs that any other was to wait for."""
    return set(session.scalars(_WAITED_FOR, {"ids": list(ids)}))


def unmet(session: Session, job_id: str) -> int:
    """Count the jobs this one waits for that have not succeeded."""
    query = select(func.count()).select_from(AFTER).join(JOB, JOB.c.id == AFTER.c.after_id)
    return session.scalar(query.where(AFTER.c.job_id == job_id, JOB.c.state != "succeeded")) or 0


def add_attempts(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write new attempts, in one statement."""
    empty = {"reason": None, "detail": "", "exit_code": None, "restart": 0, "ours": False, "started_at": None, "ended_at": None, "log_kept_at": None}
    session.execute(insert(ATTEMPT), [{**empty, **row} for row in rows])


def write_attempts(session: Session, attempts: Sequence[Attempt]) -> None:
    """Write attempts as they stand, in one statement."""
    if attempts:
        rows = [{"run_name": attempt.run_name, **{name: getattr(attempt, name) for name in _TRIED}} for attempt in attempts]
        session.execute(_WRITE_ATTEMPTS, {"rows": rows_json(rows)})


def log_kept(session: Session, names: Sequence[str], at: datetime) -> None:
    """Note that the logs of attempts are kept."""
    session.execute(_LOG_KEPT, {"names": list(names), "at": at})


def attempts_of(session: Session, job_id: str) -> list[Attempt]:
    """Return a job's attempts, first one first."""
    query = select(ATTEMPT).where(ATTEMPT.c.job_id == job_id).order_by(ATTEMPT.c.number)
    return [to_attempt(row) for row in session.execute(query).mappings()]


def exit_codes(session: Session, ids: Iterable[str]) -> dict[str, int | None]:
    """Return how the present attempts of jobs ended, by job."""
    query = select(JOB.c.id, ATTEMPT.c.exit_code).join(ATTEMPT, (ATTEMPT.c.job_id == JOB.c.id) & (ATTEMPT.c.number == JOB.c.attempt))
    return {row.id: row.exit_code for row in session.execute(query.where(JOB.c.id.in_(sorted(ids))))}


def run_names(session: Session, ids: Iterable[str]) -> dict[str, str]:
    """Return the runs of the present attempts of jobs: each run's job by the run's name."""
    query = select(ATTEMPT.c.run_name, JOB.c.id).join(JOB, _PRESENT).where(one_of(JOB.c.id, "ids"))
    return {row.run_name: row.id for row in session.execute(query, {"ids": list(ids)})}


def attempts_by_name(session: Session, names: Iterable[str]) -> dict[str, Attempt]:
    """Return attempts by the names of their runs."""
    return {row["run_name"]: to_attempt(row) for row in session.execute(_NAMED, {"names": list(names)}).mappings()}


def attempts_to_keep(session: Session, limit: int) -> list[Attempt]:
    """Return ended attempts of ended jobs whose log is not kept yet: nothing needs their run any more."""
    return [to_attempt(row) for row in session.execute(_TO_KEEP, {"most": limit}).mappings()]


def events_of(session: Session, job_id: str, *, after: int, limit: int) -> list[JobEvent]:
    """Return a job's history in order, after the line with this id."""
    query = select(EVENT).where(EVENT.c.job_id == job_id, EVENT.c.id > after).order_by(EVENT.c.id).limit(limit)
    return [JobEvent(**{**row, "state": JobState(row["state"])}) for row in session.execute(query).mappings()]
