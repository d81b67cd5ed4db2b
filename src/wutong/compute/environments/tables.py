"""The table of software environments."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from wutong.kit.database import Base


class EnvironmentRow(Base):
    """A version of a named environment: the newest of a name is what jobs get. `tenant_id` is empty for the centre's own."""

    __tablename__ = "compute_environment"
    __table_args__ = (
        Index("uq_compute_environment_name", "tenant_id", "name", "digest", unique=True),
        Index("ix_compute_environment_due", "next_at", postgresql_where=text("state IN ('registered', 'building')")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str]
    name: Mapped[str]
    digest: Mapped[str]
    python: Mapped[str]
    lock: Mapped[str]
    description: Mapped[str]
    state: Mapped[str]
    path: Mapped[str]
    log_tail: Mapped[str]
    tries: Mapped[int]
    next_at: Mapped[datetime]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    registered_at: Mapped[datetime]
    built_at: Mapped[datetime | None]
