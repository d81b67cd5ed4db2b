"""Mails on their way; people's language and zone, devices of sessions, links by mail, sign-in through providers, what is to be told of invitations."""

import sqlalchemy as sa
from alembic import op

revision = "20261122_10_people"
down_revision = "20261122_09_forecasts"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    _create_mail()
    op.add_column("identity_person", sa.Column("language", sa.String(), nullable=False, server_default="zh"))
    op.add_column("identity_person", sa.Column("zone", sa.String(), nullable=False, server_default="Asia/Shanghai"))
    op.create_check_constraint(op.f("ck_identity_person_language"), "identity_person", "language IN ('zh', 'en')")
    op.add_column("identity_session", sa.Column("device", sa.String(), nullable=False, server_default=""))
    for table, name in (("identity_person", "language"), ("identity_person", "zone"), ("identity_session", "device")):
        op.alter_column(table, name, server_default=None)
    op.add_column("identity_invitation", sa.Column("told_at", MOMENT, nullable=True))
    op.execute("UPDATE identity_invitation SET told_at = created_at")
    op.create_index("ix_identity_invitation_untold", "identity_invitation", ["id"], postgresql_where=sa.text("told_at IS NULL"))
    _create_letter()
    _create_oidc()


def downgrade() -> None:
    """Undo."""
    for table in ("identity_oidc_link", "identity_oidc_flow", "identity_login", "identity_letter", "kit_mail"):
        op.drop_table(table)
    op.drop_index("ix_identity_invitation_untold", "identity_invitation")
    op.drop_column("identity_invitation", "told_at")
    op.drop_column("identity_session", "device")
    op.drop_constraint(op.f("ck_identity_person_language"), "identity_person")
    op.drop_column("identity_person", "zone")
    op.drop_column("identity_person", "language")


def _create_mail() -> None:
    op.create_table(
        "kit_mail",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        *[sa.Column(name, sa.String(), nullable=False) for name in ("key", "to_address", "message_id", "problem")],
        sa.Column("sealed", sa.String(), nullable=True),
        *[sa.Column(name, MOMENT, nullable=False) for name in ("made_at", "next_at")],
        *[sa.Column(name, MOMENT, nullable=True) for name in ("expires_at", "sent_at", "given_up_at")],
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_kit_mail"),
    )
    op.create_index("uq_kit_mail_key", "kit_mail", ["key"], unique=True)
    op.create_index("ix_kit_mail_due", "kit_mail", ["next_at"], postgresql_where=sa.text("sent_at IS NULL AND given_up_at IS NULL"))


def _create_letter() -> None:
    op.create_table(
        "identity_letter",
        *[sa.Column(name, sa.String(), nullable=False) for name in ("id", "kind", "email", "address")],
        *[sa.Column(name, sa.String(), nullable=True) for name in ("person_id", "secret_hash")],
        *[sa.Column(name, MOMENT, nullable=False) for name in ("asked_at", "expires_at")],
        *[sa.Column(name, MOMENT, nullable=True) for name in ("written_at", "used_at")],
        sa.CheckConstraint("kind IN ('reset', 'email')", name=op.f("ck_identity_letter_kind")),
        sa.ForeignKeyConstraint(["person_id"], ["identity_person.id"], name="fk_identity_letter_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_identity_letter"),
    )
    op.create_index("uq_identity_letter_secret_hash", "identity_letter", ["secret_hash"], unique=True)
    op.create_index("ix_identity_letter_email", "identity_letter", ["email", "asked_at"])
    op.create_index("ix_identity_letter_address", "identity_letter", ["address", "asked_at"])
    op.create_index("ix_identity_letter_person_id", "identity_letter", ["person_id", "kind"])
    op.create_index("ix_identity_letter_expires_at", "identity_letter", ["expires_at"])
    op.create_index("ix_identity_letter_unwritten", "identity_letter", ["asked_at"], postgresql_where=sa.text("written_at IS NULL"))


def _create_oidc() -> None:
    op.create_table(
        "identity_login",
        *[sa.Column(name, sa.String(), nullable=False) for name in ("id", "person_id", "provider", "subject", "email")],
        *[sa.Column(name, MOMENT, nullable=False) for name in ("added_at", "last_used_at")],
        sa.ForeignKeyConstraint(["person_id"], ["identity_person.id"], name="fk_identity_login_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_identity_login"),
    )
    op.create_index("uq_identity_login_subject", "identity_login", ["provider", "subject"], unique=True)
    op.create_index("ix_identity_login_person_id", "identity_login", ["person_id", "id"])
    op.create_table(
        "identity_oidc_flow",
        *[sa.Column(name, sa.String(), nullable=False) for name in ("state_hash", "provider", "nonce", "verifier", "redirect_uri", "return_to")],
        sa.Column("person_id", sa.String(), nullable=True),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("state_hash", name="pk_identity_oidc_flow"),
    )
    op.create_index("ix_identity_oidc_flow_expires_at", "identity_oidc_flow", ["expires_at"])
    op.create_table(
        "identity_oidc_link",
        *[sa.Column(name, sa.String(), nullable=False) for name in ("secret_hash", "person_id", "provider", "subject", "email", "return_to")],
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("secret_hash", name="pk_identity_oidc_link"),
    )
    op.create_index("ix_identity_oidc_link_expires_at", "identity_oidc_link", ["expires_at"])
