"""The month report, made for print: utilisation by day, who used how much, how jobs ended, how good forecasts were."""

from datetime import timedelta
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import Response
from sqlalchemy.orm import Session

from wutong.centre import service as centre
from wutong.centre.rules import By, Group
from wutong.compute.budgets import service as budgets
from wutong.compute.budgets.rules import BILL_ZONE, month_bounds, month_of
from wutong.compute.jobs import service as jobs
from wutong.doorway.asking import Tx, needs
from wutong.identity import service as identity
from wutong.identity.rules import Permission, Principal
from wutong.kit import clock
from wutong.web import sheet
from wutong.web.console.course import HEIGHT, WIDTH, courses, sums
from wutong.web.console.drawing import bars
from wutong.web.console.monthly import MonthReport, gather
from wutong.web.console.paper import document_of
from wutong.web.months import read_month
from wutong.web.typeset import typeset
from wutong.web.view import Pages, View, Visiting

pages = Pages()

Reads = Annotated[View, needs(Permission.CENTRE_READ)]
MOST_TENANTS = 20
FEWEST_BARS = 10
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
    slots = centre.utilisation(tx, begins, ends, By.DAY, Group.POOL, present=False)
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
        "bars": bars([*(spend.card_ms for spend in largest), *[0] * (FEWEST_BARS - len(largest))], width=WIDTH, height=HEIGHT),
        "tenants": identity.tenant_names(tx, {spend.tenant_id for spend in largest}),
        "accuracy": centre.forecast_accuracy(tx) if ends > now else [],
    }
    return view.page("console/report.html", **values)


@pages.get("/console/report/{month}/pdf")
async def report_document(visit: Visiting, month: str) -> Response:
    """Send a month as a document. It is typeset when its figures are read and no transaction is open any more."""
    view, now = View(visit, None), clock.now()
    shown = read_month(month, now).name

    def read(tx: Session, who: Principal) -> MonthReport:
        return gather(tx, who, shown, now)

    report = await visit.ask(read, Permission.CENTRE_READ)
    name = f"{view.say('Wutong')} · {visit.context.settings.centre}"
    values = document_of(report, view.words, centre=name, now=now)
    made = await run_sync(typeset, "report.typ", values)
    headers = {"Content-Disposition": f'attachment; filename="report-{shown}-{view.words.language}.pdf"'}
    return Response(made, media_type="application/pdf", headers=headers)


@pages.get("/console/report/{month}/csv")
def report_table(tx: Tx, view: Reads, month: str) -> Response:
    """Send a month's days as a table: a line for each day and pool."""
    now, say = clock.now(), view.say
    shown = read_month(month, now).name
    begins, ends = month_bounds(shown)
    tflops = {kind.name: kind.fp16_tflops for kind in centre.list_accelerators(tx)}
    kinds = {pool.name: pool.accelerator for pool in centre.list_pools(tx)}
    heads = [say("Day"), say("Pool"), say("Kind of card"), say("Card-hours used"), say("Card-hours available"), say("Share"), say("PFLOPS-hours")]
    lines = [sheet.BYTE_ORDER_MARK + sheet.line(heads)]
    for slot in centre.utilisation(tx, begins, ends, By.DAY, Group.POOL):
        kind = kinds.get(slot.key, "")
        hours = slot.card_ms / 3_600_000
        share = "" if slot.share is None else f"{slot.share:.4f}"
        day = slot.at.astimezone(BILL_ZONE).date()
        lines.append(sheet.line([day, slot.key, kind, hours, slot.capacity_card_ms / 3_600_000, share, hours * tflops.get(kind, 0.0) / 1000]))
    headers = {"Content-Disposition": f'attachment; filename="report-{shown}.csv"'}
    return Response("".join(lines), media_type="text/csv; charset=utf-8", headers=headers)
