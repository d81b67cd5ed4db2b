"""What the reader is told of, and where: in the portal, by mail, by webhook."""

from typing import Annotated

from fastapi import Form, Response

from wutong.desk.notices import service
from wutong.desk.rules import Channel, NoticeKind
from wutong.doorway.asking import Tx, needs
from wutong.web.view import Pages, View

pages = Pages(prefix="/account")

Mine = Annotated[View, needs()]
Wanted = Annotated[list[str], Form(max_length=100)]


@pages.get("/notices")
def notices_page(tx: Tx, view: Mine) -> Response:
    """Show what one is told of."""
    return view.page("account/notices.html", chosen=service.preferences(tx, view.who))


@pages.post("/notices")
def choose_notices(tx: Tx, view: Mine, wanted: Wanted = []) -> Response:  # noqa: B006 - never changed
    """Keep which are wanted; those that are not named are switched off."""
    shown = service.preferences(tx, view.who)
    choice = {(kind, channel): f"{kind}.{channel}" in wanted for kind in NoticeKind for channel in Channel if channel in shown.get(kind, {})}
    service.set_preferences(tx, view.who, choice)
    view.toast("Saved. You will be notified as you chose.")
    return view.go("/account/notices")
