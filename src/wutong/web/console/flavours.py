"""Flavours: which are offered. What was accepted before a flavour is taken back still runs."""

from typing import Annotated, Any

from fastapi import Response

from wutong.centre import service as centre
from wutong.compute.catalogue import service as catalogue
from wutong.doorway.asking import Tx, needs
from wutong.identity.rules import Permission
from wutong.kit.errors import Problem
from wutong.web.console.reading import Word
from wutong.web.view import Pages, View

pages = Pages()


@pages.get("/console/flavours")
def flavours_page(tx: Tx, view: Annotated[View, needs(Permission.CENTRE_READ)]) -> Response:
    """List all flavours with their price, offered or not."""
    return view.page("console/flavours.html", **_flavours(tx))


@pages.post("/console/flavours/{name}")
def set_enabled(tx: Tx, view: Annotated[View, needs(Permission.CENTRE_OPERATE)], name: str, enabled: Word = "") -> Response:
    """Offer a flavour or stop offering it."""
    offer = enabled == "yes"
    done = view.attempt(lambda: centre.set_flavour_enabled(tx, view.who, name, enabled=offer))
    if isinstance(done, Problem):
        return view.page("console/flavours.html", done.status, **_flavours(tx), problem=done)
    if offer:
        view.toast("Flavour {name} is offered now.", name=name)
    else:
        view.toast("Flavour {name} is not offered any more.", name=name)
    return view.go("/console/flavours")


def _flavours(tx: Tx) -> dict[str, Any]:
    flavours = centre.list_flavours(tx)
    prices = {price.flavour: price for price in catalogue.list_prices(tx, [flavour.name for flavour in flavours])}
    return {"flavours": flavours, "prices": prices}
