"""All SQL of budgets."""

from collections.abc import Sequence

from sqlalchemy import Select, and_, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from wutong.compute.budgets.rules import EVERYBODY, Budget, Spend
from wutong.compute.budgets.tables import BudgetRow, SpendRow
from wutong.kit import clock


def budgets_over(session: Session, tenant_id: str, person_id: str, month: str) -> list[Budget]:
    """Return the budgets a person's start counts against: the tenant's and the person's own, as far as set."""
    return _read(session, _budgets(month).where(BudgetRow.tenant_id == tenant_id, BudgetRow.person_id.in_((EVERYBODY, person_id))), month)


def budgets_of(session: Session, tenant_id: str, month: str) -> list[Budget]:
    """Return every budget of a tenant, the tenant's own first."""
    return _read(session, _budgets(month).where(BudgetRow.tenant_id == tenant_id), month)


def put_budget(session: Session, tenant_id: str, person_id: str, limit_fen: int, changed_by: str) -> None:
    """Set or change a budget."""
    row = {"tenant_id": tenant_id, "person_id": person_id, "limit_fen": limit_fen, "changed_by": changed_by, "changed_at": clock.now()}
    put = insert(BudgetRow).values(row).on_conflict_do_update(index_elements=["tenant_id", "person_id"], set_=row)
    session.execute(put)


def drop_budget(session: Session, tenant_id: str, person_id: str) -> bool:
    """Remove a budget; False when there was none."""
    gone = delete(BudgetRow).where(BudgetRow.tenant_id == tenant_id, BudgetRow.person_id == person_id).returning(BudgetRow.tenant_id)
    return session.scalar(gone) is not None


def add_spend(session: Session, sums: Sequence[Spend]) -> None:
    """Add to the sums of months."""
    if not sums:
        return
    rows = [
        {
            "tenant_id": one.tenant_id,
            "person_id": one.person_id or EVERYBODY,
            "month": one.month,
            "amount_fen": one.amount_fen,
            "package_seconds": one.package_seconds,
            "card_ms": one.card_ms,
        }
        for one in sums
    ]
    new = insert(SpendRow).values(rows)
    added = {name: getattr(SpendRow, name) + getattr(new.excluded, name) for name in ("amount_fen", "package_seconds", "card_ms")}
    session.execute(new.on_conflict_do_update(index_elements=["tenant_id", "person_id", "month"], set_=added))


def find_spend(session: Session, tenant_id: str, person_id: str, month: str) -> Spend | None:
    """Return one month's sum."""
    row = session.get(SpendRow, (tenant_id, person_id, month), populate_existing=True)
    return _spend(row) if row else None


def spends_of(session: Session, tenant_id: str, month: str) -> list[Spend]:
    """Return one month's sums of a tenant, the tenant's own first, then its people."""
    rows = session.scalars(select(SpendRow).where(SpendRow.tenant_id == tenant_id, SpendRow.month == month).order_by(SpendRow.person_id))
    return [_spend(row) for row in rows]


def spends_in(session: Session, month: str) -> list[Spend]:
    """Return one month's sums of all tenants, who used most first."""
    rows = select(SpendRow).where(SpendRow.month == month, SpendRow.person_id == EVERYBODY).order_by(SpendRow.card_ms.desc(), SpendRow.tenant_id)
    return [_spend(row) for row in session.scalars(rows)]


def _budgets(month: str) -> Select[BudgetRow, int]:
    same = and_(SpendRow.tenant_id == BudgetRow.tenant_id, SpendRow.person_id == BudgetRow.person_id, SpendRow.month == month)
    spent = func.coalesce(SpendRow.amount_fen, 0)
    return select(BudgetRow, spent).outerjoin(SpendRow, same).order_by(BudgetRow.person_id)


def _read(session: Session, query: Select[BudgetRow, int], month: str) -> list[Budget]:
    rows = session.execute(query.execution_options(populate_existing=True))
    return [Budget(row.tenant_id, row.person_id or None, row.limit_fen, spent, month) for row, spent in rows]


def _spend(row: SpendRow) -> Spend:
    return Spend(row.tenant_id, row.person_id or None, row.month, row.amount_fen, row.package_seconds, row.card_ms)
