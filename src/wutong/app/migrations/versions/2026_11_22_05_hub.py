"""Tables of the room hub."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261122_05_hub"
down_revision = "20261122_04_centre"
branch_labels = None
depends_on = None

# A version and its files are facts: a version row only gets the marks of its end, a file row goes only with a deleted version that nobody pins.
TRIGGERS = """
CREATE FUNCTION hub_version_is_fact() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'versions are never removed';
    END IF;
    IF (to_jsonb(NEW) - 'deleted_at' - 'purged_at') IS DISTINCT FROM (to_jsonb(OLD) - 'deleted_at' - 'purged_at')
        OR (OLD.deleted_at IS NOT NULL AND NEW.deleted_at IS DISTINCT FROM OLD.deleted_at) THEN
        RAISE EXCEPTION 'versions are never changed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER hub_version_is_fact BEFORE UPDATE OR DELETE ON hub_version FOR EACH ROW EXECUTE FUNCTION hub_version_is_fact();

CREATE FUNCTION hub_file_is_fact() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        RAISE EXCEPTION 'files of versions are never changed';
    END IF;
    IF EXISTS (SELECT 1 FROM hub_version WHERE id = OLD.version_id AND deleted_at IS NULL)
        OR EXISTS (SELECT 1 FROM hub_pin WHERE version_id = OLD.version_id) THEN
        RAISE EXCEPTION 'this version is in use';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER hub_file_is_fact BEFORE UPDATE OR DELETE ON hub_file FOR EACH ROW EXECUTE FUNCTION hub_file_is_fact();

CREATE FUNCTION hub_storage_usage_is_fact() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'metered storage is never changed';
END $$;
CREATE TRIGGER hub_storage_usage_is_fact BEFORE UPDATE OR DELETE ON hub_storage_usage FOR EACH ROW EXECUTE FUNCTION hub_storage_usage_is_fact();
"""


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "hub_blob",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("marked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("size_bytes >= 0", name="ck_hub_blob_size"),
        sa.PrimaryKeyConstraint("sha256", name="pk_hub_blob"),
    )
    op.create_index("ix_hub_blob_marked_at", "hub_blob", ["marked_at"], unique=False, postgresql_where=sa.text("marked_at IS NOT NULL"))
    op.create_table(
        "hub_repo",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("visibility", sa.String(), nullable=False),
        sa.Column("licence", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("last_number", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('dataset', 'model', 'code', 'output')", name="ck_hub_repo_kind"),
        sa.CheckConstraint("visibility IN ('private', 'public')", name="ck_hub_repo_visibility"),
        sa.PrimaryKeyConstraint("id", name="pk_hub_repo"),
    )
    op.create_index(
        "ix_hub_repo_public", "hub_repo", ["kind", "id"], unique=False, postgresql_where=sa.text("visibility = 'public' AND deleted_at IS NULL")
    )
    op.create_index("ix_hub_repo_tenant_id_id", "hub_repo", ["tenant_id", "id"], unique=False)
    op.create_index(
        "uq_hub_repo_tenant_id_kind_name", "hub_repo", ["tenant_id", "kind", "name"], unique=True, postgresql_where=sa.text("deleted_at IS NULL")
    )
    op.create_table(
        "hub_storage",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("quota_bytes", sa.BigInteger(), nullable=False),
        sa.Column("used_bytes", sa.BigInteger(), nullable=False),
        sa.Column("reserved_bytes", sa.BigInteger(), nullable=False),
        sa.Column("accrued_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("used_bytes >= 0 AND reserved_bytes >= 0 AND quota_bytes >= 0", name="ck_hub_storage_amounts"),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_hub_storage"),
    )
    op.create_index("ix_hub_storage_accrued_at", "hub_storage", ["accrued_at"], unique=False)
    op.create_table(
        "hub_storage_usage",
        sa.Column("seq", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("byte_seconds", sa.Numeric(precision=30, scale=0), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("byte_seconds > 0", name="ck_hub_storage_usage_byte_seconds"),
        sa.PrimaryKeyConstraint("seq", name="pk_hub_storage_usage"),
        sa.UniqueConstraint("tenant_id", "window_start", name="uq_hub_storage_usage_tenant_id_window_start"),
    )
    op.create_table(
        "hub_storage_window",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("byte_seconds", sa.Numeric(precision=30, scale=0), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "window_start", name="pk_hub_storage_window"),
    )
    op.create_index("ix_hub_storage_window_window_start", "hub_storage_window", ["window_start"], unique=False)
    op.create_table(
        "hub_upload",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('blob', 'archive')", name="ck_hub_upload_kind"),
        sa.CheckConstraint("state IN ('open', 'finished', 'failed', 'cancelled', 'expired')", name="ck_hub_upload_state"),
        sa.CheckConstraint("size_bytes >= 0", name="ck_hub_upload_size"),
        sa.PrimaryKeyConstraint("id", name="pk_hub_upload"),
    )
    op.create_index("ix_hub_upload_open", "hub_upload", ["expires_at"], unique=False, postgresql_where=sa.text("state = 'open'"))
    op.create_index("ix_hub_upload_tenant_id_open", "hub_upload", ["tenant_id", "id"], unique=False, postgresql_where=sa.text("state = 'open'"))
    op.create_table(
        "hub_blob_owner",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("keep_until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["sha256"], ["hub_blob.sha256"], name="fk_hub_blob_owner_sha256"),
        sa.PrimaryKeyConstraint("tenant_id", "sha256", name="pk_hub_blob_owner"),
    )
    op.create_index("ix_hub_blob_owner_sha256", "hub_blob_owner", ["sha256"], unique=False)
    op.create_table(
        "hub_version",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("repo_id", sa.String(), nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("file_count", sa.BigInteger(), nullable=False),
        sa.Column("lineage", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("purged_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("number > 0", name="ck_hub_version_number"),
        sa.ForeignKeyConstraint(["repo_id"], ["hub_repo.id"], name="fk_hub_version_repo_id"),
        sa.PrimaryKeyConstraint("id", name="pk_hub_version"),
        sa.UniqueConstraint("repo_id", "number", name="uq_hub_version_repo_id_number"),
    )
    op.create_index(
        "ix_hub_version_to_purge",
        "hub_version",
        ["deleted_at"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NOT NULL AND purged_at IS NULL"),
    )
    op.create_table(
        "hub_file",
        sa.Column("version_id", sa.String(), nullable=False),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id", "sha256"], ["hub_blob_owner.tenant_id", "hub_blob_owner.sha256"], name="fk_hub_file_tenant_id_sha256"),
        sa.ForeignKeyConstraint(["version_id"], ["hub_version.id"], name="fk_hub_file_version_id"),
        sa.PrimaryKeyConstraint("version_id", "path", name="pk_hub_file"),
    )
    op.create_index("ix_hub_file_sha256_tenant_id", "hub_file", ["sha256", "tenant_id"], unique=False)
    op.create_table(
        "hub_pin",
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("version_id", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["hub_version.id"], name="fk_hub_pin_version_id"),
        sa.PrimaryKeyConstraint("holder", "version_id", name="pk_hub_pin"),
    )
    op.create_index("ix_hub_pin_version_id", "hub_pin", ["version_id"], unique=False)
    op.execute(TRIGGERS)


def downgrade() -> None:
    """Undo."""
    op.drop_table("hub_pin")
    op.drop_table("hub_file")
    op.drop_table("hub_version")
    op.drop_table("hub_blob_owner")
    op.drop_table("hub_upload")
    op.drop_table("hub_storage_window")
    op.drop_table("hub_storage_usage")
    op.drop_table("hub_storage")
    op.drop_table("hub_repo")
    op.drop_table("hub_blob")
    for name in ("hub_version_is_fact", "hub_file_is_fact", "hub_storage_usage_is_fact"):
        op.execute(f"DROP FUNCTION {name}()")
