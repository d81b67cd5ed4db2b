"""Budgets: monthly limits of the organisation and of persons, how far they are used, and the warnings about money so far."""

from typing import Annotated

from fastapi import Form, Response

from wutong.compute.billing import service as billing
from wutong.compute.budgets import service as budgets
from wutong.compute.budgets.rules import month_of
from wutong.doorway.asking import Tx, needs
from wutong.doorway.paging import Paging
from wutong.identity import service as identity
from wutong.identity.rules import Permission
from wutong.kit import clock
from wutong.kit.errors import Problem
from wutong.kit.money import parse_yuan
from wutong.kit.paging import MAX_LIMIT, PageRequest
from wutong.web.view import Pages, View

pages = Pages(prefix="/bill")

Reads = Annotated[View, needs(Permission.MONEY_READ)]
Manages = Annotated[View, needs(Permission.BUDGET_MANAGE)]
Text = Annotated[str, Form(max_length=100)]


@pages.get("/budgets")
def budgets_page(tx: Tx, view: Reads) -> Response:
    """Show limits and what is spent of them."""
    return _page(tx, view, {"person_id": "", "limit": ""})


@pages.post("/budgets")
def set_budget(tx: Tx, view: Manages, limit: Text = "", person_id: Text = "") -> Response:
    """Set a limit of the organisation or of one person."""
    done = view.attempt(lambda: billing.set_budget(tx, view.who, person_id=person_id or None, limit_fen=parse_yuan(limit, field=view.say("Limit"))))
    if isinstance(done, Problem):
        return _page(tx, view, {"person_id": person_id, "limit": limit}, done)
    view.toast("The budget is set.")
    return view.go("/bill/budgets")


@pages.post("/budgets/remove")
def remove_budget(tx: Tx, view: Manages, person_id: Text = "") -> Response:
    """Remove a limit."""
    done = view.attempt(lambda: billing.remove_budget(tx, view.who, person_id=person_id or None))
    if isinstance(done, Problem):
        return _page(tx, view, {"person_id": "", "limit": ""}, done)
    view.toast("The budget is removed.")
    return view.go("/bill/budgets")


@pages.get("/warnings")
def warnings_page(tx: Tx, view: Reads, page: Paging) -> Response:
    """Show the warnings about money, newest first."""
    return view.page("bill/warnings.html", notices=billing.list_notices(tx, view.who, page))


def _page(tx: Tx, view: View, form: dict[str, str], problem: Problem | None = None) -> Response:
    month = month_of(clock.now())
    found = budgets.list_budgets(tx, view.who)
    spends = [spend for spend in budgets.list_spend(tx, view.who, month) if spend.person_id]
    members = identity.list_members(tx, view.who, PageRequest(MAX_LIMIT)).items
    ids = {each.person_id for each in found if each.person_id} | {each.person_id for each in spends if each.person_id}
    values = {"budgets": found, "spends": spends, "members": members, "names": identity.person_names(tx, ids), "month": month}
    return view.page("bill/budgets.html", 200 if problem is None else problem.status, **values, form=form, problem=problem)
