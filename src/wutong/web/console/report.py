"""The month report, made for print: utilisation by day, who used how much, how jobs ended, how good forecasts were."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import Response

from wutong.centre import service as centre
from wutong.centre.rules import By, Group
from wutong.compute.budgets import service as budgets
from wutong.compute.budgets.rules import month_bounds, month_of
from wutong.compute.jobs import service as jobs
from wutong.doorway.asking import Tx, needs
from wutong.identity import service as identity
from wutong.identity.rules import Permission
from wutong.kit import clock
from wutong.web.console.course import HEIGHT, WIDTH, courses, sums
from wutong.web.console.drawing import bars
from wutong.web.months import read_month
from wutong.web.view import Pages, View

pages = Pages()

Reads = Annotated[View, needs(Permission.CENTRE_READ)]
MOST_TENANTS = 20
DAY = timedelta(days=1)


@pages.get("/console/report")
def latest_report(view: Reads) -> Response:
    """Lead to the month that is under way."""
    return view.go(f"/console/report/{month_of(clock.now())}")


@pages.get("/console/report/{month}")
def report_page(tx: Tx, view: Reads, month: str) -> Response:
    """Show a month."""
    now = clock.now()
    shown = read_month(month, now)
    begins, ends = month_bounds(shown.name)
    slots = centre.utilisation(tx, begins, ends, By.DAY, Group.POOL)
    spends = budgets.list_month_spends(tx, view.who, shown.name) if view.may(Permission.CENTRE_BOOKS) else []
    largest = [spend for spend in spends if spend.card_ms][:MOST_TENANTS]
    values: dict[str, Any] = {
        "month": shown,
        "under_way": ends > now,
        "courses": courses(slots, DAY),
        "sums": sums(slots),
        "ended": jobs.count_ended(tx, view.who, begins, ends),
        "spends": spends,
        "largest": largest,
        "bars": bars([spend.card_ms for spend in largest], width=WIDTH, height=HEIGHT),
        "tenants": identity.tenant_names(tx, {spend.tenant_id for spend in largest}),
        "accuracy": centre.forecast_accuracy(tx) if ends > now else [],
    }
    return view.page("console/report.html", **values)
