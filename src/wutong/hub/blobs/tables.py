"""Tables of blobs: what is in the store, and which tenant may use it."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from wutong.kit.database import Base


class BlobRow(Base):
    """A blob in the store. `marked_at`: since when the collector has thought that nobody owns it."""

    __tablename__ = "hub_blob"
    __table_args__ = (
        CheckConstraint("size_bytes >= 0", name="size"),
        Index("ix_hub_blob_marked_at", "marked_at", postgresql_where=text("marked_at IS NOT NULL")),
    )

    sha256: Mapped[str] = mapped_column(primary_key=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    marked_at: Mapped[datetime | None]


class OwnerRow(Base):
    """A tenant that may put this blob into versions, and whose quota it counts against. Kept until `keep_until` though no version holds it."""

    __tablename__ = "hub_blob_owner"
    __table_args__ = (Index("ix_hub_blob_owner_sha256", "sha256"),)

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(ForeignKey("hub_blob.sha256"), primary_key=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    keep_until: Mapped[datetime]


class HoldRow(Base):
    """Something outside the hub that keeps a blob, in no organisation's quota; `holder` names it, as `attachment:<id>`."""

    __tablename__ = "hub_hold"
    __table_args__ = (Index("ix_hub_hold_sha256", "sha256"),)

    holder: Mapped[str] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(ForeignKey("hub_blob.sha256"))
    since: Mapped[datetime]
