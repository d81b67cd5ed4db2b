"""What doors may ask of webhooks, and how a message is put on its way."""

import base64
import json
import secrets
from collections.abc import Collection, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from wutong.desk.rules import NoticeKind
from wutong.desk.webhooks import store
from wutong.desk.webhooks.rules import MOST_WEBHOOKS, PING, SECRET_PREFIX, Backlog, Delivery, DeliveryState, TooManyWebhooks, Webhook, check_url
from wutong.identity import service as identity
from wutong.identity.rules import Permission, Principal, require_tenant
from wutong.kit import clock
from wutong.kit.database import advisory_lock
from wutong.kit.errors import Conflict, NotFound
from wutong.kit.ids import new_id
from wutong.kit.paging import Page, PageRequest, cut
from wutong.kit.seal import seal

LATE = timedelta(hours=1)


def list_webhooks(session: Session, who: Principal) -> list[Webhook]:
    """Return the webhooks of the caller's tenant, first one first."""
    return store.list_webhooks(session, require_tenant(who, Permission.TENANT_MANAGE))


def backlog(session: Session) -> Backlog:
    """Tell how many messages of all organisations are still to be delivered; late are those that were due longer ago than a try takes."""
    return store.backlog(session, clock.now() - LATE)


def get_webhook(session: Session, who: Principal, webhook_id: str) -> Webhook:
    """Return a webhook of the caller's tenant, or raise `NotFound`."""
    found = store.find_webhook(session, require_tenant(who, Permission.TENANT_MANAGE), webhook_id)
    if found is None:
        raise NotFound(kind="webhook", id=webhook_id)
    return found


def add_webhook(
    session: Session, who: Principal, url: str, kinds: Collection[NoticeKind] = tuple(NoticeKind), *, key_file: Path, loopback: bool = False
) -> tuple[Webhook, str]:
    """Tell an address of what happens to the caller's tenant; returns the secret its messages are signed with, once."""
    tenant_id = require_tenant(who, Permission.TENANT_MANAGE)
    url = check_url(url, loopback=loopback)
    advisory_lock(session, f"desk_webhook:{tenant_id}")
    if store.count_webhooks(session, tenant_id) >= MOST_WEBHOOKS:
        raise TooManyWebhooks(most=MOST_WEBHOOKS)
    secret, webhook_id = _new_secret(), new_id("hook")
    row = {"id": webhook_id, "tenant_id": tenant_id, "url": url, "kinds": sorted(kinds), "sealed_secret": seal(key_file, secret), "enabled": True}
    store.add_webhook(session, {**row, "problem": "", "made_by": who.person_id, "made_at": clock.now()})
    identity.audit(session, who, "webhook.add", kind="webhook", id=webhook_id, after={"url": url, "kinds": sorted(kinds)})
    return get_webhook(session, who, webhook_id), secret


def change_webhook(
    session: Session, who: Principal, webhook_id: str, *, kinds: Collection[NoticeKind] | None = None, enabled: bool | None = None
) -> Webhook:
    """Change what a webhook is told of, or switch it off and on; what is None stays. What was queued while it was off is sent then."""
    before = get_webhook(session, who, webhook_id)
    values: dict[str, Any] = {}
    if kinds is not None and frozenset(kinds) != before.kinds:
        values["kinds"] = sorted(kinds)
    if enabled is not None and enabled is not before.enabled:
        values |= {"enabled": enabled, "problem": ""}
    if not values:
        return before
    store.change_webhook(session, webhook_id, values)
    old = {"kinds": sorted(before.kinds), "enabled": before.enabled}
    identity.audit(session, who, "webhook.change", kind="webhook", id=webhook_id, before=old, after=values)
    return get_webhook(session, who, webhook_id)


def renew_secret(session: Session, who: Principal, webhook_id: str, *, key_file: Path) -> str:
    """Sign with another secret from now on; returns it, once."""
    webhook, secret = get_webhook(session, who, webhook_id), _new_secret()
    store.change_webhook(session, webhook.id, {"sealed_secret": seal(key_file, secret)})
    identity.audit(session, who, "webhook.renew", kind="webhook", id=webhook.id)
    return secret


def remove_webhook(session: Session, who: Principal, webhook_id: str) -> None:
    """Tell an address no more."""
    webhook = get_webhook(session, who, webhook_id)
    store.remove_webhook(session, webhook.id)
    identity.audit(session, who, "webhook.remove", kind="webhook", id=webhook.id, before={"url": webhook.url})


def test_webhook(session: Session, who: Principal, webhook_id: str) -> Delivery:
    """Send a webhook a message that says nothing, to see whether it arrives."""
    webhook = get_webhook(session, who, webhook_id)
    if not webhook.enabled:
        raise Conflict(reason="This webhook is switched off. Switch it on first.")
    delivery_id = _queue(session, webhook, PING, new_id("ping"), {"by": who.name})
    return _get_delivery(session, webhook, delivery_id)


def list_deliveries(session: Session, who: Principal, webhook_id: str, page: PageRequest | None = None) -> Page[Delivery]:
    """Page through the messages to a webhook, newest first."""
    page = page or PageRequest()
    return cut(store.list_deliveries(session, get_webhook(session, who, webhook_id).id, page.after, page.limit + 1), page)


def retry_delivery(session: Session, who: Principal, webhook_id: str, delivery_id: str) -> Delivery:
    """Try a message again that was given up."""
    webhook = get_webhook(session, who, webhook_id)
    delivery = _get_delivery(session, webhook, delivery_id)
    if not store.set_due(session, delivery.id, clock.now()):
        raise Conflict(reason="Only a message that was given up can be tried again.")
    identity.audit(session, who, "webhook.retry", kind="webhook", id=webhook.id, after={"delivery": delivery.id})
    return _get_delivery(session, webhook, delivery_id)


def webhooks_of(session: Session, tenant_ids: Collection[str]) -> dict[str, list[Webhook]]:
    """Return the webhooks of tenants that are on, by tenant."""
    found: dict[str, list[Webhook]] = {}
    for webhook in store.list_enabled(session, tenant_ids):
        found.setdefault(webhook.tenant_id, []).append(webhook)
    return found


def deliver(session: Session, webhooks: Collection[Webhook], kind: NoticeKind, key: str, facts: Mapping[str, Any]) -> None:
    """Put what happened to a tenant on its way to those of its webhooks that want to know; once for each key."""
    for webhook in webhooks:
        if kind in webhook.kinds:
            _queue(session, webhook, kind.value, key, facts)


def _queue(session: Session, webhook: Webhook, kind: str, key: str, facts: Mapping[str, Any]) -> str:
    now, delivery_id = clock.now(), new_id("whd")
    said = {"type": kind, "timestamp": now.isoformat(), "tenant_id": webhook.tenant_id, "data": dict(facts)}
    row = {"id": delivery_id, "webhook_id": webhook.id, "key": key, "kind": kind, "body": json.dumps(said, ensure_ascii=False)}
    store.add_delivery(session, {**row, "state": DeliveryState.DUE, "tries": 0, "problem": "", "made_at": now, "next_at": now})
    return delivery_id


def _get_delivery(session: Session, webhook: Webhook, delivery_id: str) -> Delivery:
    found = store.find_delivery(session, webhook.id, delivery_id)
    if found is None:
        raise NotFound(kind="delivery", id=delivery_id)
    return found


def _new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
