"""Announcements: what everybody is told, and what operators say."""

from datetime import UTC, datetime
from typing import Annotated

from anyio.to_thread import run_sync

from wutong.api.auth import Asking, Caller, Router, Tx, needs
from wutong.desk.announcements import service
from wutong.desk.announcements.rules import Announcement, Audience, Draft, Level
from wutong.doorway.paging import Paging
from wutong.identity.rules import Permission, Principal
from wutong.kit.paging import Page
from wutong.sdk import announcements as wire
from wutong.sdk.wire import Listed

router = Router(tag="help")


@router.get("/announcements")
async def list_announcements(asking: Asking) -> Listed[wire.Announcement]:
    """List what is announced now, the latest first; without a sign-in what visitors are told."""
    return await run_sync(_current, asking)


@router.post("/announcements/{announcement_id}/dismiss", status_code=204)
def dismiss_announcement(tx: Tx, who: Annotated[Principal, needs()], announcement_id: str) -> None:
    """Put an announcement away, so that it is not listed to the caller again."""
    service.dismiss(tx, who, announcement_id)


@router.get("/admin/announcements", response_model=Listed[wire.KeptAnnouncement])
def list_all_announcements(tx: Tx, who: Annotated[Principal, needs(Permission.CENTRE_READ)], page: Paging) -> Page[Announcement]:
    """List all announcements, the latest made first, also what is over or withdrawn."""
    return service.list_all(tx, who, page)


@router.post("/admin/announcements", status_code=201, response_model=wire.KeptAnnouncement)
def announce(tx: Tx, who: Annotated[Principal, needs(Permission.CENTRE_OPERATE)], body: wire.NewAnnouncement) -> Announcement:
    """Announce something in both languages: to everybody, to the signed-in, or to those who use a pool."""
    return service.announce(tx, who, _draft(body))


@router.put("/admin/announcements/{announcement_id}", response_model=wire.KeptAnnouncement)
def replace_announcement(
    tx: Tx, who: Annotated[Principal, needs(Permission.CENTRE_OPERATE)], announcement_id: str, body: wire.NewAnnouncement
) -> Announcement:
    """Announce something in place of an announcement, which is withdrawn. The new one has an id of its own."""
    return service.replace(tx, who, announcement_id, _draft(body))


@router.delete("/admin/announcements/{announcement_id}", status_code=204)
def withdraw_announcement(tx: Tx, who: Annotated[Principal, needs(Permission.CENTRE_OPERATE)], announcement_id: str) -> None:
    """Show an announcement to nobody any more."""
    service.withdraw(tx, who, announcement_id)


def _draft(body: wire.NewAnnouncement) -> Draft:
    given = body.model_dump(exclude={"begins_at", "ends_at", "level", "audience"})
    level, audience = Level(body.level), Audience(body.audience)
    return Draft(**given, level=level, audience=audience, begins_at=_aware(body.begins_at), ends_at=_aware(body.ends_at))


def _current(asking: Caller) -> Listed[wire.Announcement]:
    with asking.context.database.session() as tx:
        who = asking.principal(tx) if asking.secret else None
        return Listed[wire.Announcement](items=[wire.Announcement.model_validate(each) for each in service.list_current(tx, who)])


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
