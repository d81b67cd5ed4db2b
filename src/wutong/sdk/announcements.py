"""Announcements on the wire, and the calls for them."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from pydantic import Field

from wutong.sdk.wire import Listed, Received, Sent

if TYPE_CHECKING:
    from wutong.sdk.client import Client  # the server imports the wire types, and does without the HTTP client

LevelName = Literal["info", "warning", "critical"]
AudienceName = Literal["everyone", "signed_in", "pool"]


class NewAnnouncement(Sent):
    """What to tell whom, in both languages; at once and until it is withdrawn, unless times are given. Times without a zone are UTC."""

    title_zh: str = Field(min_length=1, max_length=120)
    title_en: str = Field(min_length=1, max_length=120)
    text_zh: str = Field("", max_length=5000)
    text_en: str = Field("", max_length=5000)
    level: LevelName = "info"
    audience: AudienceName = "signed_in"
    pool: str | None = Field(None, max_length=100, description="The pool whose users are told, where the audience is one.")
    begins_at: datetime | None = None
    ends_at: datetime | None = None
    dismissible: bool = True


class Announcement(Received):
    """What the centre announces."""

    id: str
    title_zh: str
    title_en: str
    text_zh: str
    text_en: str
    level: LevelName
    audience: AudienceName
    pool: str | None
    dismissible: bool
    begins_at: datetime
    ends_at: datetime | None


class KeptAnnouncement(Announcement):
    """An announcement as the centre's people see it, also when it is over."""

    by: str
    made_at: datetime
    withdrawn_at: datetime | None


def list_announcements(client: "Client") -> list[Announcement]:
    """Read what is announced now, without what the caller has put away."""
    return client.get("/api/v1/announcements", Listed[Announcement]).items


def dismiss(client: "Client", announcement_id: str) -> None:
    """Put an announcement away."""
    client.send("POST", f"/api/v1/announcements/{quote(announcement_id, safe='')}/dismiss")


def list_all_announcements(client: "Client") -> Iterator[KeptAnnouncement]:
    """Go through all announcements, the latest made first (the centre's people)."""
    return client.pages("/api/v1/admin/announcements", KeptAnnouncement)


def announce(client: "Client", announcement: NewAnnouncement) -> KeptAnnouncement:
    """Announce something (operators)."""
    return client.post("/api/v1/admin/announcements", announcement, KeptAnnouncement)


def replace(client: "Client", announcement_id: str, announcement: NewAnnouncement) -> KeptAnnouncement:
    """Announce something in place of an announcement, which is withdrawn (operators)."""
    return client.put(f"/api/v1/admin/announcements/{quote(announcement_id, safe='')}", announcement, KeptAnnouncement)


def withdraw(client: "Client", announcement_id: str) -> None:
    """Show an announcement to nobody any more (operators)."""
    client.delete(f"/api/v1/admin/announcements/{quote(announcement_id, safe='')}")
