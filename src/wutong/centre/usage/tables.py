"""Tables of usage: the journal, and what could not go into it."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Identity, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from wutong.kit.database import Base


class UsageRow(Base):
    """A total of one window of one start of a run; a later row of the same window has a larger total. Never edited."""

    __tablename__ = "centre_usage"
    __table_args__ = (
        UniqueConstraint("run_name", "restart", "window_start", "seconds_ms", "final", name="uq_centre_usage_fact"),
        CheckConstraint("seconds_ms >= 0 AND cards >= 0 AND restart >= 0", name="counts"),
        CheckConstraint("card_seconds_ms = seconds_ms * cards", name="product"),
    )

    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    run_name: Mapped[str]
    restart: Mapped[int]
    window_start: Mapped[datetime]
    seconds_ms: Mapped[int] = mapped_column(BigInteger)
    cards: Mapped[int]
    card_seconds_ms: Mapped[int] = mapped_column(BigInteger)
    final: Mapped[bool]
    fault: Mapped[str] = mapped_column(server_default="")
    recorded_at: Mapped[datetime]


class RefusedUsageRow(Base):
    """A record that contradicts the journal or makes no sense, kept for people to look at. Each is kept once."""

    __tablename__ = "centre_usage_refused"

    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    engine: Mapped[str]
    run_name: Mapped[str]
    record: Mapped[str]
    reason: Mapped[str]
    refused_at: Mapped[datetime]


class ForeignUsageRow(Base):
    """Usage of a run we never requested, kept aside. Each record is kept once."""

    __tablename__ = "centre_usage_foreign"

    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    engine: Mapped[str]
    run_name: Mapped[str]
    record: Mapped[str]
    seen_at: Mapped[datetime]
