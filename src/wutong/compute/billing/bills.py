"""The bill: a month's jobs, below each its usage windows as rated, each with the record it came from and the entry that paid it."""

from collections.abc import Iterator

from sqlalchemy.orm import Session

from wutong.compute.billing import charge_store, store
from wutong.compute.billing.rules import Bill, BilledJob, Charge
from wutong.compute.budgets import service as budgets
from wutong.compute.budgets.rules import month_bounds
from wutong.identity.rules import Permission, Principal, require_tenant
from wutong.kit.errors import Invalid, NotFound
from wutong.kit.paging import MAX_LIMIT, Page, PageRequest, cut


def bill(session: Session, who: Principal, month: str, page: PageRequest | None = None) -> Bill:
    """Return a month's bill (`2026-11`, Asia/Shanghai) of the caller's tenant: sums, and its jobs, the newest first."""
    tenant_id = require_tenant(who, Permission.MONEY_READ)
    _check_month(month)
    page = page or PageRequest()
    items = cut(charge_store.items_of_month(session, tenant_id, month, page.after, page.limit + 1), page, key="job_id")
    sums = budgets.month_spend(session, tenant_id=tenant_id, month=month)
    return Bill(month, tenant_id, sums.amount_fen, sums.package_seconds, sums.card_ms, items.items, items.next)


def bill_lines(session: Session, who: Principal, job_id: str, page: PageRequest | None = None) -> Page[Charge]:
    """Return the rated usage windows of one job, in the order they were charged; raises `NotFound` for another tenant's job."""
    billed_job(session, who, job_id)
    page = page or PageRequest()
    after = int(page.after) if page.after and page.after.isdecimal() else 0
    return cut(charge_store.lines_of_job(session, job_id, after, page.limit + 1), page, key="seq")


def billed_job(session: Session, who: Principal, job_id: str) -> BilledJob:
    """Return a job as billing knows it; raises `NotFound` for another tenant's."""
    tenant_id = require_tenant(who, Permission.MONEY_READ)
    job = store.find_job(session, job_id)
    if job is None or job.tenant_id != tenant_id:
        raise NotFound(kind="job", id=job_id)
    return job


def bill_rows(session: Session, who: Principal, month: str) -> Iterator[Charge]:
    """Walk over every line of a month's bill, job by job, for a table."""
    tenant_id = require_tenant(who, Permission.MONEY_READ)
    _check_month(month)
    after = ("", 0)
    while lines := charge_store.lines_of_month(session, tenant_id, month, after, MAX_LIMIT):
        yield from lines
        after = (lines[-1].job_id, lines[-1].seq)


def _check_month(month: str) -> None:
    try:
        month_bounds(month)
    except ValueError:
        raise Invalid(field="month", reason="Write a month such as 2026-11.") from None
