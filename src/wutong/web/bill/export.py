"""The bill and the statement as tables to take away, written while they are read: a page of lines in a short transaction of its own each."""

from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session

from wutong.compute.spending import service as spending
from wutong.compute.spending.rules import MonthLine
from wutong.identity import service as identity
from wutong.identity.rules import Permission, Principal, require_tenant
from wutong.kit import clock
from wutong.kit.paging import MAX_LIMIT, Page, PageRequest
from wutong.ledger import service as ledger
from wutong.ledger.rules import StatementLine
from wutong.web import sheet
from wutong.web.bill.statement import bounds, causes, read_days
from wutong.web.months import read_month
from wutong.web.view import Pages, View, Visit, Visiting

pages = Pages(prefix="/bill")

Short = Annotated[str, Query(max_length=40)]
Rows = Page[list[object]]
Read = Callable[[Session, Principal, PageRequest], Rows]


@pages.get("/export")
async def export_bill(visit: Visiting, month: Short = "") -> Response:
    """Send a month's bill, a line for each usage window."""
    view = View(visit, None)
    shown = read_month(month, clock.now()).name

    def read(tx: Session, who: Principal, page: PageRequest) -> Rows:
        found = spending.month_lines(tx, who, shown, page)
        names = identity.person_names(tx, {each.charge.person_id for each in found.items})
        return Page([_bill_row(view, each, names) for each in found.items], found.next)

    return await _send(visit, f"bill-{shown}.csv", _bill_titles(view), read)


@pages.get("/statement/export")
async def export_statement(visit: Visiting, since: Short = "", until: Short = "") -> Response:
    """Send the statement of some days."""
    view = View(visit, None)
    first, last = read_days(since, until, clock.now())
    begins, ends = bounds(first, last)

    def read(tx: Session, who: Principal, page: PageRequest) -> Rows:
        found = ledger.statement(tx, require_tenant(who, Permission.MONEY_READ), since=begins, until=ends, page=page)
        return Page([_statement_row(view, each) for each in found.items], found.next)

    return await _send(visit, f"statement-{first}-{last}.csv", _statement_titles(view), read)


async def _send(visit: Visit, name: str, titles: Iterable[object], read: Read) -> Response:
    """Answer with a table. Its first page is read before the answer begins, so that a refusal is a page that says so."""

    async def batch(after: str | None) -> Rows:
        return await visit.ask(lambda tx, who: read(tx, who, PageRequest(MAX_LIMIT, after)), Permission.MONEY_READ)

    first = await batch(None)

    async def write() -> AsyncIterator[str]:
        yield sheet.BYTE_ORDER_MARK + sheet.line(titles)
        page = first
        while True:
            yield "".join(sheet.line(row) for row in page.items)
            if page.next is None:
                return
            page = await batch(page.next)

    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(write(), media_type="text/csv; charset=utf-8", headers=headers)


def _bill_titles(view: View) -> list[str]:
    say = view.say
    about = [say("Month"), say("Job"), say("Name"), say("Person"), say("Flavour"), say("Attempt"), say("Start"), say("Window begins"), say("Kind")]
    return [*about, say("Card-seconds"), say("From packages (card-seconds)"), say("Yuan per card-hour"), say("Yuan"), say("Entry")]


def _statement_titles(view: View) -> list[str]:
    say = view.say
    about = [say("ID"), say("Time"), say("Kind"), say("Cause"), say("Cause ID"), say("Note")]
    return [*about, say("Yuan"), say("Balance after"), say("Entry")]


def _bill_row(view: View, line: MonthLine, names: dict[str, str]) -> list[Any]:
    charge = line.charge
    who = names.get(charge.person_id, charge.person_id)
    about = [charge.month, charge.job_id, line.job_name, who, line.flavour, charge.run_name, charge.restart, _time(view, charge.window_start)]
    amounts = [sheet.yuan(charge.fen_per_card_hour), sheet.yuan(charge.amount_fen), charge.transfer_key]
    return [*about, view.say(charge.kind.value), round(charge.card_ms / 1000, 2), charge.package_seconds, *amounts]


def _statement_row(view: View, line: StatementLine) -> list[Any]:
    cause = causes(view).get(line.cause_kind, line.cause_kind)
    about = [line.seq, _time(view, line.at), view.say(line.kind.value), cause, line.cause_id, line.memo]
    return [*about, sheet.yuan(line.amount_fen), sheet.yuan(line.balance_after), line.transfer_key]


def _time(view: View, moment: datetime) -> str:
    return moment.astimezone(view.zone).strftime("%Y-%m-%d %H:%M:%S")
