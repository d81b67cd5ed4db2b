"""SQL of billing about jobs, attempts and their ends. Charges are in `charge_store`, warnings in `ladder_store`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func, literal, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from wutong.compute.billing.rules import BilledJob, JobMoney, Meter, RunEnd
from wutong.compute.billing.tables import BilledJobRow, BilledRunRow, JobCloseRow, RunEndRow, StartFaultRow, UnratedRow
from wutong.kit import clock
from wutong.kit.database import Moment, insert_rows, rows_json

_ADD_RUN_ENDS = insert_rows("compute_run_end", (*RunEnd.__dataclass_fields__, "done_at"), "ON CONFLICT DO NOTHING")


_DUE = text("""
    SELECT EXISTS (SELECT FROM compute_unrated WHERE retry_at <= :now),
        EXISTS (SELECT FROM compute_run_end WHERE done_at IS NULL) OR EXISTS (SELECT FROM compute_start_fault WHERE done_at IS NULL),
        EXISTS (SELECT FROM compute_job_close WHERE settled_at IS NULL AND look_at <= :now)""")
_SETTLE = text("""
    WITH closed AS (UPDATE compute_job_close SET settled_at = :now WHERE job_id = ANY (:jobs))
    UPDATE compute_billed_job SET held_fen = 0, held_package_s = 0, settled_at = :now, look_at = NULL, stop_at = NULL, covered_until = NULL
    WHERE job_id = ANY (:jobs)""")


@dataclass(frozen=True, slots=True)
class Due:
    """What there is to do for the settler beside the journal: records that waited, ends and lost starts by our fault, closed jobs."""

    unrated: bool = False
    ends: bool = False
    closes: bool = False


@dataclass(slots=True)
class LockedRun:
    """An attempt under the settler's lock, with its job."""

    row: BilledRunRow
    job: BilledJobRow

    @property
    def meter(self) -> Meter:
        """Return what was charged so far."""
        row = self.row
        return Meter(row.card_ms, row.package_seconds, row.package_carry_ms, row.units, row.amount_fen)

    @meter.setter
    def meter(self, meter: Meter) -> None:
        """Write the meter back."""
        row = self.row
        row.card_ms, row.package_seconds, row.package_carry_ms = meter.card_ms, meter.package_seconds, meter.package_carry_ms
        row.units, row.amount_fen = meter.units, meter.amount_fen


def find_job(session: Session, job_id: str) -> BilledJob | None:
    """Return a job."""
    row = session.get(BilledJobRow, job_id, populate_existing=True)
    return billed_job(row) if row else None


def add_run(session: Session, *, run_name: str, job_id: str, attempt: int) -> bool:
    """Write down an attempt of a job that is there; False when it was there already or the job is not."""
    job = select(BilledJobRow.job_id, BilledJobRow.tenant_id, BilledJobRow.flavour).where(BilledJobRow.job_id == job_id).subquery()
    values = {"card_ms": 0, "package_seconds": 0, "package_carry_ms": 0, "units": 0, "amount_fen": 0, "final_restart": -1, "attempt": attempt}
    fixed: dict[str, Any] = {**values, "run_name": run_name, "fault": False, "created_at": clock.now()}
    typed = [func.cast(value, getattr(BilledRunRow, name).type).label(name) for name, value in fixed.items()]
    rows = select(job.c.job_id, job.c.tenant_id, job.c.flavour, *typed)
    added = insert(BilledRunRow).from_select(["job_id", "tenant_id", "flavour", *fixed], rows).on_conflict_do_nothing()
    return session.scalar(added.returning(BilledRunRow.run_name)) is not None


def run_is_known(session: Session, run_name: str) -> bool:
    """Tell whether an attempt was registered."""
    return session.scalar(select(BilledRunRow.run_name).where(BilledRunRow.run_name == run_name)) is not None


def add_run_ends(session: Session, ends: Sequence[RunEnd]) -> None:
    """Write down that attempts ended; the first word about each stays. Only our faults have consequences that are still to be drawn."""
    now = clock.now()
    rows = [{**{name: getattr(end, name) for name in RunEnd.__dataclass_fields__}, "done_at": None if end.our_fault else now} for end in ends]
    session.execute(_ADD_RUN_ENDS, {"rows": rows_json(rows)})


def add_close(session: Session, job_id: str) -> None:
    """Write down that a job will have no further attempt; nothing for one that billing does not know (the parent of an array)."""
    add_closes(session, [job_id])


def add_closes(session: Session, job_ids: Collection[str]) -> None:
    """Write down of several jobs that they will have no further attempt."""
    now = literal(clock.now(), Moment())
    job = select(BilledJobRow.job_id, now.label("at"), now.label("look_at")).where(BilledJobRow.job_id.in_(job_ids))
    session.execute(insert(JobCloseRow).from_select(["job_id", "at", "look_at"], job).on_conflict_do_nothing())


def has_runs(session: Session, job_id: str) -> bool:
    """Tell whether a job had any attempt."""
    return session.scalar(select(BilledRunRow.run_name).where(BilledRunRow.job_id == job_id).limit(1)) is not None


def lock_runs(session: Session, names: Collection[str]) -> dict[str, LockedRun]:
    """Lock attempts and their jobs, always in the same order."""
    query = select(BilledRunRow, BilledJobRow).join(BilledJobRow, BilledJobRow.job_id == BilledRunRow.job_id)
    query = query.where(BilledRunRow.run_name.in_(names)).order_by(BilledJobRow.job_id, BilledRunRow.run_name)
    rows = session.execute(query.with_for_update(key_share=True).execution_options(populate_existing=True))
    return {run.run_name: LockedRun(run, job) for run, job in rows}


def lock_job(session: Session, job_id: str) -> BilledJobRow | None:
    """Lock one job, or None when somebody else has it."""
    query = select(BilledJobRow).where(BilledJobRow.job_id == job_id).with_for_update(skip_locked=True, key_share=True)
    return session.scalar(query.execution_options(populate_existing=True))


def due(session: Session) -> Due:
    """Say what there is to do beside the journal."""
    return Due(*session.execute(_DUE, {"now": clock.now()}).one())


def due_ends(session: Session, limit: int) -> list[RunEndRow]:
    """Lock ends whose consequences are still to be drawn, the oldest first."""
    due = select(RunEndRow).where(RunEndRow.done_at.is_(None)).order_by(RunEndRow.at).limit(limit)
    return list(session.scalars(due.with_for_update(skip_locked=True)))


def end_reason(session: Session, run_name: str) -> str:
    """Return why an attempt ended."""
    return session.scalar(select(RunEndRow.reason).where(RunEndRow.run_name == run_name)) or ""


def start_faults(session: Session, names: Collection[str]) -> dict[tuple[str, int], str]:
    """Return the starts of attempts that the centre cut short, and how."""
    rows = select(StartFaultRow.run_name, StartFaultRow.restart, StartFaultRow.reason).where(StartFaultRow.run_name.in_(names))
    return {(name, restart): reason for name, restart, reason in session.execute(rows)}


def add_start_faults(session: Session, faults: Mapping[tuple[str, int], str]) -> None:
    """Write down that starts were cut short by the centre; the first word about each stays."""
    if faults:
        rows = [{"run_name": name, "restart": restart, "reason": reason, "at": clock.now()} for (name, restart), reason in faults.items()]
        session.execute(insert(StartFaultRow).values(rows).on_conflict_do_nothing())


def due_start_faults(session: Session, limit: int) -> list[StartFaultRow]:
    """Lock lost starts whose charges are still to be taken back, the oldest first."""
    due = select(StartFaultRow).where(StartFaultRow.done_at.is_(None)).order_by(StartFaultRow.at, StartFaultRow.run_name).limit(limit)
    return list(session.scalars(due.with_for_update(skip_locked=True)))


def due_closes(session: Session, limit: int) -> list[JobCloseRow]:
    """Lock closed jobs that are due to be looked at."""
    due = select(JobCloseRow).where(JobCloseRow.settled_at.is_(None), JobCloseRow.look_at <= clock.now())
    return list(session.scalars(due.order_by(JobCloseRow.look_at).limit(limit).with_for_update(skip_locked=True)))


def unfinished(session: Session, job_ids: Collection[str], patience: timedelta) -> set[str]:
    """Return those jobs that have an attempt whose end or lost start is not drawn, whose last usage is not rated, or with a record that waits."""
    late = clock.now() - patience
    awaited = RunEndRow.started & (BilledRunRow.final_restart < RunEndRow.restart) & (RunEndRow.at > late)
    open_run = RunEndRow.run_name.is_(None) | RunEndRow.done_at.is_(None) | awaited
    runs = select(BilledRunRow.job_id).outerjoin(RunEndRow, RunEndRow.run_name == BilledRunRow.run_name)
    waiting = select(BilledRunRow.job_id).join(UnratedRow, UnratedRow.run_name == BilledRunRow.run_name)
    faulty = select(BilledRunRow.job_id).join(StartFaultRow, StartFaultRow.run_name == BilledRunRow.run_name).where(StartFaultRow.done_at.is_(None))
    mine = BilledRunRow.job_id.in_(job_ids)
    return set(session.scalars(runs.where(mine, open_run).union(waiting.where(mine), faulty.where(mine))))


def settle_jobs(session: Session, jobs: Collection[str]) -> None:
    """Mark jobs settled: nothing is held for them any more."""
    session.execute(_SETTLE, {"jobs": list(jobs), "now": clock.now()})


def jobs_by_tenant(session: Session, job_ids: Collection[str]) -> list[BilledJob]:
    """Return jobs ordered by tenant, so that every writer takes balances in the same order."""
    rows = session.scalars(select(BilledJobRow).where(BilledJobRow.job_id.in_(job_ids)).order_by(BilledJobRow.tenant_id, BilledJobRow.job_id))
    return [billed_job(row) for row in rows]


def open_run_of(session: Session, job_id: str) -> str | None:
    """Return the name of the attempt of a job that has not ended."""
    runs = select(BilledRunRow.run_name).outerjoin(RunEndRow, RunEndRow.run_name == BilledRunRow.run_name)
    return session.scalar(runs.where(BilledRunRow.job_id == job_id, RunEndRow.run_name.is_(None)).order_by(BilledRunRow.attempt.desc()).limit(1))


def card_ms_of_last_run(session: Session, job_id: str) -> int:
    """Return the card time the latest attempt has used."""
    runs = select(BilledRunRow.card_ms).where(BilledRunRow.job_id == job_id)
    return session.scalar(runs.order_by(BilledRunRow.attempt.desc()).limit(1)) or 0


def money_of(session: Session, job_ids: Sequence[str]) -> dict[str, JobMoney]:
    """Return what jobs cost so far."""
    sums = (func.sum(getattr(BilledRunRow, name)) for name in ("amount_fen", "package_seconds", "card_ms"))
    job = (BilledJobRow.job_id, BilledJobRow.held_fen, BilledJobRow.held_package_s, BilledJobRow.settled_at)
    query = select(*job, *sums).outerjoin(BilledRunRow, BilledRunRow.job_id == BilledJobRow.job_id)
    rows = session.execute(query.where(BilledJobRow.job_id.in_(job_ids)).group_by(BilledJobRow.job_id))
    return {
        job_id: JobMoney(job_id, int(fen or 0), int(seconds or 0), int(ms or 0), held, held_s, settled)
        for job_id, held, held_s, settled, fen, seconds, ms in rows
    }


def rated_card_ms(session: Session) -> int:
    """Add up the meters of all attempts."""
    return int(session.scalar(select(func.sum(BilledRunRow.card_ms))) or 0)


def recent_card_ms(session: Session, tenant_id: str, flavour: str, limit: int = 50) -> list[int]:
    """Return the card time of a tenant's latest attempts on a flavour that have ended."""
    runs = select(BilledRunRow.card_ms).join(RunEndRow, RunEndRow.run_name == BilledRunRow.run_name)
    mine = runs.where(BilledRunRow.tenant_id == tenant_id, BilledRunRow.flavour == flavour, BilledRunRow.card_ms > 0)
    return list(session.scalars(mine.order_by(BilledRunRow.created_at.desc()).limit(limit)))


def billed_job(row: BilledJobRow) -> BilledJob:
    """Return the plain value of a row."""
    return BilledJob(
        job_id=row.job_id,
        job_name=row.job_name,
        tenant_id=row.tenant_id,
        person_id=row.person_id,
        flavour=row.flavour,
        pool=row.pool,
        accelerator=row.accelerator,
        cards=row.cards,
        time_limit_s=row.time_limit_s,
        hold_s=row.hold_s,
        held_fen=row.held_fen,
        held_package_s=row.held_package_s,
        checkpoint_signal=row.checkpoint_signal,
        settled_at=row.settled_at,
    )
