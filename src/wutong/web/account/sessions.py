"""Where the reader is signed in."""

from typing import Annotated

from fastapi import Response

from wutong.doorway.asking import Tx, needs
from wutong.doorway.paging import Paging
from wutong.identity import service
from wutong.kit.errors import Problem
from wutong.kit.paging import PageRequest
from wutong.web.view import Pages, View

pages = Pages(prefix="/account")

Mine = Annotated[View, needs()]


@pages.get("/sessions")
def sessions_page(tx: Tx, view: Mine, page: Paging) -> Response:
    """List open sessions with device, address and last use."""
    return _page(tx, view, page)


@pages.post("/sessions/close-others")
def close_others(tx: Tx, view: Mine) -> Response:
    """Close every session but this one."""
    closed = service.close_other_sessions(tx, view.who)
    view.toast("{n} other sessions are signed out.", n=closed)
    return view.go("/account/sessions")


@pages.post("/sessions/{session_id}/close")
def close_session(tx: Tx, view: Mine, session_id: str) -> Response:
    """Close one session."""
    done = view.attempt(lambda: service.close_session(tx, view.who, session_id))
    if isinstance(done, Problem):
        return _page(tx, view, PageRequest(), done)
    view.toast("The session is signed out.")
    return view.go("/account/sessions")


def _page(tx: Tx, view: View, page: PageRequest, problem: Problem | None = None) -> Response:
    found = service.list_sessions(tx, view.who, page)
    return view.page("account/sessions.html", 200 if problem is None else problem.status, sessions=found, problem=problem)
