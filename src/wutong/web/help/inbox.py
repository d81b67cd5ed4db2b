"""What the reader was told, how much of it is new, and what the centre announces to everybody."""

from typing import Annotated

from fastapi import Form, Path, Query, Response

from wutong.desk.announcements import service as announcements
from wutong.desk.notices import service
from wutong.desk.notices.rules import say
from wutong.doorway.asking import Tx, needs
from wutong.doorway.paging import Paging
from wutong.web.view import Anyone, Pages, View

pages = Pages()

Mine = Annotated[View, needs()]


@pages.get("/inbox")
def inbox_page(tx: Tx, view: Mine, page: Paging, unread: Annotated[str, Query(max_length=10)] = "") -> Response:
    """List what one was told, newest first."""
    found = service.list_notices(tx, view.who, page, unread_only=bool(unread))
    told = [(notice, say(notice.kind, notice.facts, view.words.language, view.zone.key)) for notice in found.items]
    return view.page("help/inbox.html", told=told, page=found, unread=unread, announced=announcements.list_current(tx, view.who))


@pages.get("/inbox/badge")
def badge(tx: Tx, view: Mine) -> Response:
    """Render how much is new."""
    return view.page("help/badge.html", unread=service.count_unread(tx, view.who))


@pages.post("/inbox/read")
def mark_read(tx: Tx, view: Mine, ids: Annotated[list[int], Form(max_length=500)] = []) -> Response:  # noqa: B006 - never changed
    """Mark notices as read, all when none are named."""
    service.mark_read(tx, view.who, ids or None)
    return view.go("/inbox")


@pages.post("/inbox/{notice_id}/open")
def open_notice(tx: Tx, view: Mine, notice_id: Annotated[int, Path(ge=0, lt=2**63)]) -> Response:
    """Mark one as read and go where it leads."""
    notice = service.get_notice(tx, view.who, notice_id)
    service.mark_read(tx, view.who, [notice.id])
    return view.go(say(notice.kind, notice.facts, view.words.language, view.zone.key).path)


@pages.get("/announcements/now")
def announced(tx: Tx, view: Annotated[View, Anyone]) -> Response:
    """Render what is announced to the reader now."""
    return view.page("help/announced.html", announced=announcements.list_current(tx, view.reader))


@pages.post("/announcements/{announcement_id}/dismiss")
def dismiss(tx: Tx, view: Mine, announcement_id: str) -> Response:
    """Put an announcement away."""
    announcements.dismiss(tx, view.who, announcement_id)
    if view.partial:
        return view.page("help/announced.html", announced=announcements.list_current(tx, view.who))
    return view.go("/inbox")
