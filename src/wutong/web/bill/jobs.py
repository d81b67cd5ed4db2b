"""A month's bill by job, below each job its usage windows, below each window the engine's record."""

from typing import Annotated

from fastapi import Query, Response

from wutong.centre import service as centre
from wutong.centre.rules import Usage
from wutong.compute.billing import bills
from wutong.compute.billing import service as billing
from wutong.compute.budgets import service as budgets
from wutong.compute.jobs import service as jobs
from wutong.doorway.asking import Tx, needs
from wutong.doorway.paging import Paging
from wutong.identity import service as identity
from wutong.identity.rules import Permission
from wutong.kit import clock
from wutong.kit.errors import NotFound
from wutong.ledger import service as ledger
from wutong.web.months import read_month
from wutong.web.view import Pages, View

pages = Pages(prefix="/bill")

Reads = Annotated[View, needs(Permission.MONEY_READ)]
Short = Annotated[str, Query(max_length=20)]


@pages.get("")
def bill_page(tx: Tx, view: Reads, page: Paging, month: Short = "") -> Response:
    """Show a month: what it came to, what paid, and its jobs."""
    shown = read_month(month, clock.now())
    bill = bills.bill(tx, view.who, shown.name, page)
    return view.page(
        "bill/month.html",
        month=shown,
        bill=bill,
        names=identity.person_names(tx, {item.person_id for item in bill.items}),
        balance=ledger.balance(tx, view.who.tenant_id or ""),
        budgets=budgets.list_budgets(tx, view.who)[:1],
    )


@pages.get("/jobs/{job_id}")
def job_page(tx: Tx, view: Reads, page: Paging, job_id: str) -> Response:
    """Show what a job was charged for, window by window."""
    job = bills.billed_job(tx, view.who, job_id)
    charges = bills.bill_lines(tx, view.who, job_id, page)
    money = billing.job_money(tx, [job_id])[job_id]
    return view.page("bill/job.html", job=job, charges=charges, money=money, names=identity.person_names(tx, {job.person_id}))


@pages.get("/jobs/{job_id}/records/{run_name}")
def record_page(tx: Tx, view: Annotated[View, needs(Permission.MONEY_READ, Permission.JOB_READ)], job_id: str, run_name: str) -> Response:
    """Show what the engine reported of one attempt: when it began and ended, where it ran, and the total of each window."""
    attempt = next((each for each in jobs.list_attempts(tx, view.who, job_id) if each.run_name == run_name), None)
    if attempt is None:
        raise NotFound(kind="attempt", id=run_name)
    totals = last_of_windows(centre.list_run_usage(tx, run_name))
    return view.page("bill/record.html", job_id=job_id, attempt=attempt, run=centre.find_run(tx, run_name), totals=totals)


def last_of_windows(lines: list[Usage]) -> list[Usage]:
    """Keep the last line of each window: its total."""
    return list({line.window: line for line in lines}.values())
