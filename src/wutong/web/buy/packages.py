"""Packages of card-hours: on sale, and what is left of those one has."""

from typing import Annotated

from fastapi import Form, Response

from wutong.compute.catalogue import service as catalogue
from wutong.compute.orders import service as orders
from wutong.doorway.asking import Tx, needs
from wutong.identity.rules import Permission
from wutong.kit.errors import Problem
from wutong.kit.ids import new_id
from wutong.ledger import service as ledger
from wutong.web.view import Pages, View

pages = Pages(prefix="/buy")

Text = Annotated[str, Form(max_length=200)]


@pages.get("/packages")
def packages_page(tx: Tx, view: Annotated[View, needs(Permission.MONEY_READ)]) -> Response:
    """Show the packages on sale and those the organisation has."""
    return _page(tx, view)


@pages.post("/packages")
def buy_package(tx: Tx, view: Annotated[View, needs(Permission.MONEY_SPEND)], offer: Text = "", key: Text = "") -> Response:
    """Buy a package; the key in the form sees to it that loading twice buys once."""
    done = view.attempt(lambda: orders.buy_package(tx, view.who, offer, key=key or None))
    if isinstance(done, Problem):
        return _page(tx, view, done)
    view.toast("{name} is bought and can be used at once.", name=done.name)
    return view.go(f"/buy/orders/{done.id}")


def _page(tx: Tx, view: View, problem: Problem | None = None) -> Response:
    offers, balance = catalogue.list_offers(tx), ledger.balance(tx, view.who.tenant_id or "")
    owned = [credit for credit in balance.credits if credit.unit.startswith("card_second:")]
    status = 200 if problem is None else problem.status
    return view.page("buy/packages.html", status, offers=offers, owned=owned, balance=balance, key=new_id("buy"), problem=problem)
