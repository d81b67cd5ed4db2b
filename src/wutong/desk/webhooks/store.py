"""All SQL of webhooks."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from wutong.desk.rules import NoticeKind
from wutong.desk.webhooks.rules import Backlog, Delivery, DeliveryState, Webhook
from wutong.desk.webhooks.tables import DeliveryRow, WebhookRow
from wutong.kit.database import notify

CHANNEL = "desk_deliveries"


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message that is ours to send now."""

    id: str
    webhook_id: str
    url: str
    sealed_secret: str
    body: str
    tries: int


def add_webhook(session: Session, row: dict[str, Any]) -> None:
    """Insert a webhook."""
    session.execute(insert(WebhookRow).values(row))


def count_webhooks(session: Session, tenant_id: str) -> int:
    """Count a tenant's webhooks."""
    return session.scalar(select(func.count()).select_from(WebhookRow).where(WebhookRow.tenant_id == tenant_id)) or 0


def list_webhooks(session: Session, tenant_id: str) -> list[Webhook]:
    """Read a tenant's webhooks, first one first."""
    return [_webhook(row) for row in session.scalars(select(WebhookRow).where(WebhookRow.tenant_id == tenant_id).order_by(WebhookRow.id))]


def list_enabled(session: Session, tenant_ids: Collection[str]) -> list[Webhook]:
    """Read the webhooks of tenants that are on."""
    wanted = select(WebhookRow).where(WebhookRow.tenant_id.in_(tenant_ids), WebhookRow.enabled)
    return [_webhook(row) for row in session.scalars(wanted.order_by(WebhookRow.id))]


def find_webhook(session: Session, tenant_id: str, webhook_id: str) -> Webhook | None:
    """Read one of a tenant's webhooks."""
    query = select(WebhookRow).where(WebhookRow.tenant_id == tenant_id, WebhookRow.id == webhook_id)
    row = session.scalar(query.execution_options(populate_existing=True))
    return None if row is None else _webhook(row)


def change_webhook(session: Session, webhook_id: str, values: dict[str, Any]) -> None:
    """Change a webhook; what waited while it was off goes on."""
    session.execute(update(WebhookRow).where(WebhookRow.id == webhook_id).values(values))
    notify(session, CHANNEL)


def remove_webhook(session: Session, webhook_id: str) -> None:
    """Delete a webhook, with its messages."""
    session.execute(delete(WebhookRow).where(WebhookRow.id == webhook_id))


def add_delivery(session: Session, row: dict[str, Any]) -> bool:
    """Queue a message; False when it was queued before."""
    added = session.scalar(insert(DeliveryRow).values(row).on_conflict_do_nothing(index_elements=["webhook_id", "key"]).returning(DeliveryRow.id))
    notify(session, CHANNEL)
    return added is not None


def list_deliveries(session: Session, webhook_id: str, after: str | None, limit: int) -> list[Delivery]:
    """Read a webhook's messages, newest first."""
    query = select(DeliveryRow).where(DeliveryRow.webhook_id == webhook_id).order_by(DeliveryRow.id.desc()).limit(limit)
    return [_delivery(row) for row in session.scalars(query if after is None else query.where(DeliveryRow.id < after))]


def find_delivery(session: Session, webhook_id: str, delivery_id: str) -> Delivery | None:
    """Read one message of a webhook."""
    query = select(DeliveryRow).where(DeliveryRow.webhook_id == webhook_id, DeliveryRow.id == delivery_id)
    row = session.scalar(query.execution_options(populate_existing=True))
    return None if row is None else _delivery(row)


def set_due(session: Session, delivery_id: str, now: datetime) -> bool:
    """Have a message that failed tried again; False when it had not failed."""
    failed = (DeliveryRow.id == delivery_id, DeliveryRow.state == DeliveryState.FAILED)
    again = {"state": DeliveryState.DUE, "tries": 0, "next_at": now, "done_at": None}
    notify(session, CHANNEL)
    return session.scalar(update(DeliveryRow).where(*failed).values(again).returning(DeliveryRow.id)) is not None


def take(session: Session, now: datetime, hold_until: datetime, most: int) -> list[Parcel]:
    """Take the message of each webhook that is due longest, and hold it until a moment: nobody else sends it before."""
    due = (DeliveryRow.webhook_id == WebhookRow.id, DeliveryRow.state == DeliveryState.DUE, DeliveryRow.next_at <= now)
    first = select(DeliveryRow.id).where(*due).order_by(DeliveryRow.next_at).limit(1).correlate(WebhookRow).scalar_subquery()
    chosen = [
        found for found in session.scalars(select(first).select_from(WebhookRow).where(WebhookRow.enabled).limit(most * 10)) if found is not None
    ]
    still = select(DeliveryRow.id).where(DeliveryRow.id.in_(chosen[:most]), DeliveryRow.next_at <= now).with_for_update(skip_locked=True)
    mine = update(DeliveryRow).where(DeliveryRow.id.in_(still), DeliveryRow.webhook_id == WebhookRow.id)
    held = mine.values(tries=DeliveryRow.tries + 1, next_at=hold_until)
    columns = (DeliveryRow.id, DeliveryRow.webhook_id, WebhookRow.url, WebhookRow.sealed_secret, DeliveryRow.body, DeliveryRow.tries)
    return [Parcel(*row) for row in session.execute(held.returning(*columns).execution_options(synchronize_session=False))]


def backlog(session: Session, now: datetime) -> Backlog:
    """Count the messages that are still to be delivered to webhooks which are on: in all, since when, and those due long before `now`."""
    due = (DeliveryRow.state == DeliveryState.DUE, DeliveryRow.webhook_id == WebhookRow.id, WebhookRow.enabled)
    late = func.count().filter(DeliveryRow.next_at < now)
    counted = select(func.count(), func.count(DeliveryRow.webhook_id.distinct()), func.min(DeliveryRow.made_at), late).where(*due)
    return Backlog(*session.execute(counted).one())


def note(session: Session, delivery_id: str, values: dict[str, Any]) -> None:
    """Write down how a try went, unless the message is done with."""
    session.execute(update(DeliveryRow).where(DeliveryRow.id == delivery_id, DeliveryRow.state == DeliveryState.DUE).values(values))


def sweep(session: Session, before: datetime, most: int) -> int:
    """Delete messages that were done with long ago; returns how many."""
    old = select(DeliveryRow.id).where(DeliveryRow.done_at < before).limit(most).scalar_subquery()
    gone: Sequence[str] = session.scalars(delete(DeliveryRow).where(DeliveryRow.id.in_(old)).returning(DeliveryRow.id)).all()
    return len(gone)


def _webhook(row: WebhookRow) -> Webhook:
    kinds = frozenset(NoticeKind(kind) for kind in row.kinds)
    return Webhook(row.id, row.tenant_id, row.url, kinds, row.enabled, row.problem, row.made_by, row.made_at)


def _delivery(row: DeliveryRow) -> Delivery:
    values = {name: getattr(row, name) for name in Delivery.__dataclass_fields__}
    return Delivery(**{**values, "state": DeliveryState(row.state)})
