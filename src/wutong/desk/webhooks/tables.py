"""Tables of webhooks. Their secrets are sealed, because signing needs them whole."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from wutong.kit.database import Base


class WebhookRow(Base):
    """Where a tenant wants to be told, and of what."""

    __tablename__ = "desk_webhook"
    __table_args__ = (Index("ix_desk_webhook_tenant_id", "tenant_id", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str]
    url: Mapped[str]
    kinds: Mapped[list[str]] = mapped_column(JSONB)
    sealed_secret: Mapped[str]
    enabled: Mapped[bool]
    problem: Mapped[str]
    made_by: Mapped[str]
    made_at: Mapped[datetime]


class DeliveryRow(Base):
    """One message to a webhook, exactly as it is sent however often; `next_at` is when it is tried again."""

    __tablename__ = "desk_delivery"
    __table_args__ = (
        CheckConstraint("state IN ('due', 'delivered', 'failed')", name="state"),
        CheckConstraint("(state = 'due') = (next_at IS NOT NULL) AND (state = 'due') = (done_at IS NULL)", name="due"),
        Index("uq_desk_delivery_key", "webhook_id", "key", unique=True),
        Index("ix_desk_delivery_webhook_id", "webhook_id", "id"),
        Index("ix_desk_delivery_due", "webhook_id", "next_at", postgresql_where=text("state = 'due'")),
        Index("ix_desk_delivery_done_at", "done_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    webhook_id: Mapped[str] = mapped_column(ForeignKey("desk_webhook.id", ondelete="CASCADE"))
    key: Mapped[str]
    kind: Mapped[str]
    body: Mapped[str]
    state: Mapped[str]
    tries: Mapped[int]
    status: Mapped[int | None]
    problem: Mapped[str]
    made_at: Mapped[datetime]
    next_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
