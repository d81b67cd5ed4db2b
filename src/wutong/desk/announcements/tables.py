"""Tables of announcements."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from wutong.kit.database import Base


class AnnouncementRow(Base):
    """What is told, to whom, and when. Its words never change: what is to be said otherwise is withdrawn and announced anew."""

    __tablename__ = "desk_announcement"
    __table_args__ = (
        CheckConstraint("level IN ('info', 'warning', 'critical')", name="level"),
        CheckConstraint("audience IN ('everyone', 'signed_in', 'pool')", name="audience"),
        CheckConstraint("(audience = 'pool') = (pool IS NOT NULL)", name="pool"),
        CheckConstraint("ends_at > begins_at", name="times"),
        Index("ix_desk_announcement_ends_at", "ends_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    title_zh: Mapped[str]
    title_en: Mapped[str]
    text_zh: Mapped[str]
    text_en: Mapped[str]
    level: Mapped[str]
    audience: Mapped[str]
    pool: Mapped[str | None]
    dismissible: Mapped[bool]
    begins_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    by: Mapped[str]
    made_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]


class DismissalRow(Base):
    """Somebody has read an announcement and does not want to see it again."""

    __tablename__ = "desk_dismissal"

    announcement_id: Mapped[str] = mapped_column(ForeignKey("desk_announcement.id"), primary_key=True)
    person_id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
