"""Tables of the room identity."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261122_02_identity"
down_revision = "20261122_01_kit"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "identity_audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=True),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("person_name", sa.String(), nullable=False),
        sa.Column("via", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("object_id", sa.String(), nullable=False),
        sa.Column("before", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("after", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_identity_audit"),
    )
    op.create_index("ix_identity_audit_kind", "identity_audit", ["kind", "object_id", "id"])
    op.create_index("ix_identity_audit_person_id", "identity_audit", ["person_id", "id"])
    op.create_index("ix_identity_audit_tenant_id", "identity_audit", ["tenant_id", "id"])
    op.create_table(
        "identity_person",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_identity_person_email_lower")),
        sa.PrimaryKeyConstraint("id", name="pk_identity_person"),
    )
    op.create_index("uq_identity_person_email", "identity_person", ["email"], unique=True)
    op.create_table(
        "identity_sign_in",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_identity_sign_in"),
    )
    op.create_index("ix_identity_sign_in_address", "identity_sign_in", ["address", "at"])
    op.create_index("ix_identity_sign_in_at", "identity_sign_in", ["at"])
    op.create_index("ix_identity_sign_in_email", "identity_sign_in", ["email", "at"])
    op.create_table(
        "identity_tenant",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("credit_code", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("state_reason", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(credit_code) = 18", name=op.f("ck_identity_tenant_credit_code")),
        sa.CheckConstraint("state IN ('active', 'suspended')", name=op.f("ck_identity_tenant_state")),
        sa.PrimaryKeyConstraint("id", name="pk_identity_tenant"),
    )
    op.create_index("uq_identity_tenant_credit_code", "identity_tenant", ["credit_code"], unique=True)
    op.create_table(
        "identity_centre_role",
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("granted_by", sa.String(), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("role IN ('operator', 'finance', 'subsidy', 'auditor')", name=op.f("ck_identity_centre_role_role")),
        sa.ForeignKeyConstraint(["person_id"], ["identity_person.id"], name="fk_identity_centre_role_person_id"),
        sa.PrimaryKeyConstraint("person_id", "role", name="pk_identity_centre_role"),
    )
    op.create_table(
        "identity_invitation",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("secret_hash", sa.String(), nullable=False),
        sa.Column("invited_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["identity_tenant.id"], name="fk_identity_invitation_tenant_id"),
        sa.PrimaryKeyConstraint("id", name="pk_identity_invitation"),
    )
    op.create_index("ix_identity_invitation_tenant_id", "identity_invitation", ["tenant_id", "id"])
    op.create_index("uq_identity_invitation_secret_hash", "identity_invitation", ["secret_hash"], unique=True)
    op.create_table(
        "identity_membership",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("role IN ('owner', 'admin', 'finance', 'member', 'viewer')", name=op.f("ck_identity_membership_role")),
        sa.ForeignKeyConstraint(["tenant_id"], ["identity_tenant.id"], name="fk_identity_membership_tenant_id"),
        sa.ForeignKeyConstraint(["person_id"], ["identity_person.id"], name="fk_identity_membership_person_id"),
        sa.PrimaryKeyConstraint("tenant_id", "person_id", name="pk_identity_membership"),
    )
    op.create_index("ix_identity_membership_person_id", "identity_membership", ["person_id"])
    op.create_table(
        "identity_session",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=True),
        sa.Column("secret_hash", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["identity_person.id"], name="fk_identity_session_person_id"),
        sa.ForeignKeyConstraint(["tenant_id"], ["identity_tenant.id"], name="fk_identity_session_tenant_id"),
        sa.PrimaryKeyConstraint("id", name="pk_identity_session"),
    )
    op.create_index("ix_identity_session_expires_at", "identity_session", ["expires_at"])
    op.create_index("ix_identity_session_person_id", "identity_session", ["person_id", "id"])
    op.create_index("uq_identity_session_secret_hash", "identity_session", ["secret_hash"], unique=True)
    op.create_table(
        "identity_token",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=True),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("hint", sa.String(), nullable=False),
        sa.Column("secret_hash", sa.String(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.String()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["identity_tenant.id"], name="fk_identity_token_tenant_id"),
        sa.ForeignKeyConstraint(["person_id"], ["identity_person.id"], name="fk_identity_token_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_identity_token"),
    )
    op.create_index("ix_identity_token_person_id", "identity_token", ["person_id", "id"])
    op.create_index("ix_identity_token_tenant_id", "identity_token", ["tenant_id", "id"])
    op.create_index("uq_identity_token_secret_hash", "identity_token", ["secret_hash"], unique=True)
    op.execute(_REFUSE)
    op.execute("CREATE TRIGGER identity_audit_append_only BEFORE UPDATE OR DELETE ON identity_audit FOR EACH ROW EXECUTE FUNCTION identity_refuse()")
    op.execute("CREATE TRIGGER identity_audit_no_truncate BEFORE TRUNCATE ON identity_audit FOR EACH STATEMENT EXECUTE FUNCTION identity_refuse()")


def downgrade() -> None:
    """Undo."""
    op.drop_table("identity_token")
    op.drop_table("identity_session")
    op.drop_table("identity_membership")
    op.drop_table("identity_invitation")
    op.drop_table("identity_centre_role")
    op.drop_table("identity_tenant")
    op.drop_table("identity_sign_in")
    op.drop_table("identity_person")
    op.drop_table("identity_audit")
    op.execute("DROP FUNCTION identity_refuse()")


_REFUSE = """
CREATE FUNCTION identity_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END
$$
"""
