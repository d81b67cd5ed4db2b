"""SQL of charges, of usage that waits to be rated, and of the bill."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import case, delete, func, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from wutong.centre.rules import Usage
from wutong.compute.billing.rules import BillItem, Charge, ChargeKind, Unrated
from wutong.compute.billing.tables import BilledJobRow, ChargeRow, RunEndRow, UnratedRow
from wutong.kit import clock
from wutong.kit.database import insert_rows, rows_json

RETRY_FIRST = timedelta(seconds=5)
RETRY_MOST = timedelta(hours=1)

Window = tuple[str, int, datetime]

_COLUMNS = tuple(name for name in Charge.__dataclass_fields__ if name != "seq")
_ADD_CHARGES = insert_rows("compute_charge", _COLUMNS)
_RATED = text("""
    SELECT run_name, restart, window_start, max(to_card_ms) FROM compute_charge
    WHERE kind <> 'reversal' AND (run_name, restart, window_start) IN
        (SELECT * FROM unnest(CAST(:names AS text[]), CAST(:restarts AS int[]), CAST(:starts AS timestamptz[])))
    GROUP BY run_name, restart, window_start""")


def rated_windows(session: Session, windows: Collection[Window]) -> dict[Window, int]:
    """Return how much of each window's card time was charged or waived already, in milliseconds."""
    names, restarts, starts = zip(*windows, strict=True) if windows else ((), (), ())
    rows = session.execute(_RATED, {"names": list(names), "restarts": list(restarts), "starts": list(starts)})
    return {(name, restart, start.astimezone(UTC)): most for name, restart, start, most in rows}


def add_charges(session: Session, charges: Sequence[Charge]) -> None:
    """Append charges; the journal gives them their `seq`."""
    if charges:
        session.execute(_ADD_CHARGES, {"rows": rows_json({name: getattr(charge, name) for name in _COLUMNS} for charge in charges)})


def set_aside(session: Session, usage: Usage, reason: Unrated, detail: str) -> None:
    """Keep a record that cannot be rated yet; each further try waits longer."""
    now = clock.now()
    row = {
        "usage_seq": usage.seq,
        "usage_id": usage.id,
        "run_name": usage.run_name,
        "restart": usage.restart,
        "window_start": usage.window_start,
        "seconds_ms": usage.seconds_ms,
        "cards": usage.cards,
        "card_seconds_ms": usage.card_seconds_ms,
        "final": usage.final,
        "fault": usage.fault,
        "reason": reason.value,
        "detail": detail[:1000],
        "tries": 1,
        "since": now,
        "retry_at": now + RETRY_FIRST,
    }
    waits = func.least(RETRY_FIRST * func.power(2, UnratedRow.tries), RETRY_MOST)
    again = {"reason": reason.value, "detail": detail[:1000], "tries": UnratedRow.tries + 1, "retry_at": now + waits}
    session.execute(insert(UnratedRow).values(row).on_conflict_do_update(index_elements=["usage_seq"], set_=again))


def take_due(session: Session, limit: int) -> list[Usage]:
    """Lock records whose time to retry has come, in the journal's order."""
    due = select(UnratedRow).where(UnratedRow.retry_at <= clock.now()).order_by(UnratedRow.retry_at, UnratedRow.usage_seq).limit(limit)
    rows = session.scalars(due.with_for_update(skip_locked=True).execution_options(populate_existing=True))
    return sorted((_usage(row) for row in rows), key=lambda usage: usage.seq)


def retry_now(session: Session, run_names: Collection[str] | None = None) -> None:
    """Make waiting records due at once."""
    rows = select(UnratedRow).where(UnratedRow.run_name.in_(run_names)) if run_names is not None else select(UnratedRow)
    for row in session.scalars(rows.with_for_update(skip_locked=True)):
        row.retry_at = clock.now()


def drop_rated(session: Session, seqs: Collection[int]) -> None:
    """Remove records that were rated in this transaction."""
    session.execute(delete(UnratedRow).where(UnratedRow.usage_seq.in_(seqs)))


def count_unrated(session: Session) -> dict[Unrated, int]:
    """Count what waits, by reason."""
    rows = session.execute(select(UnratedRow.reason, func.count()).group_by(UnratedRow.reason))
    return {Unrated(reason): count for reason, count in rows}


def charge_lags(session: Session, since: datetime, limit: int = 500) -> list[float]:
    """Return for runs that ended since a moment, as far as the latest charges tell of them, how many seconds after its end each was last charged."""
    latest = select(ChargeRow.run_name, ChargeRow.at).where(ChargeRow.kind == ChargeKind.USAGE.value).order_by(ChargeRow.seq.desc()).limit(limit)
    last = latest.subquery()
    rows = select(func.max(last.c.at), RunEndRow.at).join(RunEndRow, RunEndRow.run_name == last.c.run_name).where(RunEndRow.at >= since)
    return [max(0.0, (charged - ended).total_seconds()) for charged, ended in session.execute(rows.group_by(last.c.run_name, RunEndRow.at))]


def unreversed(session: Session, run_name: str, limit: int, *, restart: int | None = None) -> list[Charge]:
    """Return charges of an attempt, or of one of its starts, that took something and were not taken back."""
    back = aliased(ChargeRow)
    paid = (ChargeRow.amount_fen > 0) | (ChargeRow.package_seconds > 0)
    query = select(ChargeRow).outerjoin(back, back.reverses == ChargeRow.id)
    query = query.where(ChargeRow.run_name == run_name, ChargeRow.kind == ChargeKind.USAGE.value, paid, back.id.is_(None))
    query = query if restart is None else query.where(ChargeRow.restart == restart)
    return [charge(row) for row in session.scalars(query.order_by(ChargeRow.seq).limit(limit))]


def lines_of_job(session: Session, job_id: str, after: int, limit: int) -> list[Charge]:
    """Return the lines below a job on the bill, in the order they were charged."""
    query = select(ChargeRow).where(ChargeRow.job_id == job_id, ChargeRow.seq > after)
    return [charge(row) for row in session.scalars(query.order_by(ChargeRow.seq).limit(limit))]


def items_of_month(session: Session, tenant_id: str, month: str, before: str | None, limit: int) -> list[BillItem]:
    """Return a month's jobs, the newest first, each with its sums."""
    back = case((ChargeRow.kind == ChargeKind.REVERSAL.value, ChargeRow.amount_fen), else_=0)
    sums = [func.sum(column) for column in (ChargeRow.card_ms, ChargeRow.package_seconds, ChargeRow.amount_fen, back)]
    mine = select(ChargeRow.job_id, func.count(), *sums).where(ChargeRow.tenant_id == tenant_id, ChargeRow.month == month)
    if before is not None:
        mine = mine.where(ChargeRow.job_id < before)
    rows = session.execute(mine.group_by(ChargeRow.job_id).order_by(ChargeRow.job_id.desc()).limit(limit)).all()
    jobs = {row.job_id: row for row in session.scalars(select(BilledJobRow).where(BilledJobRow.job_id.in_([row[0] for row in rows])))}
    return [_item(jobs[job_id], count, [int(each) for each in sums]) for job_id, count, *sums in rows]


def lines_of_month(session: Session, tenant_id: str, month: str, after: tuple[str, int], limit: int) -> list[Charge]:
    """Return a month's lines by job, for a table of the whole bill."""
    place = tuple_(ChargeRow.job_id, ChargeRow.seq)
    query = select(ChargeRow).where(ChargeRow.tenant_id == tenant_id, ChargeRow.month == month, place > after)
    return [charge(row) for row in session.scalars(query.order_by(ChargeRow.job_id, ChargeRow.seq).limit(limit))]


def charge(row: ChargeRow) -> Charge:
    """Return the plain value of a row."""
    values = {name: getattr(row, name) for name in Charge.__dataclass_fields__}
    return Charge(**{**values, "kind": ChargeKind(row.kind)})


def _item(job: BilledJobRow, count: int, sums: list[int]) -> BillItem:
    card_ms, package_seconds, amount_fen, taken_back = sums
    return BillItem(job.job_id, job.job_name, job.person_id, job.flavour, card_ms, package_seconds, amount_fen, -taken_back, count)


def _usage(row: UnratedRow) -> Usage:
    return Usage(row.usage_seq, row.run_name, row.restart, row.window_start, row.seconds_ms, row.cards, row.card_seconds_ms, row.final, row.fault)
