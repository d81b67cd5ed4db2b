"""What one person is told of, on the wire, and the calls for it."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from wutong.sdk.wire import Listed, Received, Sent

if TYPE_CHECKING:
    from wutong.sdk.client import Client  # the server imports the wire types, and does without the HTTP client

KindName = Literal["job_ended", "balance", "budget", "maintenance", "ticket", "invitation"]
ChannelName = Literal["portal", "mail", "webhook"]


class Told(Received):
    """A notice to the caller: `title` and `text` in their language, `path` the page of the portal it leads to, `facts` for programs."""

    id: int
    kind: KindName
    tenant_id: str | None
    title: str
    text: str
    path: str
    facts: dict[str, Any]
    at: datetime
    read_at: datetime | None


class Unread(Received):
    """How many notices the caller has not read, up to a thousand."""

    count: int


class Read(Sent):
    """Which notices were read; all when none are named."""

    ids: list[int] | None = Field(None, max_length=1000)


class Choice(Received):
    """Whether the caller is told of a kind on a channel."""

    kind: KindName
    channel: ChannelName
    wanted: bool


class ChoiceChange(Sent):
    """Whether to be told of a kind on a channel."""

    kind: KindName
    channel: ChannelName
    wanted: bool


class Choices(Sent):
    """What is to change; the rest stays."""

    choices: list[ChoiceChange] = Field(max_length=100)


def list_told(client: "Client", *, unread: bool = False, most: int | None = None) -> Iterator[Told]:
    """Go through what the caller was told, newest first."""
    return client.pages("/api/v1/me/notices", Told, most=most, unread=unread or None)


def count_unread(client: "Client") -> int:
    """Read how many notices the caller has not read."""
    return client.get("/api/v1/me/notices/unread", Unread).count


def mark_read(client: "Client", ids: Sequence[int] | None = None) -> int:
    """Mark notices as read, all when none are named; returns how many were not."""
    return client.post("/api/v1/me/notices/read", Read(ids=None if ids is None else list(ids)), Unread).count


def list_choices(client: "Client") -> list[Choice]:
    """Read what the caller is told of, and where."""
    return client.get("/api/v1/me/notice-choices", Listed[Choice]).items


def choose(client: "Client", choices: Sequence[ChoiceChange]) -> list[Choice]:
    """Change what the caller is told of."""
    return client.put("/api/v1/me/notice-choices", Choices(choices=list(choices)), Listed[Choice]).items
