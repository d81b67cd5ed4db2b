"""Tables of tickets."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from wutong.kit.database import Base


class TicketRow(Base):
    """A thread. `last_message` is the id of its latest message, and what lists are ordered by."""

    __tablename__ = "desk_ticket"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'answered', 'waiting', 'closed', 'reopened')", name="state"),
        CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name="closed"),
        Index("ix_desk_ticket_tenant_id", "tenant_id", "last_message"),
        Index("ix_desk_ticket_last_message", "last_message"),
        Index("ix_desk_ticket_assignee_id", "assignee_id", "last_message"),
        Index("ix_desk_ticket_job_id", "job_id", postgresql_where=text("job_id IS NOT NULL")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str]
    person_id: Mapped[str]
    subject: Mapped[str]
    state: Mapped[str]
    job_id: Mapped[str | None]
    assignee_id: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    last_message: Mapped[int] = mapped_column(BigInteger)
    closed_at: Mapped[datetime | None]


class MessageRow(Base):
    """What somebody wrote. Never changed."""

    __tablename__ = "desk_message"
    __table_args__ = (Index("ix_desk_message_ticket_id", "ticket_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("desk_ticket.id"))
    person_id: Mapped[str]
    name: Mapped[str]
    staff: Mapped[bool]
    text: Mapped[str]
    at: Mapped[datetime]


class SeenRow(Base):
    """How far somebody has read a ticket."""

    __tablename__ = "desk_seen"

    ticket_id: Mapped[str] = mapped_column(ForeignKey("desk_ticket.id"), primary_key=True)
    person_id: Mapped[str] = mapped_column(primary_key=True)
    message_id: Mapped[int] = mapped_column(BigInteger)
