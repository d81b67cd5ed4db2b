"""Tables of storage: one row a tenant, byte-seconds by hour, and the journal of closed hours."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, Numeric, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from wutong.kit.database import Base


class StorageRow(Base):
    """What a tenant uses. Locked by whoever changes the tenant's blobs, which puts those changes in order. `accrued_at`: whole second up to which
    byte-seconds have been added to the windows.
    """

    __tablename__ = "hub_storage"
    __table_args__ = (
        CheckConstraint("used_bytes >= 0 AND reserved_bytes >= 0 AND quota_bytes >= 0", name="amounts"),
        Index("ix_hub_storage_accrued_at", "accrued_at"),
    )

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    quota_bytes: Mapped[int] = mapped_column(BigInteger)
    used_bytes: Mapped[int] = mapped_column(BigInteger)
    reserved_bytes: Mapped[int] = mapped_column(BigInteger)
    accrued_at: Mapped[datetime]


class WindowRow(Base):
    """Byte-seconds of an hour that is not yet in the journal."""

    __tablename__ = "hub_storage_window"
    __table_args__ = (Index("ix_hub_storage_window_window_start", "window_start"),)

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    window_start: Mapped[datetime] = mapped_column(primary_key=True)
    byte_seconds: Mapped[int] = mapped_column(Numeric(30, 0))


class StorageUsageRow(Base):
    """Journal: the byte-seconds of a closed hour. Appended under an advisory lock, never changed."""

    __tablename__ = "hub_storage_usage"
    __table_args__ = (UniqueConstraint("tenant_id", "window_start"), CheckConstraint("byte_seconds > 0", name="byte_seconds"))

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=True)
    tenant_id: Mapped[str]
    window_start: Mapped[datetime]
    byte_seconds: Mapped[int] = mapped_column(Numeric(30, 0))
    recorded_at: Mapped[datetime]
