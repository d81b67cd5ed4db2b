"""Payments that one person enters and another approves; an index of the jobs that ended, for the centre's reports."""

import sqlalchemy as sa
from alembic import op

revision = "20261122_12_payment_proposals"
down_revision = "20261122_11_desk"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
TABLE = "compute_payment_proposal"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        TABLE,
        *[sa.Column(name, sa.String(), nullable=False) for name in ("id", "tenant_id", "kind")],
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        *[sa.Column(name, sa.String(), nullable=False) for name in ("reference", "memo")],
        sa.Column("alone_fen", sa.BigInteger(), nullable=False),
        *[sa.Column(name, sa.String(), nullable=False) for name in ("state", "proposed_by")],
        sa.Column("proposed_at", MOMENT, nullable=False),
        sa.Column("decided_by", sa.String(), nullable=True),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("payment_id", sa.String(), nullable=True),
        sa.CheckConstraint("amount_fen > 0 AND alone_fen >= 0", name=op.f(f"ck_{TABLE}_amounts")),
        sa.CheckConstraint("state IN ('proposed', 'approved', 'rejected', 'withdrawn')", name=op.f(f"ck_{TABLE}_state")),
        sa.CheckConstraint(
            "(state = 'proposed') = (decided_at IS NULL) AND (decided_at IS NULL) = (decided_by IS NULL)", name=op.f(f"ck_{TABLE}_decided")
        ),
        sa.CheckConstraint("state <> 'approved' OR decided_by <> proposed_by OR amount_fen <= alone_fen", name=op.f(f"ck_{TABLE}_four_eyes")),
        sa.CheckConstraint("(state = 'approved') = (payment_id IS NOT NULL)", name=op.f(f"ck_{TABLE}_paid")),
        sa.ForeignKeyConstraint(["payment_id"], ["compute_payment.id"], name=op.f(f"fk_{TABLE}_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{TABLE}")),
    )
    open_or_paid = sa.text("state IN ('proposed', 'approved')")
    op.create_index(f"uq_{TABLE}_reference", TABLE, ["reference"], unique=True, postgresql_where=open_or_paid)
    op.create_index(f"ix_{TABLE}_open", TABLE, ["id"], postgresql_where=sa.text("state = 'proposed'"))
    op.create_index(f"ix_{TABLE}_list", TABLE, ["tenant_id", "id"])
    ended = sa.text("ended_at IS NOT NULL")
    op.create_index("ix_compute_job_ended_at", "compute_job", ["ended_at"], postgresql_where=ended, postgresql_include=["state", "array_size"])


def downgrade() -> None:
    """Undo."""
    op.drop_index("ix_compute_job_ended_at", "compute_job")
    op.drop_table(TABLE)
