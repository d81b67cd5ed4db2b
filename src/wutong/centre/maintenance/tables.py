"""Tables of maintenance."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from wutong.kit.database import Base


class MaintenanceRow(Base):
    """A window. Its times are never changed: one that is to be at another time is cancelled and announced anew."""

    __tablename__ = "centre_maintenance"
    __table_args__ = (
        CheckConstraint("ends_at > begins_at", name="times"),
        Index("ix_centre_maintenance_ends_at", "ends_at"),
        Index("ix_centre_maintenance_pool", "pool"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    pool: Mapped[str] = mapped_column(ForeignKey("centre_pool.name"))
    nodes: Mapped[list[str]] = mapped_column(JSONB)
    begins_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    reason: Mapped[str]
    by: Mapped[str]
    announced_at: Mapped[datetime]
    cancelled_at: Mapped[datetime | None]
    kept_at: Mapped[datetime | None]
    problem: Mapped[str]
    drained: Mapped[bool]
