"""Webhooks of the caller's organisation."""

from collections.abc import Sequence
from typing import Annotated

from wutong.api.auth import Asking, Router, Tx, needs
from wutong.desk.rules import NoticeKind
from wutong.desk.webhooks import service
from wutong.desk.webhooks.rules import Delivery, Webhook
from wutong.doorway.paging import Paging
from wutong.identity.rules import Permission, Principal
from wutong.kit.paging import Page
from wutong.sdk import webhooks as wire
from wutong.sdk.wire import Listed

router = Router(tag="help", prefix="/webhooks")

Manages = Annotated[Principal, needs(Permission.TENANT_MANAGE)]


@router.get("")
def list_webhooks(tx: Tx, who: Manages) -> Listed[wire.Webhook]:
    """List the organisation's webhooks, the first one first."""
    return Listed[wire.Webhook](items=[_webhook(each) for each in service.list_webhooks(tx, who)])


@router.post("", status_code=201)
async def add_webhook(asking: Asking, body: wire.NewWebhook) -> wire.WebhookMade:
    """Have an address told of what happens to the organisation. The answer holds the secret messages are signed with, once."""
    settings, kinds = asking.context.settings, _kinds(body.kinds)
    made, secret = await asking.ask(
        lambda tx, who: service.add_webhook(
            tx, who, body.url, tuple(NoticeKind) if kinds is None else kinds, key_file=settings.key_file, loopback=settings.webhook_loopback
        ),
        Permission.TENANT_MANAGE,
    )
    return wire.WebhookMade(webhook=_webhook(made), secret=secret)


@router.patch("/{webhook_id}")
def change_webhook(tx: Tx, who: Manages, webhook_id: str, body: wire.WebhookChange) -> wire.Webhook:
    """Change what a webhook is told of, or switch it off and on again."""
    return _webhook(service.change_webhook(tx, who, webhook_id, kinds=_kinds(body.kinds), enabled=body.enabled))


@router.delete("/{webhook_id}", status_code=204)
def remove_webhook(tx: Tx, who: Manages, webhook_id: str) -> None:
    """Tell an address no more, and forget its messages."""
    service.remove_webhook(tx, who, webhook_id)


@router.post("/{webhook_id}/secret")
async def renew_webhook_secret(asking: Asking, webhook_id: str) -> wire.WebhookSecret:
    """Sign with another secret from now on; the answer holds it, once."""
    key_file = asking.context.settings.key_file
    secret = await asking.ask(lambda tx, who: service.renew_secret(tx, who, webhook_id, key_file=key_file), Permission.TENANT_MANAGE)
    return wire.WebhookSecret(secret=secret)


@router.post("/{webhook_id}/test", status_code=202, response_model=wire.Delivery)
def test_webhook(tx: Tx, who: Manages, webhook_id: str) -> Delivery:
    """Send a webhook a message that says nothing, to see whether it arrives."""
    return service.test_webhook(tx, who, webhook_id)


@router.get("/{webhook_id}/deliveries", response_model=Listed[wire.Delivery])
def list_deliveries(tx: Tx, who: Manages, webhook_id: str, page: Paging) -> Page[Delivery]:
    """List the messages to a webhook of the last thirty days, newest first."""
    return service.list_deliveries(tx, who, webhook_id, page)


@router.post("/{webhook_id}/deliveries/{delivery_id}/retry", status_code=202, response_model=wire.Delivery)
def retry_delivery(tx: Tx, who: Manages, webhook_id: str, delivery_id: str) -> Delivery:
    """Try a message again that was given up."""
    return service.retry_delivery(tx, who, webhook_id, delivery_id)


def _webhook(webhook: Webhook) -> wire.Webhook:
    values = {name: getattr(webhook, name) for name in wire.Webhook.model_fields}
    return wire.Webhook.model_validate({**values, "kinds": sorted(webhook.kinds)})


def _kinds(named: Sequence[str] | None) -> frozenset[NoticeKind] | None:
    return None if named is None else frozenset(NoticeKind(kind) for kind in named)
