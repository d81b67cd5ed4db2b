"""Tables of utilisation: sums by the hour, written by the tally alone."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from wutong.kit.database import Base


class UtilisationRow(Base):
    """Card time used in an hour by a tenant on a node ("" where the node is not known)."""

    __tablename__ = "centre_utilisation"
    __table_args__ = (
        CheckConstraint("card_ms >= 0", name="card_ms"),
        Index("ix_centre_utilisation_pool", "hour", "pool", postgresql_include=["card_ms"]),
    )

    hour: Mapped[datetime] = mapped_column(primary_key=True)
    pool: Mapped[str] = mapped_column(primary_key=True)
    node: Mapped[str] = mapped_column(primary_key=True)
    tenant: Mapped[str] = mapped_column(primary_key=True)
    card_ms: Mapped[int] = mapped_column(BigInteger)


class CapacityRow(Base):
    """Card time that a node had to give in an hour that is over."""

    __tablename__ = "centre_capacity"
    __table_args__ = (Index("ix_centre_capacity_pool", "hour", "pool", postgresql_include=["card_ms"]),)

    hour: Mapped[datetime] = mapped_column(primary_key=True)
    pool: Mapped[str] = mapped_column(primary_key=True)
    node: Mapped[str] = mapped_column(primary_key=True)
    card_ms: Mapped[int] = mapped_column(BigInteger)
