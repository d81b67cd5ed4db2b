"""SQL of the warning ladder: who is to be looked at, which running jobs are, and the warnings written."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from wutong.compute.billing.ladder_rules import Notice, NoticeKind
from wutong.compute.billing.tables import BilledJobRow, LadderRow, NoticeRow
from wutong.compute.budgets.rules import EVERYBODY
from wutong.kit import clock


def make_due(session: Session, people: Collection[tuple[str, str]]) -> None:
    """Have tenants and people looked at soon, in one fixed order."""
    scopes = sorted({(tenant, EVERYBODY) for tenant, _ in people} | set(people))
    if not scopes:
        return
    now = clock.now()
    rows = [{"tenant_id": tenant, "person_id": person, "base_fen": 0, "period": 0, "level": 0, "due_at": now} for tenant, person in scopes]
    due = insert(LadderRow).values(rows)
    soonest = func.least(func.coalesce(LadderRow.due_at, now), now)
    session.execute(due.on_conflict_do_update(index_elements=["tenant_id", "person_id"], set_={"due_at": soonest}))


def take_due_scope(session: Session) -> LadderRow | None:
    """Lock one tenant or person that is due."""
    due = select(LadderRow).where(LadderRow.due_at <= clock.now()).order_by(LadderRow.due_at).limit(1)
    return session.scalar(due.with_for_update(skip_locked=True).execution_options(populate_existing=True))


def take_due_job(session: Session) -> BilledJobRow | None:
    """Lock one running job whose cover is due to be looked at."""
    due = select(BilledJobRow).where(BilledJobRow.look_at <= clock.now()).order_by(BilledJobRow.look_at).limit(1)
    return session.scalar(due.with_for_update(skip_locked=True, key_share=True).execution_options(populate_existing=True))


def look_at_jobs_of(session: Session, tenant_id: str, person_id: str, at: datetime) -> None:
    """Have every job of a tenant, or of one person, that is not being wound up already looked at."""
    jobs = update(BilledJobRow).where(BilledJobRow.tenant_id == tenant_id, BilledJobRow.settled_at.is_(None), BilledJobRow.stage == "fine")
    if person_id != EVERYBODY:
        jobs = jobs.where(BilledJobRow.person_id == person_id)
    soonest = func.least(func.coalesce(BilledJobRow.look_at, at), at)
    session.execute(jobs.values(look_at=soonest).execution_options(synchronize_session=False))


def look_at_grace(session: Session, tenant_id: str) -> None:
    """Have a tenant's jobs in grace looked at now."""
    jobs = update(BilledJobRow).where(BilledJobRow.tenant_id == tenant_id, BilledJobRow.settled_at.is_(None), BilledJobRow.stage == "grace")
    session.execute(jobs.values(look_at=clock.now()).execution_options(synchronize_session=False))


def add_notice(session: Session, notice: Notice) -> bool:
    """Write a warning; False when it was written before."""
    row = {
        "id": notice.id,
        "tenant_id": notice.tenant_id,
        "person_id": notice.person_id or EVERYBODY,
        "kind": notice.kind.value,
        "level": notice.level,
        "period": notice.period,
        "job_id": notice.job_id or "",
        "left_fen": notice.left_fen,
        "at": notice.at,
    }
    return session.scalar(insert(NoticeRow).values(row).on_conflict_do_nothing().returning(NoticeRow.id)) is not None


def notices_of(session: Session, tenant_id: str, before: str | None, limit: int) -> list[Notice]:
    """Return a tenant's warnings, the newest first."""
    query = select(NoticeRow).where(NoticeRow.tenant_id == tenant_id)
    if before is not None:
        query = query.where(NoticeRow.id < before)
    return [_notice(row) for row in session.scalars(query.order_by(NoticeRow.id.desc()).limit(limit))]


def take_untold(session: Session, limit: int) -> list[Notice]:
    """Mark warnings as told, and return them, the oldest first."""
    due = select(NoticeRow.id).where(NoticeRow.told_at.is_(None)).order_by(NoticeRow.id).limit(limit).with_for_update(skip_locked=True)
    taken = update(NoticeRow).where(NoticeRow.id.in_(due)).values(told_at=clock.now()).returning(NoticeRow)
    found = session.scalars(taken.execution_options(synchronize_session=False, populate_existing=True)).all()
    return sorted((_notice(row) for row in found), key=lambda notice: notice.id)


def _notice(row: NoticeRow) -> Notice:
    return Notice(row.id, row.tenant_id, row.person_id or None, NoticeKind(row.kind), row.level, row.period, row.job_id or None, row.left_fen, row.at)
