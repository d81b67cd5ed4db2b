"""Tables of repositories: repositories, versions, the files of versions, and pins."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from wutong.kit.database import Base


class RepoRow(Base):
    """A repository. A name is free again when its repository was deleted."""

    __tablename__ = "hub_repo"
    __table_args__ = (
        CheckConstraint("kind IN ('dataset', 'model', 'code', 'output')", name="kind"),
        CheckConstraint("visibility IN ('private', 'public')", name="visibility"),
        Index("uq_hub_repo_tenant_id_kind_name", "tenant_id", "kind", "name", unique=True, postgresql_where=text("deleted_at IS NULL")),
        Index("ix_hub_repo_tenant_id_id", "tenant_id", "id"),
        Index("ix_hub_repo_public", "kind", "id", postgresql_where=text("visibility = 'public' AND deleted_at IS NULL")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str]
    kind: Mapped[str]
    name: Mapped[str]
    visibility: Mapped[str]
    licence: Mapped[str]
    description: Mapped[str]
    last_number: Mapped[int]
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


class VersionRow(Base):
    """A version: never changed but for the marks of its end. `purged_at`: its files were let go."""

    __tablename__ = "hub_version"
    __table_args__ = (
        UniqueConstraint("repo_id", "number"),
        CheckConstraint("number > 0", name="number"),
        Index("ix_hub_version_to_purge", "deleted_at", postgresql_where=text("deleted_at IS NOT NULL AND purged_at IS NULL")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    repo_id: Mapped[str] = mapped_column(ForeignKey("hub_repo.id"))
    tenant_id: Mapped[str]
    number: Mapped[int]
    digest: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    file_count: Mapped[int] = mapped_column(BigInteger)
    lineage: Mapped[dict[str, Any]] = mapped_column(JSONB)
    note: Mapped[str]
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    purged_at: Mapped[datetime | None]


class FileRow(Base):
    """A file of a version. While it is here, the database itself refuses to let the blob or its owner go."""

    __tablename__ = "hub_file"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "sha256"], ["hub_blob_owner.tenant_id", "hub_blob_owner.sha256"]),
        Index("ix_hub_file_sha256_tenant_id", "sha256", "tenant_id"),
    )

    version_id: Mapped[str] = mapped_column(ForeignKey("hub_version.id"), primary_key=True)
    path: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    tenant_id: Mapped[str]
    sha256: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)


class PinRow(Base):
    """Somebody (`holder`, such as a job) needs a version's files though it may be deleted."""

    __tablename__ = "hub_pin"
    __table_args__ = (Index("ix_hub_pin_version_id", "version_id"),)

    holder: Mapped[str] = mapped_column(primary_key=True)
    version_id: Mapped[str] = mapped_column(ForeignKey("hub_version.id"), primary_key=True)
    created_at: Mapped[datetime]
