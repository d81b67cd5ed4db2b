"""Reserving cards of a pool for whole days: a calendar of what is free, the price before one confirms."""

import calendar
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import Form, Query, Response

from wutong.compute.orders import service as orders
from wutong.compute.orders.rules import MOST_DAYS, ReservationTerms, days_between, today
from wutong.doorway.asking import Tx, needs
from wutong.identity.rules import Permission
from wutong.kit import clock
from wutong.kit.errors import Invalid, Problem
from wutong.kit.ids import new_id
from wutong.ledger import service as ledger
from wutong.web.view import Pages, View

pages = Pages(prefix="/buy")

Short = Annotated[str, Query(max_length=60)]
Text = Annotated[str, Form(max_length=200)]


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the calendar: how many cards are free, whether it can still be reserved, whether it is chosen, and where choosing it leads."""

    day: date
    inside: bool
    free: int
    open: bool
    chosen: bool
    path: str


@pages.get("/reservations")
def reservations_page(
    tx: Tx,
    view: Annotated[View, needs(Permission.MONEY_READ)],
    pool: Short = "",
    cards: Short = "1",
    first_day: Short = "",
    last_day: Short = "",
    month: Short = "",
) -> Response:
    """Show a month of a pool with what is free, and what the chosen days cost."""
    return _page(tx, view, {"pool": pool, "cards": cards, "first_day": first_day, "last_day": last_day, "month": month})


@pages.post("/reservations")
def reserve(
    tx: Tx,
    view: Annotated[View, needs(Permission.MONEY_SPEND)],
    pool: Text = "",
    cards: Text = "",
    first_day: Text = "",
    last_day: Text = "",
    key: Text = "",
) -> Response:
    """Reserve, and pay for it."""
    form = {"pool": pool, "cards": cards, "first_day": first_day, "last_day": last_day, "month": ""}

    def work() -> Any:
        days = {"first_day": _day("first_day", first_day), "last_day": _day("last_day", last_day)}
        return orders.reserve(tx, view.who, pool=pool, cards=_cards(cards), **days, key=key or None)

    done = view.attempt(work)
    if isinstance(done, Problem):
        return _page(tx, view, form, done)
    view.toast("Reserved: {name}, {first} to {last}.", name=done.name, first=done.first_day, last=done.last_day)
    return view.go(f"/buy/orders/{done.id}")


def _page(tx: Tx, view: View, form: dict[str, str], problem: Problem | None = None) -> Response:
    terms = {each.pool: each for each in orders.list_reservation_terms(tx)}
    if form["pool"] not in terms and terms:
        form["pool"] = next(iter(terms))
    chosen = terms.get(form["pool"])
    free = ledger.available(tx, view.who.tenant_id or "")
    values: dict[str, Any] = {"terms": terms, "chosen": chosen, "form": form, "key": new_id("buy"), "cash_fen": free, "weeks": [], "quote": None}
    if chosen is not None:
        values |= _calendar(tx, form)
        quote = view.attempt(lambda: _quote(chosen, form))
        problem = problem or (quote if isinstance(quote, Problem) else None)
        values["quote"] = None if isinstance(quote, Problem) else quote
    return view.page("buy/reservations.html", 200 if problem is None else problem.status, **values, problem=problem)


def _calendar(tx: Tx, form: dict[str, str]) -> dict[str, Any]:
    """Return the weeks of the month that is looked at, and the months beside it."""
    now = today(clock.now())
    first, last = _chosen(form)
    shown = _month(form["month"]) or (first or now + timedelta(days=1)).replace(day=1)
    shown = min(max(shown, now.replace(day=1)), (now + timedelta(days=MOST_DAYS)).replace(day=1))
    weeks = calendar.Calendar().monthdatescalendar(shown.year, shown.month)
    free = orders.free_cards(tx, form["pool"], weeks[0][0], weeks[-1][-1])

    def cell(day: date) -> Day:
        is_chosen = first is not None and first <= day <= (last or first)
        return Day(day, day.month == shown.month, free[day], day > now, is_chosen, _choosing(form, day, first, last))

    before, after = (shown - timedelta(days=1)).replace(day=1), (shown + timedelta(days=31)).replace(day=1)
    months = {"before": f"{before:%Y-%m}" if before >= now.replace(day=1) else "", "after": f"{after:%Y-%m}"}
    return {"weeks": [[cell(day) for day in week] for week in weeks], "shown": shown, **months}


def _choosing(form: dict[str, str], day: date, first: date | None, last: date | None) -> str:
    """Return where choosing a day leads: it begins a stay, or ends the one that was begun."""
    ends = first is not None and last is None and day >= first
    days = {"first_day": first if ends else day, "last_day": day if ends else ""}
    return View.url("/buy/reservations", pool=form["pool"], cards=form["cards"], **days, month=f"{day:%Y-%m}")


def _quote(terms: ReservationTerms, form: dict[str, str]) -> dict[str, Any] | None:
    """Return what the chosen days cost; None while none are chosen."""
    if not form["first_day"]:
        return None
    cards, first = _cards(form["cards"]), _day("first_day", form["first_day"])
    last = _day("last_day", form["last_day"]) if form["last_day"] else first
    if not 0 <= (last - first).days < MOST_DAYS:
        raise Invalid(field="last_day", reason="The last day is not before the first, and at most a year after it.")
    days = len(days_between(first, last))
    return {"cards": cards, "first": first, "last": last, "days": days, "amount_fen": cards * days * terms.fen_per_card_day}


def _chosen(form: dict[str, str]) -> tuple[date | None, date | None]:
    return _date(form["first_day"]), _date(form["last_day"])


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _month(text: str) -> date | None:
    return _date(f"{text}-01")


def _day(field: str, text: str) -> date:
    found = _date(text)
    if found is None:
        raise Invalid(field=field, reason="Choose a day such as 2026-12-01.")
    return found


def _cards(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= len(text) <= 6):
        raise Invalid(field="cards", reason="Reserve at least 1 card.")
    return int(text)
