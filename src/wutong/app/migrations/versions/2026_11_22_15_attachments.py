"""Files of tickets and what keeps their bytes; hints that people put away; what was earned, found by its time."""

import sqlalchemy as sa
from alembic import op

revision = "20261122_15_attachments"
down_revision = "20261122_14_names"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
EARNED = "ix_ledger_transfer_earned"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "hub_hold",
        *_texts("holder", "sha256"),
        sa.Column("since", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["sha256"], ["hub_blob.sha256"], name=op.f("fk_hub_hold_sha256")),
        sa.PrimaryKeyConstraint("holder", name=op.f("pk_hub_hold")),
    )
    op.create_index("ix_hub_hold_sha256", "hub_hold", ["sha256"])
    op.create_table(
        "desk_attachment",
        *_texts("id", "ticket_id", "tenant_id", "person_id", "name", "sha256"),
        *[sa.Column(name, sa.BigInteger(), nullable=False) for name in ("message_id", "size_bytes")],
        sa.Column("picture", sa.Boolean(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.CheckConstraint("size_bytes >= 0", name=op.f("ck_desk_attachment_size")),
        sa.ForeignKeyConstraint(["ticket_id"], ["desk_ticket.id"], name=op.f("fk_desk_attachment_ticket_id")),
        sa.ForeignKeyConstraint(["message_id"], ["desk_message.id"], name=op.f("fk_desk_attachment_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_desk_attachment")),
    )
    op.create_index("ix_desk_attachment_message_id", "desk_attachment", ["message_id", "id"])
    op.create_index("ix_desk_attachment_tenant_id", "desk_attachment", ["tenant_id"], postgresql_include=["size_bytes"])
    op.create_table(
        "desk_put_away",
        *_texts("person_id", "tenant_id", "hint"),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("person_id", "tenant_id", "hint", name=op.f("pk_desk_put_away")),
    )
    between_pockets = sa.text("kind NOT IN ('hold', 'release')")
    included = ["from_account", "to_account", "amount"]
    op.create_index(EARNED, "ledger_transfer", ["at"], postgresql_include=included, postgresql_where=between_pockets)


def downgrade() -> None:
    """Undo."""
    op.drop_index(EARNED, "ledger_transfer")
    for table in ("desk_put_away", "desk_attachment", "hub_hold"):
        op.drop_table(table)


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(), nullable=False) for name in names]
