"""What jobs and doors may ask of billing: holds at submission, the life of attempts, estimates, what a job cost, and the bill."""

from collections.abc import Sequence
from datetime import timedelta
from statistics import median

from sqlalchemy.orm import Session

from wutong.centre.engines.protocol import EndReason
from wutong.compute.billing import charge_store, ladder_store, store
from wutong.compute.billing.bills import bill, bill_lines, bill_rows
from wutong.compute.billing.estimates import estimate
from wutong.compute.billing.holds import let_go
from wutong.compute.billing.ladder_rules import Notice
from wutong.compute.billing.rules import JobMoney, RunEnd, Unrated
from wutong.compute.billing.starts import hold_for_job, hold_for_jobs
from wutong.compute.budgets import service as budgets
from wutong.compute.budgets.rules import EVERYBODY, Budget
from wutong.identity.rules import Permission, Principal, require_tenant
from wutong.kit import clock
from wutong.kit.database import notify
from wutong.kit.errors import NotFound
from wutong.kit.paging import Page, PageRequest, cut
from wutong.ledger import service as ledger

CHANNEL = "compute_billing"
LAG_WATCHED = timedelta(minutes=5)

__all__ = [
    "CHANNEL",
    "attempt_ended",
    "attempts_ended",
    "bill",
    "bill_lines",
    "bill_rows",
    "charge_lag",
    "close_job",
    "close_jobs",
    "count_unrated",
    "estimate",
    "funds_changed",
    "hold_for_job",
    "hold_for_jobs",
    "job_money",
    "list_notices",
    "money_blocks",
    "register_run",
    "remove_budget",
    "set_budget",
    "settle",
    "take_untold_notices",
]


def register_run(session: Session, *, run_name: str, job_id: str, attempt: int) -> None:
    """Tell billing to which job an attempt belongs, in the transaction that requests the run. May be repeated."""
    if not store.add_run(session, run_name=run_name, job_id=job_id, attempt=attempt) and not store.run_is_known(session, run_name):
        raise NotFound(kind="job", id=job_id)


def attempt_ended(session: Session, run_name: str, *, reason: EndReason | None, our_fault: bool) -> None:
    """Tell billing that an attempt ended, as `attempts_ended` does."""
    attempts_ended(session, [RunEnd(run_name, reason or EndReason.CANCELLED, our_fault=our_fault, at=clock.now())])


def attempts_ended(session: Session, ends: Sequence[RunEnd]) -> None:
    """Tell billing that attempts ended.

    Where it was our fault all charges of an attempt are taken back and later usage of it is nobody's. Only writes new rows: it never waits for the
    settler.
    """
    if ends:
        store.add_run_ends(session, ends)
        if any(end.our_fault for end in ends):
            notify(session, CHANNEL)


def close_job(session: Session, job_id: str, *, at_once: bool = False) -> None:
    """Tell billing that a job will have no further attempt. Its holds are let go when its last usage is settled.

    `at_once` lets go of them in this transaction when no attempt was ever registered: for a person who cancels a waiting job. Loops that
    close jobs of several tenants in one transaction leave it off, so that balances are locked in one order.
    """
    store.add_close(session, job_id)
    if at_once and not store.has_runs(session, job_id):
        settle(session, [job_id])
    notify(session, CHANNEL)


def close_jobs(session: Session, job_ids: Sequence[str]) -> None:
    """Tell billing of several jobs that they will have no further attempt, in one go."""
    store.add_closes(session, job_ids)
    notify(session, CHANNEL)


def settle(session: Session, job_ids: Sequence[str]) -> None:
    """Let go of what is still held for jobs, and mark them settled."""
    let_go(session, [job for job in store.jobs_by_tenant(session, job_ids) if job.settled_at is None])
    store.settle_jobs(session, job_ids)


def money_blocks(session: Session, *, tenant_id: str, person_id: str) -> str | None:
    """Say in one sentence why nobody may start now (debt, a budget that is used up), or None."""
    if ledger.balance(session, tenant_id).debt_fen > 0:
        return "Your organisation owes money for usage beyond its balance. Top up to start jobs again."
    for budget in budgets.budgets_over(session, tenant_id=tenant_id, person_id=person_id, at=clock.now()):
        if budget.exhausted:
            whose = "Your budget" if budget.person_id else "Your organisation's budget"
            return f"{whose} for {budget.month} is used up. Have it raised to start jobs again."
    return None


def job_money(session: Session, job_ids: Sequence[str]) -> dict[str, JobMoney]:
    """Return what jobs cost so far and what is held for them; the caller has checked that they may be seen."""
    return store.money_of(session, job_ids)


def list_notices(session: Session, who: Principal, page: PageRequest | None = None) -> Page[Notice]:
    """Return the tenant's warnings, the newest first."""
    page = page or PageRequest()
    return cut(ladder_store.notices_of(session, require_tenant(who, Permission.MONEY_READ), page.after, page.limit + 1), page)


def take_untold_notices(session: Session, *, limit: int = 100) -> list[Notice]:
    """Return warnings that nobody was told of yet, and count them as told with this transaction: each is given out once."""
    return ladder_store.take_untold(session, limit)


def funds_changed(session: Session, tenant_id: str) -> None:
    """Have the ladder look at a tenant whose money changed, and at its jobs in grace, which may go on now."""
    ladder_store.make_due(session, {(tenant_id, EVERYBODY)})
    ladder_store.look_at_grace(session, tenant_id)
    notify(session, CHANNEL)


def set_budget(session: Session, who: Principal, *, person_id: str | None = None, limit_fen: int) -> Budget:
    """Set a monthly limit, as `budgets.set_budget` does, and have the ladder look at once at all whom it concerns."""
    made = budgets.set_budget(session, who, person_id=person_id, limit_fen=limit_fen)
    _budget_changed(session, who, person_id)
    return made


def remove_budget(session: Session, who: Principal, *, person_id: str | None = None) -> None:
    """Remove a monthly limit, as `budgets.remove_budget` does; jobs that it was winding up are looked at at once."""
    budgets.remove_budget(session, who, person_id=person_id)
    _budget_changed(session, who, person_id)


def _budget_changed(session: Session, who: Principal, person_id: str | None) -> None:
    tenant_id, scope = who.tenant_id or "", person_id or EVERYBODY
    ladder_store.make_due(session, {(tenant_id, scope)})
    ladder_store.look_at_jobs_of(session, tenant_id, scope, clock.now())
    ladder_store.look_at_grace(session, tenant_id)
    notify(session, CHANNEL)


def count_unrated(session: Session) -> dict[Unrated, int]:
    """Count the usage records that wait to be rated, by reason: anything here wants a person to look."""
    return charge_store.count_unrated(session)


def charge_lag(session: Session) -> dict[str, float]:
    """Return the median and the worst time in seconds from a run's end to its last charge, of the last minutes; nothing when none ended."""
    lags = charge_store.charge_lags(session, clock.now() - LAG_WATCHED)
    return {"median": median(lags), "worst": max(lags)} if lags else {}


def rated_card_ms(session: Session) -> int:
    """Return all card-milliseconds that were rated, also those nobody pays: to hold against what engines reported."""
    return store.rated_card_ms(session)
