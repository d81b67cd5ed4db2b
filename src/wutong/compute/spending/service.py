"""What pages may ask of spending."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from wutong.compute.budgets.rules import month_bounds
from wutong.compute.spending import rules, store
from wutong.compute.spending.rules import By, MonthLine, Spending
from wutong.identity.rules import Permission, Principal, require_tenant
from wutong.kit import clock
from wutong.kit.errors import Invalid
from wutong.kit.paging import Page, PageRequest


def spending(session: Session, who: Principal, month: str, by: By) -> Spending:
    """Return what the caller's tenant used on each day of a month (`2026-11`, Asia/Shanghai), told apart by person, project or flavour."""
    tenant_id = require_tenant(who, Permission.MONEY_READ)
    begins, ends = _bounds(month)
    return rules.gather(by, rules.days_of(begins, ends), store.parts_of(session, tenant_id, month, by))


def last_days(session: Session, who: Principal, count: int) -> Spending:
    """Return what the caller's tenant used on each of the last so many days (Asia/Shanghai), today included, as one group."""
    tenant_id = require_tenant(who, Permission.MONEY_READ)
    now = clock.now()
    days = rules.days_of(now - timedelta(days=count - 1), now + timedelta(microseconds=1))[-count:]
    months = sorted({f"{day:%Y-%m}" for day in days})
    return rules.together(days, store.days_of_months(session, tenant_id, months))


def month_lines(session: Session, who: Principal, month: str, page: PageRequest) -> Page[MonthLine]:
    """Return a page of every line of a month's bill, job by job: for a table that is written in several transactions."""
    tenant_id = require_tenant(who, Permission.MONEY_READ)
    _bounds(month)
    job_id, _, seq = (page.after or "").partition("~")
    after = (job_id, int(seq) if seq.isdecimal() and len(seq) < 19 else 0)
    found = store.lines_of(session, tenant_id, month, after, page.limit)
    last = found[-1].charge if len(found) == page.limit else None
    return Page(found, f"{last.job_id}~{last.seq}" if last else None)


def _bounds(month: str) -> tuple[datetime, datetime]:
    try:
        return month_bounds(month)
    except ValueError:
        raise Invalid(field="month", reason="Write a month such as 2026-11.") from None
