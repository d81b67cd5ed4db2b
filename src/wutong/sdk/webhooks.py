"""Webhooks on the wire, and the calls for them."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from pydantic import Field

from wutong.sdk.notices import KindName
from wutong.sdk.wire import Listed, Received, Sent

if TYPE_CHECKING:
    from wutong.sdk.client import Client  # the server imports the wire types, and does without the HTTP client


class NewWebhook(Sent):
    """Where to send what happens to the organisation, and of which kinds; all when none are named."""

    url: str = Field(max_length=500)
    kinds: list[KindName] | None = Field(None, max_length=20)


class WebhookChange(Sent):
    """Other kinds, or off and on again; what is left out stays."""

    kinds: list[KindName] | None = Field(None, max_length=20)
    enabled: bool | None = None


class Webhook(Received):
    """An address that is told; `problem` says why it was switched off, if not by people."""

    id: str
    url: str
    kinds: list[KindName]
    enabled: bool
    problem: str
    made_by: str
    made_at: datetime


class WebhookMade(Received):
    """A new webhook, and the secret its messages are signed with, shown once."""

    webhook: Webhook
    secret: str


class WebhookSecret(Received):
    """The secret messages are signed with from now on, shown once."""

    secret: str


class Delivery(Received):
    """A message to a webhook, and how far it came; `status` is what the address answered last."""

    id: str
    kind: str
    state: Literal["due", "delivered", "failed"]
    tries: int
    status: int | None
    problem: str
    made_at: datetime
    next_at: datetime | None
    done_at: datetime | None


def list_webhooks(client: "Client") -> list[Webhook]:
    """Read the organisation's webhooks."""
    return client.get("/api/v1/webhooks", Listed[Webhook]).items


def add_webhook(client: "Client", url: str, kinds: Sequence[KindName] | None = None) -> WebhookMade:
    """Have an address told of what happens."""
    return client.post("/api/v1/webhooks", NewWebhook(url=url, kinds=None if kinds is None else list(kinds)), WebhookMade)


def change_webhook(client: "Client", webhook_id: str, change: WebhookChange) -> Webhook:
    """Change what a webhook is told of, or switch it off and on."""
    return client.patch(f"/api/v1/webhooks/{quote(webhook_id, safe='')}", change, Webhook)


def remove_webhook(client: "Client", webhook_id: str) -> None:
    """Tell an address no more."""
    client.delete(f"/api/v1/webhooks/{quote(webhook_id, safe='')}")


def renew_secret(client: "Client", webhook_id: str) -> str:
    """Sign with another secret from now on; returns it."""
    return client.post(f"/api/v1/webhooks/{quote(webhook_id, safe='')}/secret", None, WebhookSecret).secret


def test_webhook(client: "Client", webhook_id: str) -> Delivery:
    """Send a message that says nothing."""
    return client.post(f"/api/v1/webhooks/{quote(webhook_id, safe='')}/test", None, Delivery)


def list_deliveries(client: "Client", webhook_id: str, *, most: int | None = None) -> Iterator[Delivery]:
    """Go through the messages to a webhook, newest first."""
    return client.pages(f"/api/v1/webhooks/{quote(webhook_id, safe='')}/deliveries", Delivery, most=most)


def retry_delivery(client: "Client", webhook_id: str, delivery_id: str) -> Delivery:
    """Try a message again that was given up."""
    path = f"/api/v1/webhooks/{quote(webhook_id, safe='')}/deliveries/{quote(delivery_id, safe='')}/retry"
    return client.post(path, None, Delivery)
