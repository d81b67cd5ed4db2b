"""What there is to buy by use: flavours with price, room and wait, and what a job on one would cost, worked out as one types."""

import math
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Query, Response

from wutong.centre import service as centre
from wutong.compute.billing import service as billing
from wutong.compute.catalogue import service as catalogue
from wutong.doorway.asking import Tx, needs
from wutong.identity.rules import Permission
from wutong.kit.errors import Invalid, Problem
from wutong.ledger import service as ledger
from wutong.web.view import Pages, View

pages = Pages(prefix="/buy")

Reads = Annotated[View, needs(Permission.MONEY_READ)]
Short = Annotated[str, Query(max_length=100)]
MOST_HOURS = 24 * 365


@dataclass(frozen=True, slots=True)
class Wanted:
    """What decides the cost of a job."""

    flavour: str
    nodes: int
    time_limit_s: int


@pages.get("")
def catalogue_page(tx: Tx, view: Reads, flavour: Short = "", nodes: Short = "1", hours: Short = "1") -> Response:
    """Show what can be had now, at what price, and let the reader try what a job would cost."""
    flavours = centre.list_flavours(tx, enabled_only=True)
    prices = {price.flavour: price for price in catalogue.list_prices(tx, [each.name for each in flavours])}
    form = {"flavour": flavour, "nodes": nodes, "hours": hours}
    return view.page(
        "buy/catalogue.html",
        flavours=[each for each in flavours if each.name in prices],
        prices=prices,
        room={pool.pool: pool for pool in centre.capacity(tx).pools},
        waits=centre.expected_waits(tx, flavours),
        balance=ledger.balance(tx, view.who.tenant_id or ""),
        form=form,
        estimate=None,
    )


@pages.get("/estimate")
def estimate_page(tx: Tx, view: Reads, flavour: Short = "", nodes: Short = "1", hours: Short = "1") -> Response:
    """Work out what a job would cost: a fragment while one types, a page of its own without scripts."""
    found = view.attempt(lambda: billing.estimate(tx, view.who, wanted(flavour, nodes, hours)))
    refused = isinstance(found, Problem)
    values: dict[str, Any] = {"estimate": None if refused else found, "problem": found if refused else None}
    if view.partial:
        return view.page("buy/estimate_part.html", **values)
    names = [each.name for each in centre.list_flavours(tx, enabled_only=True)]
    return view.page("buy/estimate.html", form={"flavour": flavour, "nodes": nodes, "hours": hours}, names=names, **values)


def wanted(flavour: str, nodes: str, hours: str) -> Wanted:
    """Read what was typed; raises `Invalid` with what to write instead."""
    if not flavour:
        raise Invalid(field="flavour", reason="Choose a flavour.")
    try:
        count, time = int(nodes), float(hours)
    except ValueError:
        raise Invalid(field="hours", reason="Write the nodes as a whole number, the hours as a number.") from None
    if not 1 <= count <= 10_000:
        raise Invalid(field="nodes", reason="Ask for 1 to 10000 nodes.")
    if not (math.isfinite(time) and 0 < time <= MOST_HOURS):
        raise Invalid(field="hours", reason="Ask for more than no time and for at most a year.")
    return Wanted(flavour, count, max(1, math.ceil(time * 3600)))
