"""The centre this moment: cards in use, what runs and waits, what is not well, what is announced."""

from typing import Annotated, Any

from fastapi import Response

from wutong.centre import service as centre
from wutong.compute.billing import service as billing
from wutong.compute.jobs import service as jobs
from wutong.doorway.asking import Tx, needs
from wutong.identity.rules import Permission
from wutong.web.view import Pages, View

pages = Pages()

Reads = Annotated[View, needs(Permission.CENTRE_READ)]


@pages.get("/console")
def console_page(tx: Tx, view: Reads) -> Response:
    """Show how the centre is now."""
    return view.page("console/now.html", **_state(tx, view))


@pages.get("/console/now")
def console_now(tx: Tx, view: Reads) -> Response:
    """Render what changes again."""
    return view.page("console/now_part.html", **_state(tx, view))


def _state(tx: Tx, view: View) -> dict[str, Any]:
    checks = view.context.health()
    return {
        "capacity": centre.capacity(tx),
        "states": jobs.count_all_states(tx, view.who),
        "waiting": centre.waiting_by_pool(tx),
        "checks": checks,
        "ill": [check for check in checks if not check.ok],
        "alarm": centre.comparison_alarm(tx),
        "aside": centre.check_meter(tx),
        "unrated": sum(billing.count_unrated(tx).values()),
        "windows": centre.list_maintenance(tx)[:3],
    }
