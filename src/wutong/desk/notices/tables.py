"""Tables of notices, of what people do not want, and of what was told once."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Identity, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from wutong.kit.database import Base


class NoticeRow(Base):
    """Something one person is told; `key` makes it once. `shown` tells whether it is in the portal, `mail_at` when its mail is due."""

    __tablename__ = "desk_notice"
    __table_args__ = (
        Index("uq_desk_notice_key", "person_id", "key", unique=True),
        Index("ix_desk_notice_person_id", "person_id", "id", postgresql_where=text("shown")),
        Index("ix_desk_notice_unread", "person_id", "id", postgresql_where=text("shown AND read_at IS NULL")),
        Index("ix_desk_notice_mail_at", "mail_at", postgresql_where=text("mail_at IS NOT NULL")),
        Index("ix_desk_notice_at", "at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    person_id: Mapped[str]
    tenant_id: Mapped[str | None]
    kind: Mapped[str]
    key: Mapped[str]
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    shown: Mapped[bool]
    at: Mapped[datetime]
    read_at: Mapped[datetime | None]
    mail_at: Mapped[datetime | None]


class PreferenceRow(Base):
    """What somebody chose for one kind on one channel, where it is not what everybody begins with."""

    __tablename__ = "desk_preference"

    person_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(primary_key=True)
    wanted: Mapped[bool]


class ToldRow(Base):
    """Something that everybody concerned was told of, by name."""

    __tablename__ = "desk_told"

    key: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
