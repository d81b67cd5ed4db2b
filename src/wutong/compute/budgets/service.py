"""Budgets: set by the tenant, checked at submission, watched by the ladder while jobs run."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from wutong.compute.budgets import rules, store
from wutong.compute.budgets.rules import Budget, Spend, SpendPart
from wutong.identity import service as identity
from wutong.identity.rules import Permission, Principal, require, require_tenant
from wutong.kit import clock
from wutong.kit.errors import Invalid, NotFound
from wutong.kit.paging import MAX_LIMIT, PageRequest


def set_budget(session: Session, who: Principal, *, person_id: str | None = None, limit_fen: int) -> Budget:
    """Set the limit a month of the whole tenant, or of one of its people."""
    tenant_id = require_tenant(who, Permission.BUDGET_MANAGE)
    if not 0 <= limit_fen <= rules.MAX_BUDGET_FEN:
        raise Invalid(field="limit_fen", reason="Set a limit from 0 up. To have no limit, remove the budget.")
    if person_id is not None and not _is_member(session, who, person_id):
        raise NotFound(kind="member", id=person_id)
    scope = person_id or rules.EVERYBODY
    before = {budget.person_id: budget.limit_fen for budget in list_budgets(session, who)}.get(person_id)
    put_limit(session, tenant_id=tenant_id, person_id=person_id, limit_fen=limit_fen, changed_by=who.person_id)
    identity.audit(
        session,
        who,
        "budget.set",
        kind="budget",
        id=scope or tenant_id,
        tenant_id=tenant_id,
        before={"limit_fen": before} if before is not None else None,
        after={"limit_fen": limit_fen},
    )
    return next(budget for budget in list_budgets(session, who) if budget.person_id == person_id)


def put_limit(session: Session, *, tenant_id: str, person_id: str | None, limit_fen: int, changed_by: str) -> None:
    """Write a limit down without asking who wants it; for commands and seeds."""
    store.put_budget(session, tenant_id, person_id or rules.EVERYBODY, limit_fen, changed_by)


def remove_budget(session: Session, who: Principal, *, person_id: str | None = None) -> None:
    """Remove a limit; raises `NotFound` when there is none."""
    tenant_id = require_tenant(who, Permission.BUDGET_MANAGE)
    scope = person_id or rules.EVERYBODY
    if not store.drop_budget(session, tenant_id, scope):
        raise NotFound(kind="budget", id=scope or tenant_id)
    identity.audit(session, who, "budget.remove", kind="budget", id=scope or tenant_id, tenant_id=tenant_id)


def list_budgets(session: Session, who: Principal) -> list[Budget]:
    """Return the tenant's budgets with what is spent this month, the whole tenant's first."""
    tenant_id = require_tenant(who, Permission.MONEY_READ)
    return store.budgets_of(session, tenant_id, rules.month_of(clock.now()))


def budgets_over(session: Session, *, tenant_id: str, person_id: str, at: datetime) -> list[Budget]:
    """Return the budgets a person's jobs count against, with what is spent in the month of a moment."""
    return store.budgets_over(session, tenant_id, person_id, rules.month_of(at))


def check_budget(session: Session, *, tenant_id: str, person_id: str, needed_fen: int, at: datetime) -> None:
    """Raise `BudgetExceeded` when the tenant's or the person's budget has no room for this much more.

    It takes no lock: two starts at once may both pass, and the ladder then stops what runs beyond. Funds, which are not the tenant's
    own rule but the centre's, are held under a lock by the ledger.
    """
    refused = rules.refusal(budgets_over(session, tenant_id=tenant_id, person_id=person_id, at=at), needed_fen)
    if refused is not None:
        raise refused


def add_spend(session: Session, parts: Sequence[SpendPart]) -> None:
    """Add charges (negative: reversals) to the month's sums of people and tenants; the settler calls it in the charges' own transaction."""
    store.add_spend(session, rules.add_up(parts))


def month_spend(session: Session, *, tenant_id: str, person_id: str | None = None, month: str) -> Spend:
    """Return what a tenant, or one person of it, used in a month."""
    found = store.find_spend(session, tenant_id, person_id or rules.EVERYBODY, month)
    return found or Spend(tenant_id, person_id, month, 0, 0, 0)


def list_spend(session: Session, who: Principal, month: str) -> list[Spend]:
    """Return what each person of the tenant used in a month, the tenant's own sum first."""
    tenant_id = require_tenant(who, Permission.MONEY_READ)
    return store.spends_of(session, tenant_id, month)


def _is_member(session: Session, who: Principal, person_id: str) -> bool:
    page = PageRequest(limit=MAX_LIMIT)
    while True:
        members = identity.list_members(session, who, page)
        if any(member.person_id == person_id for member in members.items):
            return True
        if members.next is None:
            return False
        page = PageRequest(limit=MAX_LIMIT, after=members.next)


def list_month_spends(session: Session, who: Principal, month: str) -> list[Spend]:
    """Return what each tenant used and was charged in a month, who used most first, for those who read the centre's books."""
    require(who, Permission.CENTRE_BOOKS)
    return store.spends_in(session, month)
