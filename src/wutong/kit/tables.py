"""Tables of the kit: cursors of journal readers, leases of loops, mails on their way."""

from datetime import datetime

from sqlalchemy import BigInteger, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from wutong.kit.database import Base


class CursorRow(Base):
    """How far a reader has read a journal."""

    __tablename__ = "kit_cursor"

    name: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)
    text: Mapped[str]
    moved_at: Mapped[datetime]


class LeaseRow(Base):
    """Who runs a loop, and until when nobody else may."""

    __tablename__ = "kit_lease"

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    expires_at: Mapped[datetime]


class MailRow(Base):
    """A mail on its way. What it says is sealed, and wiped when it was sent or given up."""

    __tablename__ = "kit_mail"
    __table_args__ = (
        Index("uq_kit_mail_key", "key", unique=True),
        Index("ix_kit_mail_due", "next_at", postgresql_where=text("sent_at IS NULL AND given_up_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    key: Mapped[str]
    to_address: Mapped[str]
    sealed: Mapped[str | None]
    message_id: Mapped[str]
    made_at: Mapped[datetime]
    next_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    tries: Mapped[int]
    sent_at: Mapped[datetime | None]
    given_up_at: Mapped[datetime | None]
    problem: Mapped[str]
