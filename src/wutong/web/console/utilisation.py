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


@pages.get("/console/utilisation")
def utilisation_page(tx: Tx, view: Annotated[View, needs(Permission.CENTRE_READ)], days: Annotated[int, Query(ge=1, le=366)] = 7) -> Response:
    """Show the course of the last days, and each node's hours of the last week."""
    now = clock.now()
    days = days if days in SPANS else 7
    slots = centre.utilisation(tx, now - timedelta(days=days), now, By.HOUR, Group.POOL, present=False)
    heat = centre.heat(tx, now - timedelta(days=HEAT_DAYS), now)
    paths = drawing.heat_paths([row.permille for row in heat.rows])
    values: dict[str, Any] = {
        "days": days,
        "spans": SPANS,
        "sums": sums(slots),
        "courses": readable(slots, view.zone),
        "heat": heat,
        "paths": paths,
        "until": now,
    }
    return view.page("console/utilisation.html", **values)
