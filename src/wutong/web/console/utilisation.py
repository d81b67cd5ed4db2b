"""Utilisation: how much of the machines was in use, by pool over time and by node and hour."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import Query, Response

from wutong.centre import service as centre
from wutong.centre.rules import By, Group
from wutong.doorway.asking import Tx, needs
from wutong.identity.rules import Permission
from wutong.kit import clock
from wutong.web.console import drawing
from wutong.web.console.course import readable, sums
from wutong.web.view import Pages, View

pages = Pages()

HEAT_DAYS = 7
SPANS = (1, 7, 30)


Reads = Annotated[View, needs(Permission.CENTRE_READ)]


@pages.get("/console/utilisation")
def utilisation_page(tx: Tx, view: Reads, days: Annotated[int, Query(ge=1, le=366)] = 7) -> Response:
    """Show the course of the last days; each node's hours come after it."""
    now = clock.now()
    days = days if days in SPANS else 7
    slots = centre.utilisation(tx, now - timedelta(days=days), now, By.HOUR, Group.POOL, present=False)
    values: dict[str, Any] = {"days": days, "spans": SPANS, "sums": sums(slots), "courses": readable(slots, view.zone)}
    return view.page("console/utilisation.html", **values)


@pages.get("/console/utilisation/heat")
def heat_part(tx: Tx, view: Reads) -> Response:
    """Show each node's hours of the last week."""
    now = clock.now()
    heat = centre.heat(tx, now - timedelta(days=HEAT_DAYS), now)
    return view.page("console/heat.html", heat=heat, paths=drawing.heat_paths([row.permille for row in heat.rows]), until=now)
