"""What the organisation ordered, and how it tops up: instructions for a bank transfer, a slip to print, the payments so far."""

from typing import Annotated

from fastapi import Query, Response

from wutong.compute.orders import service as orders
from wutong.doorway.asking import Tx, needs
from wutong.doorway.paging import Paging
from wutong.identity import service as identity
from wutong.identity.rules import Permission
from wutong.kit.errors import Problem
from wutong.kit.money import parse_yuan
from wutong.ledger import service as ledger
from wutong.web.view import Pages, View

pages = Pages(prefix="/buy")

Reads = Annotated[View, needs(Permission.MONEY_READ)]
Amount = Annotated[str, Query(max_length=40)]


@pages.get("/orders")
def orders_page(tx: Tx, view: Reads, page: Paging) -> Response:
    """List what was ordered, newest first."""
    found = orders.list_orders(tx, view.who, page)
    names = identity.person_names(tx, {order.person_id for order in found.items})
    return view.page("buy/orders.html", orders=found, names=names)


@pages.get("/orders/{order_id}")
def order_page(tx: Tx, view: Reads, order_id: str) -> Response:
    """Show one order."""
    return _order(tx, view, order_id)


@pages.post("/orders/{order_id}/cancel")
def cancel_order(tx: Tx, view: Annotated[View, needs(Permission.MONEY_SPEND)], order_id: str) -> Response:
    """Cancel a reservation before its first day."""
    done = view.attempt(lambda: orders.cancel_order(tx, view.who, order_id))
    if isinstance(done, Problem):
        return _order(tx, view, order_id, done)
    view.toast("Cancelled. The whole price is back on your balance.")
    return view.go(f"/buy/orders/{order_id}")


@pages.get("/top-up")
def top_up_page(tx: Tx, view: Reads, page: Paging) -> Response:
    """Tell how to top up, and what came in so far."""
    tenant_id = view.who.tenant_id or ""
    return view.page("buy/top_up.html", reference=tenant_id, balance=ledger.balance(tx, tenant_id), payments=orders.list_payments(tx, view.who, page))


@pages.get("/top-up/slip")
def slip_page(tx: Tx, view: Reads, amount: Amount = "") -> Response:
    """Show a slip to print for the bank."""
    tenant = identity.get_tenant(tx, view.who.tenant_id or "")
    read = view.attempt(lambda: parse_yuan(amount)) if amount.strip() else None
    if isinstance(read, Problem):
        found = orders.list_payments(tx, view.who)
        values = {"reference": tenant.id, "balance": ledger.balance(tx, tenant.id), "payments": found, "amount": amount}
        return view.page("buy/top_up.html", read.status, **values, problem=read)
    return view.page("buy/slip.html", tenant=tenant, amount_fen=read or None)


def _order(tx: Tx, view: View, order_id: str, problem: Problem | None = None) -> Response:
    order = orders.get_order(tx, view.who, order_id)
    names = identity.person_names(tx, {order.person_id})
    return view.page("buy/order.html", 200 if problem is None else problem.status, order=order, names=names, problem=problem)
