"""Maintenance: announcing when machines are kept free, taking that back, and whom it touches."""

from typing import Annotated, Any

from fastapi import Form, Response

from wutong.centre import service as centre
from wutong.compute.jobs import service as jobs
from wutong.doorway.asking import Tx, needs
from wutong.identity import service as identity
from wutong.identity.rules import Permission
from wutong.kit import clock
from wutong.kit.errors import Invalid, Problem
from wutong.web.console import reading
from wutong.web.console.reading import Line, Word
from wutong.web.view import Pages, View

pages = Pages()

Operates = Annotated[View, needs(Permission.CENTRE_OPERATE)]


@pages.get("/console/maintenance")
def maintenance_page(tx: Tx, view: Annotated[View, needs(Permission.CENTRE_READ)]) -> Response:
    """List what is announced, under way and over, with the organisations that have jobs there."""
    return view.page("console/maintenance.html", **_windows(tx, view))


@pages.post("/console/maintenance")
def announce(
    tx: Tx,
    view: Operates,
    pool: Word = "",
    begins_at: Word = "",
    ends_at: Word = "",
    reason: Line = "",
    nodes: Annotated[str, Form(max_length=5000)] = "",
) -> Response:
    """Announce that machines of a pool are to be kept free."""
    form = {"pool": pool, "begins_at": begins_at, "ends_at": ends_at, "reason": reason, "nodes": nodes}

    def work() -> object:
        begins = reading.moment(begins_at, view.zone, field="begins_at") or clock.now()
        ends = reading.moment(ends_at, view.zone, field="ends_at")
        if ends is None or not reason.strip():
            raise Invalid(field="ends_at" if ends is None else "reason", reason="Say when it ends, and what is done: people read it.")
        names = nodes.replace(",", " ").split()
        return centre.announce(tx, view.who, pool=pool, begins_at=begins, ends_at=ends, reason=reason.strip()[:500], nodes=names)

    done = view.attempt(work)
    if isinstance(done, Problem):
        return view.page("console/maintenance.html", done.status, **{**_windows(tx, view), "form": form}, problem=done)
    view.toast("The maintenance is announced.")
    return view.go("/console/maintenance")


@pages.post("/console/maintenance/{window_id}/cancel")
def cancel(tx: Tx, view: Operates, window_id: str) -> Response:
    """Take an announcement back, or end a maintenance early."""
    done = view.attempt(lambda: centre.cancel_window(tx, view.who, window_id))
    if isinstance(done, Problem):
        return view.page("console/maintenance.html", done.status, **_windows(tx, view), problem=done)
    view.toast("The maintenance is cancelled.")
    return view.go("/console/maintenance")


def _windows(tx: Tx, view: View) -> dict[str, Any]:
    windows = centre.list_all_maintenance(tx)
    now = clock.now()
    touched = jobs.count_open_by_tenant(tx, view.who, {window.pool for window in windows if window.is_wanted(now)})
    names = identity.tenant_names(tx, {tenant for counts in touched.values() for tenant in counts})
    return {"windows": windows, "now": now, "touched": touched, "tenants": names, "pools": centre.list_pools(tx), "form": {}}
