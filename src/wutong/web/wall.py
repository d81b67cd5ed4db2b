"""The wall screen for the hall: large figures without names of organisations, rendered again every few seconds, for days on end."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import Response

from wutong.centre import service as centre
from wutong.centre.rules import By, Group
from wutong.compute.jobs import service as jobs
from wutong.compute.orders.rules import day_bounds, today
from wutong.doorway.asking import Tx, needs
from wutong.identity import service as identity
from wutong.identity.rules import Permission
from wutong.kit import clock
from wutong.web import regions
from wutong.web.console.course import hours_together
from wutong.web.console.drawing import line_path
from wutong.web.view import Pages, View

pages = Pages()

Reads = Annotated[View, needs(Permission.CENTRE_READ)]
LATEST = 5
WIDTH, HEIGHT = 720, 120
HOURS = 24


@pages.get("/wall")
def wall_page(tx: Tx, view: Reads) -> Response:
    """Show the screen."""
    return view.page("wall/wall.html", **_state(tx, view))


@pages.get("/wall/part")
def wall_part(tx: Tx, view: Reads) -> Response:
    """Render what changes again."""
    return view.page("wall/part.html", **_state(tx, view))


def _state(tx: Tx, view: View) -> dict[str, Any]:
    now = clock.now()
    slots = centre.utilisation(tx, now - timedelta(hours=HOURS), now, By.HOUR, Group.POOL, present=False)
    hours = hours_together(slots, now, HOURS)
    ended = jobs.count_ended(tx, view.who, *day_bounds(today(now)))
    homes = identity.count_tenants_by_province(tx)
    known = [share for share in hours if share is not None]
    return {
        "now": now,
        "capacity": centre.capacity(tx),
        "line": line_path(hours, width=WIDTH, height=HEIGHT),
        "mean": sum(known) / len(known) if known else None,
        "tenants": identity.count_tenants(tx),
        "tiles": regions.tiles(homes),
        "elsewhere": regions.elsewhere(homes),
        "map_size": (regions.WIDE, regions.TALL),
        "states": jobs.count_all_states(tx, view.who),
        "ended": ended,
        "latest": jobs.list_last_ended(tx, view.who, limit=LATEST),
    }
