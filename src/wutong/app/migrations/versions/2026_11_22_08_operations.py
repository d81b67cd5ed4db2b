"""Tables of operations: comparisons with the clusters' accounts, what operators want of nodes, utilisation by the hour, maintenance, foreign starts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261122_08_operations"
down_revision = "20261122_07_jobs"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
JOURNALS = ("centre_comparison", "centre_difference", "centre_foreign_start")


def upgrade() -> None:
    """Apply."""
    op.create_index("ix_centre_run_ended", "centre_run", ["engine", "ended_at"], postgresql_where=sa.text("phase = 'ended'"))
    _create_comparison()
    _create_node_order()
    _create_utilisation()
    _create_maintenance()
    _create_foreign()
    for table in JOURNALS:
        op.execute(f"CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION centre_refuse_change()")
        op.execute(f"CREATE TRIGGER keep_all BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION centre_refuse_change()")


def downgrade() -> None:
    """Undo."""
    for table in (
        "centre_foreign_start",
        "centre_maintenance",
        "centre_capacity",
        "centre_utilisation",
        "centre_node_order",
        "centre_difference",
        "centre_comparison",
    ):
        op.drop_table(table)
    op.drop_index("ix_centre_run_ended", "centre_run")


def _create_comparison() -> None:
    op.create_table(
        "centre_comparison",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("engine", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        *[sa.Column(name, MOMENT, nullable=False) for name in ("begins_at", "until", "compared_at")],
        *[sa.Column(name, sa.Integer(), nullable=False) for name in ("runs", "starts")],
        *[sa.Column(name, sa.BigInteger(), nullable=False) for name in ("our_card_ms", "their_card_ms")],
        sa.Column("differences", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_centre_comparison"),
    )
    op.create_index("ix_centre_comparison_day", "centre_comparison", ["engine", "day", "id"])
    op.create_table(
        "centre_difference",
        sa.Column("comparison_id", sa.BigInteger(), nullable=False),
        *[sa.Column(name, sa.String(), nullable=False) for name in ("run_name", "kind")],
        *[sa.Column(name, sa.BigInteger(), nullable=False) for name in ("our_card_ms", "their_card_ms")],
        *[sa.Column(name, sa.String(), nullable=False) for name in ("ours", "theirs")],
        sa.ForeignKeyConstraint(["comparison_id"], ["centre_comparison.id"], name="fk_centre_difference_comparison_id"),
        sa.PrimaryKeyConstraint("comparison_id", "run_name", name="pk_centre_difference"),
    )


def _create_node_order() -> None:
    op.create_table(
        "centre_node_order",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        *[sa.Column(name, sa.String(), nullable=False) for name in ("engine", "pool", "node", "state", "reason", "by")],
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("done_at", MOMENT, nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.CheckConstraint("state IN ('up', 'draining', 'down')", name="ck_centre_node_order_state"),
        sa.PrimaryKeyConstraint("id", name="pk_centre_node_order"),
    )
    op.create_index("ix_centre_node_order_open", "centre_node_order", ["engine", "id"], postgresql_where=sa.text("done_at IS NULL"))


def _create_utilisation() -> None:
    for table, names in (("utilisation", ("pool", "node", "tenant")), ("capacity", ("pool", "node"))):
        check = [sa.CheckConstraint("card_ms >= 0", name="ck_centre_utilisation_card_ms")] if table == "utilisation" else []
        op.create_table(
            f"centre_{table}",
            sa.Column("hour", MOMENT, nullable=False),
            *[sa.Column(name, sa.String(), nullable=False) for name in names],
            sa.Column("card_ms", sa.BigInteger(), nullable=False),
            *check,
            sa.PrimaryKeyConstraint("hour", *names, name=f"pk_centre_{table}"),
        )


def _create_maintenance() -> None:
    op.create_table(
        "centre_maintenance",
        *[sa.Column(name, sa.String(), nullable=False) for name in ("id", "pool", "reason", "by", "problem")],
        sa.Column("nodes", JSONB(), nullable=False),
        *[sa.Column(name, MOMENT, nullable=False) for name in ("begins_at", "ends_at", "announced_at")],
        *[sa.Column(name, MOMENT, nullable=True) for name in ("cancelled_at", "kept_at")],
        sa.Column("drained", sa.Boolean(), nullable=False),
        sa.CheckConstraint("ends_at > begins_at", name="ck_centre_maintenance_times"),
        sa.ForeignKeyConstraint(["pool"], ["centre_pool.name"], name="fk_centre_maintenance_pool"),
        sa.PrimaryKeyConstraint("id", name="pk_centre_maintenance"),
    )
    op.create_index("ix_centre_maintenance_ends_at", "centre_maintenance", ["ends_at"])
    op.create_index("ix_centre_maintenance_pool", "centre_maintenance", ["pool"])


def _create_foreign() -> None:
    op.create_table(
        "centre_foreign_start",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        *[sa.Column(name, sa.String(), nullable=False) for name in ("name", "engine", "job", "job_name", "user", "account")],
        sa.Column("tenant", sa.String(), nullable=True),
        *[sa.Column(name, sa.String(), nullable=False) for name in ("pool", "state", "node")],
        sa.Column("cards", sa.Integer(), nullable=False),
        *[sa.Column(name, MOMENT, nullable=False) for name in ("started_at", "ended_at", "registered_at")],
        sa.Column("disputed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_centre_foreign_start"),
        sa.UniqueConstraint("name", name="uq_centre_foreign_start_name"),
    )
