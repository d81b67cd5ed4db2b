"""Table of uploads. How much has arrived is not here: it is the size of the file."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from wutong.kit.database import Base


class UploadRow(Base):
    """An upload and what became of it. `reserved_bytes` are set aside in the tenant's storage while it is open."""

    __tablename__ = "hub_upload"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'finished', 'failed', 'cancelled', 'expired')", name="state"),
        CheckConstraint("kind IN ('blob', 'archive')", name="kind"),
        CheckConstraint("size_bytes >= 0", name="size"),
        Index("ix_hub_upload_open", "expires_at", postgresql_where=text("state = 'open'")),
        Index("ix_hub_upload_tenant_id_open", "tenant_id", "id", postgresql_where=text("state = 'open'")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str]
    person_id: Mapped[str]
    kind: Mapped[str]
    filename: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str | None]
    state: Mapped[str]
    reason: Mapped[str]
    result: Mapped[list[Any] | None] = mapped_column(JSONB)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
