"""Readings of all books, kept; indexes for a month of the bill, the list of jobs, hours of pools."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261122_13_books"
down_revision = "20261122_12_payment_proposals"
branch_labels = None
depends_on = None

TABLE = "compute_books_reading"
AMOUNTS = ("bank_fen", "deferred_fen", "revenue_fen", "runs", "card_ms", "rated_ms", "accounts", "transfers")
BILL = "ix_compute_charge_bill"
SUMMED = ["person_id", "kind", "window_start", "at", "card_ms", "package_seconds", "amount_fen"]
HOURS = ("centre_utilisation", "centre_capacity")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        TABLE,
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        *[sa.Column(name, sa.BigInteger(), nullable=False) for name in AMOUNTS],
        sa.Column("problems", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{TABLE}")),
    )
    op.create_index(f"ix_{TABLE}_at", TABLE, ["at"])
    op.drop_index(BILL, "compute_charge")
    op.create_index(BILL, "compute_charge", ["tenant_id", "month", "job_id"], postgresql_include=SUMMED)
    op.create_index("ix_compute_job_list", "compute_job", ["tenant_id", "id"], postgresql_where=sa.text("parent_id IS NULL"))
    for table in HOURS:
        op.create_index(f"ix_{table}_pool", table, ["hour", "pool"], postgresql_include=["card_ms"])


def downgrade() -> None:
    """Undo."""
    for table in HOURS:
        op.drop_index(f"ix_{table}_pool", table)
    op.drop_index("ix_compute_job_list", "compute_job")
    op.drop_index(BILL, "compute_charge")
    op.create_index(BILL, "compute_charge", ["tenant_id", "month", "job_id"])
    op.drop_table(TABLE)
