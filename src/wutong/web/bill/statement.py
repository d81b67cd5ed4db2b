"""The statement: every movement of money between the organisation and the centre, with its cause and the balance after it."""

from datetime import date, datetime, timedelta
from typing import Annotated

from fastapi import Query, Response

from wutong.compute.orders.rules import day_bounds, today
from wutong.doorway.asking import Tx, needs
from wutong.doorway.paging import Paging
from wutong.identity.rules import Permission
from wutong.kit import clock
from wutong.kit.errors import Invalid
from wutong.ledger import service as ledger
from wutong.ledger.rules import FEN, StatementLine
from wutong.web.view import Pages, View

pages = Pages(prefix="/bill")

Short = Annotated[str, Query(max_length=80)]
DEFAULT_DAYS = 30
PACKAGES = "card_second:"
# Where a movement's cause is looked at.
CAUSES = {
    "job": "/bill/jobs/{id}",
    "order": "/buy/orders/{id}",
    "top_up": "/buy/top-up",
    "refund": "/buy/top-up",
    "credit": "/buy/packages",
}


@pages.get("/statement")
def statement_page(
    tx: Tx, view: Annotated[View, needs(Permission.MONEY_READ)], page: Paging, since: Short = "", until: Short = "", unit: Short = FEN
) -> Response:
    """Show the movements of some days, the last month by default."""
    first, last = read_days(since, until, clock.now())
    tenant_id = view.who.tenant_id or ""
    unit = unit if unit.startswith(PACKAGES) else FEN
    units = sorted(({credit.unit for credit in ledger.balance(tx, tenant_id).credits} | {unit}) - {FEN})
    begins, ends = bounds(first, last)
    found = ledger.statement(tx, tenant_id, since=begins, until=ends, page=page, unit=unit)
    query = {"since": first.isoformat(), "until": last.isoformat(), "unit": unit if unit != FEN else ""}
    return view.page("bill/statement.html", lines=found, query=query, unit=unit, units=units, cause=cause_path, causes=causes(view))


def causes(view: View) -> dict[str, str]:
    """Return what the kinds of causes are called."""
    return {
        "job": view.say("job"),
        "order": view.say("order"),
        "top_up": view.say("top_up"),
        "refund": view.say("refund"),
        "credit": view.say("credit"),
    }


def cause_path(line: StatementLine) -> str:
    """Return the page of a movement's cause, or nothing."""
    return CAUSES.get(line.cause_kind, "").format(id=line.cause_id)


def read_days(since: str, until: str, now: datetime) -> tuple[date, date]:
    """Return the first and the last day that are asked for; raises `Invalid` for what is none."""
    last = _day("until", until) or today(now)
    first = _day("since", since) or last - timedelta(days=DEFAULT_DAYS)
    if first > last:
        raise Invalid(field="since", reason="The first day is not after the last.")
    return first, last


def bounds(first: date, last: date) -> tuple[datetime, datetime]:
    """Return when the first day begins and the last one ends."""
    return day_bounds(first)[0], day_bounds(last)[1]


def _day(field: str, text: str) -> date | None:
    if not text.strip():
        return None
    try:
        found = date.fromisoformat(text.strip())
    except ValueError:
        raise Invalid(field=field, reason="Write a day such as 2026-11-30.") from None
    if not 2000 <= found.year <= 2199:
        raise Invalid(field=field, reason="Write a day such as 2026-11-30.")
    return found
