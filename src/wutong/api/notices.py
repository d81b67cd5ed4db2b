"""What the caller was told, and what of it they want."""

from typing import Annotated

from fastapi import Query
from sqlalchemy.orm import Session

from wutong.api.auth import Router, Tx, needs
from wutong.desk.notices import service
from wutong.desk.notices.rules import Notice, say
from wutong.desk.rules import Channel, NoticeKind
from wutong.doorway.paging import Paging
from wutong.identity import service as identity
from wutong.identity.rules import Person, Principal
from wutong.sdk import notices as wire
from wutong.sdk.wire import Listed

router = Router(tag="help", prefix="/me")

Me = Annotated[Principal, needs()]


@router.get("/notices")
def list_told(tx: Tx, who: Me, page: Paging, *, unread: Annotated[bool, Query(description="Only what was not read.")] = False) -> Listed[wire.Told]:
    """List what the caller was told, newest first, in the language and time zone of their choice."""
    found = service.list_notices(tx, who, page, unread_only=unread)
    person = identity.get_person(tx, who.person_id)
    return Listed[wire.Told](items=[_told(notice, person) for notice in found.items], next=found.next)


@router.get("/notices/unread", response_model=wire.Unread)
def count_unread(tx: Tx, who: Me) -> dict[str, int]:
    """Count what the caller has not read, up to a thousand."""
    return {"count": service.count_unread(tx, who)}


@router.post("/notices/read", response_model=wire.Unread)
def mark_read(tx: Tx, who: Me, body: wire.Read) -> dict[str, int]:
    """Mark notices as read, all when none are named; the answer says how many were not."""
    ids = None if body.ids is None else [number for number in body.ids if 0 <= number < 2**63]
    return {"count": service.mark_read(tx, who, ids)}


@router.get("/notice-choices")
def list_notice_choices(tx: Tx, who: Me) -> Listed[wire.Choice]:
    """List what the caller is told of, and where."""
    return _choices(tx, who)


@router.put("/notice-choices")
def set_notice_choices(tx: Tx, who: Me, body: wire.Choices) -> Listed[wire.Choice]:
    """Change what the caller is told of; what is not named stays."""
    service.set_preferences(tx, who, {(NoticeKind(each.kind), Channel(each.channel)): each.wanted for each in body.choices})
    return _choices(tx, who)


def _choices(tx: Session, who: Principal) -> Listed[wire.Choice]:
    chosen = service.preferences(tx, who)
    rows = [{"kind": kind, "channel": channel, "wanted": wanted} for kind, channels in chosen.items() for channel, wanted in channels.items()]
    return Listed[wire.Choice](items=[wire.Choice.model_validate(row) for row in rows])


def _told(notice: Notice, person: Person) -> wire.Told:
    said = say(notice.kind, notice.facts, person.language, person.zone)
    words = {"title": said.title, "text": said.text, "path": said.path}
    kept = {
        "id": notice.id,
        "kind": notice.kind,
        "tenant_id": notice.tenant_id,
        "facts": dict(notice.facts),
        "at": notice.at,
        "read_at": notice.read_at,
    }
    return wire.Told.model_validate({**kept, **words})
