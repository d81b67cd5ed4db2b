"""Announcements: what the centre tells visitors, the signed-in, or the users of a pool; written in both languages, looked at before they go out."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Form, Query, Response
from pydantic import BaseModel, Field

from wutong.centre import service as centre
from wutong.desk.announcements import service
from wutong.desk.announcements.rules import Announcement, Audience, Draft, Level, check
from wutong.doorway.asking import Tx, needs
from wutong.doorway.paging import Paging
from wutong.identity.rules import Permission
from wutong.kit import clock
from wutong.kit.errors import Invalid, Problem
from wutong.kit.paging import PageRequest
from wutong.web.console import reading
from wutong.web.view import Pages, View

pages = Pages()

PAGE = "console/announcements.html"
Operates = Annotated[View, needs(Permission.CENTRE_OPERATE)]


class Written(BaseModel):
    """What was typed into the form; `instead_of` is the announcement that it is to replace."""

    title_zh: str = Field("", max_length=1000)
    title_en: str = Field("", max_length=1000)
    text_zh: str = Field("", max_length=20_000)
    text_en: str = Field("", max_length=20_000)
    level: str = Level.INFO.value
    audience: str = Audience.SIGNED_IN.value
    pool: str = Field("", max_length=200)
    begins_at: str = Field("", max_length=200)
    ends_at: str = Field("", max_length=200)
    stays: str = Field("", max_length=200)
    instead_of: str = Field("", max_length=200)

    def draft(self, view: View) -> Draft:
        """Return what it says; raises `Invalid`. A pool counts only where its users are told."""
        if self.level not in set(Level) or self.audience not in set(Audience):
            raise Invalid(field="level", reason="Choose one of the list.")
        audience = Audience(self.audience)
        return Draft(
            **{name: getattr(self, name).strip() for name in ("title_zh", "title_en", "text_zh", "text_en")},
            level=Level(self.level),
            audience=audience,
            pool=(self.pool or None) if audience is Audience.POOL else None,
            begins_at=reading.moment(self.begins_at, view.zone, field="begins_at"),
            ends_at=reading.moment(self.ends_at, view.zone, field="ends_at"),
            dismissible=not self.stays,
        )


@pages.get("/console/announcements")
def announcements_page(
    tx: Tx, view: Annotated[View, needs(Permission.CENTRE_READ)], page: Paging, edit: Annotated[str, Query(max_length=100)] = ""
) -> Response:
    """List what is, will be and was announced; with one to edit its words are in the form."""
    written = Written()
    if edit and view.may(Permission.CENTRE_OPERATE):
        written = _written(service.get_announcement(tx, view.who, edit), view)
    return view.page(PAGE, **_values(tx, view, page), form=written)


@pages.post("/console/announcements")
def announce(tx: Tx, view: Operates, written: Annotated[Written, Form()]) -> Response:
    """Announce something, in place of another where one is named."""

    def work() -> Announcement:
        draft = written.draft(view)
        return service.replace(tx, view.who, written.instead_of, draft) if written.instead_of else service.announce(tx, view.who, draft)

    done = view.attempt(work)
    if isinstance(done, Problem):
        return view.page(PAGE, done.status, **_values(tx, view), form=written, problem=done)
    view.toast("It is announced.")
    return view.go("/console/announcements")


@pages.post("/console/announcements/preview")
def preview(tx: Tx, view: Operates, written: Annotated[Written, Form()]) -> Response:
    """Show the form again, and what its readers would see."""

    def work() -> Draft:
        draft = written.draft(view)
        check(draft, clock.now())
        return draft

    done = view.attempt(work)
    refused = isinstance(done, Problem)
    values = {**_values(tx, view), "form": written, "problem": done if refused else None, "preview": None if refused else done}
    return view.page(PAGE, done.status if isinstance(done, Problem) else 200, **values)


@pages.post("/console/announcements/{announcement_id}/withdraw")
def withdraw(tx: Tx, view: Operates, announcement_id: str) -> Response:
    """Show an announcement to nobody any more."""
    done = view.attempt(lambda: service.withdraw(tx, view.who, announcement_id))
    if isinstance(done, Problem):
        return view.page(PAGE, done.status, **_values(tx, view), form=Written(), problem=done)
    view.toast("It is withdrawn.")
    return view.go("/console/announcements")


def _values(tx: Tx, view: View, page: PageRequest | None = None) -> dict[str, Any]:
    listed = service.list_all(tx, view.who, page)
    about = {"levels": list(Level), "audiences": list(Audience), "pools": centre.list_pools(tx)}
    return {**about, "listed": listed, "now": clock.now(), "preview": None}


def _written(found: Announcement, view: View) -> Written:
    words = {name: getattr(found, name) for name in ("title_zh", "title_en", "text_zh", "text_en")}
    times = {"begins_at": _local(found.begins_at, view), "ends_at": _local(found.ends_at, view)}
    stays = "" if found.dismissible else "on"
    return Written(**words, **times, level=found.level, audience=found.audience, pool=found.pool or "", stays=stays, instead_of=found.id)


def _local(at: datetime | None, view: View) -> str:
    return "" if at is None else f"{at.astimezone(view.zone):%Y-%m-%dT%H:%M}"
