"""What jobs and doors may ask of billing: holds at submission, the life of attempts, estimates, what a job cost, and the bill."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from wutong.centre.engines.protocol import EndReason
from wutong.compute.billing import store
from wutong.compute.billing.holds import hold_for_job, let_go
from wutong.compute.billing.rules import JobMoney
from wutong.compute.budgets import service as budgets
from wutong.kit import clock
from wutong.kit.database import notify
from wutong.kit.errors import NotFound
from wutong.ledger import service as ledger

CHANNEL = "compute_billing"

__all__ = ["CHANNEL", "attempt_ended", "close_job", "hold_for_job", "job_money", "money_blocks", "register_run"]


def register_run(session: Session, *, run_name: str, job_id: str, attempt: int) -> None:
    """Tell billing to which job an attempt belongs, in the transaction that requests the run. May be repeated."""
    if not store.add_run(session, run_name=run_name, job_id=job_id, attempt=attempt) and not store.run_is_known(session, run_name):
        raise NotFound(kind="job", id=job_id)


def attempt_ended(
    session: Session,
    run_name: str,
    *,
    reason: EndReason | None,
    our_fault: bool,
    started: bool = True,
    restart: int = 0,
    at: datetime | None = None,
) -> None:
    """Tell billing that an attempt ended. With `our_fault` all its charges are taken back and later usage of it is nobody's.

    `started` is False for a run that never began, so that no last usage is awaited; `restart` is the last start the engine made. Only
    writes a new row: it never waits for the settler.
    """
    said = (reason or EndReason.CANCELLED).value
    store.add_run_end(session, run_name=run_name, reason=said, our_fault=our_fault, started=started, restart=restart, at=at or clock.now())
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


def settle(session: Session, job_ids: Sequence[str]) -> None:
    """Let go of what is still held for jobs, and mark them settled."""
    for job in store.jobs_by_tenant(session, job_ids):
        if job.settled_at is None:
            let_go(session, job)
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
