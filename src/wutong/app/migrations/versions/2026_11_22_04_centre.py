"""Tables of the room centre."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261122_04_centre"
down_revision = "20261122_03_ledger"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    _create_catalogue()
    _create_runs()
    _create_usage()
    op.execute("""
        CREATE FUNCTION centre_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION '% is a journal: its rows are never edited or deleted', TG_TABLE_NAME; END $$""")
    for table in ("centre_run_event", "centre_usage", "centre_node_event"):
        op.execute(f"CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION centre_refuse_change()")
        op.execute(f"CREATE TRIGGER keep_all BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION centre_refuse_change()")
    op.execute("""
        CREATE FUNCTION centre_run_moves() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF OLD.phase = 'ended' AND (NEW.phase, NEW.reason, NEW.restart) IS DISTINCT FROM (OLD.phase, OLD.reason, OLD.restart) THEN
                RAISE check_violation USING MESSAGE = 'run ' || OLD.name || ' has ended';
            END IF;
            IF NEW.restart < OLD.restart THEN
                RAISE check_violation USING MESSAGE = 'run ' || OLD.name || ' cannot go back to an earlier restart';
            END IF;
            RETURN NEW;
        END $$""")
    op.execute("CREATE TRIGGER moves BEFORE UPDATE ON centre_run FOR EACH ROW EXECUTE FUNCTION centre_run_moves()")


def downgrade() -> None:
    """Undo."""
    for table in ("usage_foreign", "usage_refused", "usage", "run_event", "run", "engine", "flavour", "node_event", "node", "pool", "accelerator"):
        op.drop_table(f"centre_{table}")
    op.execute("DROP FUNCTION centre_run_moves()")
    op.execute("DROP FUNCTION centre_refuse_change()")


def _create_catalogue() -> None:
    op.create_table(
        "centre_accelerator",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("vendor", sa.String(), nullable=False),
        sa.Column("fp16_tflops", sa.Float(), nullable=False),
        sa.Column("memory_gb", sa.Integer(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.CheckConstraint("device IN ('npu', 'gpu', 'cpu')", name="ck_centre_accelerator_device"),
        sa.PrimaryKeyConstraint("name", name="pk_centre_accelerator"),
    )
    op.create_table(
        "centre_pool",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("engine", sa.String(), nullable=False),
        sa.Column("accelerator", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("max_time_limit_s", sa.Integer(), nullable=False),
        sa.Column("partition", sa.String(), nullable=False),
        sa.CheckConstraint("state IN ('open', 'draining', 'closed')", name="ck_centre_pool_state"),
        sa.ForeignKeyConstraint(["accelerator"], ["centre_accelerator.name"], name="fk_centre_pool_accelerator"),
        sa.PrimaryKeyConstraint("name", name="pk_centre_pool"),
    )
    op.create_table(
        "centre_node",
        sa.Column("pool", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("cards", sa.Integer(), nullable=False),
        sa.Column("cpus", sa.Integer(), nullable=False),
        sa.Column("memory_mb", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.CheckConstraint("state IN ('up', 'draining', 'down')", name="ck_centre_node_state"),
        sa.ForeignKeyConstraint(["pool"], ["centre_pool.name"], name="fk_centre_node_pool"),
        sa.PrimaryKeyConstraint("pool", "name", name="pk_centre_node"),
    )
    op.create_table(
        "centre_node_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("pool", sa.String(), nullable=False),
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_centre_node_event"),
    )
    op.create_index("ix_centre_node_event_pool_node_id", "centre_node_event", ["pool", "node", "id"])
    op.create_table(
        "centre_flavour",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("pool", sa.String(), nullable=False),
        sa.Column("accelerator", sa.String(), nullable=False),
        sa.Column("cards", sa.Integer(), nullable=False),
        sa.Column("cpus", sa.Integer(), nullable=False),
        sa.Column("memory_mb", sa.Integer(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.CheckConstraint("service IN ('normal', 'urgent', 'idle', 'interactive')", name="ck_centre_flavour_service"),
        sa.CheckConstraint("cards > 0 AND cpus > 0 AND memory_mb > 0", name="ck_centre_flavour_sizes"),
        sa.ForeignKeyConstraint(["pool"], ["centre_pool.name"], name="fk_centre_flavour_pool"),
        sa.ForeignKeyConstraint(["accelerator"], ["centre_accelerator.name"], name="fk_centre_flavour_accelerator"),
        sa.PrimaryKeyConstraint("name", name="pk_centre_flavour"),
    )
    op.create_index("ix_centre_flavour_pool", "centre_flavour", ["pool"])


def _create_runs() -> None:
    op.create_table(
        "centre_engine",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("capabilities", JSONB(), nullable=True),
        sa.Column("refreshed_at", MOMENT, nullable=True),
        sa.Column("lost_contact_since", MOMENT, nullable=True),
        sa.Column("problem", sa.String(), nullable=False),
        sa.Column("allow_unconfined", sa.Boolean(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_centre_engine"),
    )
    op.create_table(
        "centre_run",
        *[sa.Column(name, sa.String(), nullable=False) for name in ("name", "pool", "engine", "tenant")],
        sa.Column("cards", sa.Integer(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("requested_at", MOMENT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("restart", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
        *[sa.Column(name, sa.Integer(), nullable=True) for name in ("exit_code", "signal", "position")],
        *[sa.Column(name, sa.String(), nullable=True) for name in ("waiting_for", "node")],
        *[sa.Column(name, MOMENT, nullable=True) for name in ("sent_at", "submitted_at", "started_at", "ended_at")],
        sa.Column("outputs_path", sa.String(), nullable=True),
        sa.Column("max_memory_mb", sa.Integer(), nullable=True),
        sa.Column("cpu_seconds", sa.Float(), nullable=True),
        *[sa.Column(name, MOMENT, nullable=True) for name in ("seen_at", "due_at")],
        *[sa.Column(name, sa.Integer(), nullable=False) for name in ("tries", "absent_count")],
        sa.Column("absent_since", MOMENT, nullable=True),
        *[sa.Column(name, sa.String(), nullable=True) for name in ("stop_why", "send_signal")],
        sa.Column("forget", sa.Boolean(), nullable=False),
        sa.Column("forgotten_at", MOMENT, nullable=True),
        sa.Column("spec", JSONB(), nullable=False),
        sa.CheckConstraint("phase IN ('requested', 'unconfirmed', 'queued', 'running', 'ended')", name="ck_centre_run_phase"),
        sa.CheckConstraint("(phase = 'ended') = (reason IS NOT NULL) AND (phase = 'ended') = (ended_at IS NOT NULL)", name="ck_centre_run_ended"),
        sa.CheckConstraint("cards >= 0 AND restart >= 0", name="ck_centre_run_counts"),
        sa.PrimaryKeyConstraint("name", name="pk_centre_run"),
    )
    op.create_index("ix_centre_run_due", "centre_run", ["engine", "due_at"], postgresql_where=sa.text("due_at IS NOT NULL"))
    op.create_index("ix_centre_run_live", "centre_run", ["engine", "seen_at"], postgresql_where=sa.text("phase IN ('queued', 'running')"))
    op.create_index("ix_centre_run_running", "centre_run", ["pool"], postgresql_where=sa.text("phase = 'running'"))
    op.create_table(
        "centre_run_event",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("restart", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
        *[sa.Column(name, sa.Integer(), nullable=True) for name in ("exit_code", "signal")],
        sa.Column("stop_why", sa.String(), nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        *[sa.Column(name, MOMENT, nullable=True) for name in ("started_at", "ended_at")],
        sa.PrimaryKeyConstraint("seq", name="pk_centre_run_event"),
    )
    op.create_index("ix_centre_run_event_name", "centre_run_event", ["name", "seq"])


def _create_usage() -> None:
    op.create_table(
        "centre_usage",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("run_name", sa.String(), nullable=False),
        sa.Column("restart", sa.Integer(), nullable=False),
        sa.Column("window_start", MOMENT, nullable=False),
        sa.Column("seconds_ms", sa.BigInteger(), nullable=False),
        sa.Column("cards", sa.Integer(), nullable=False),
        sa.Column("card_seconds_ms", sa.BigInteger(), nullable=False),
        sa.Column("final", sa.Boolean(), nullable=False),
        sa.Column("fault", sa.String(), server_default="", nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.CheckConstraint("seconds_ms >= 0 AND cards >= 0 AND restart >= 0", name="ck_centre_usage_counts"),
        sa.CheckConstraint("card_seconds_ms = seconds_ms * cards", name="ck_centre_usage_product"),
        sa.PrimaryKeyConstraint("seq", name="pk_centre_usage"),
        sa.UniqueConstraint("run_name", "restart", "window_start", "seconds_ms", "final", name="uq_centre_usage_fact"),
    )
    for table, moment in (("refused", "refused_at"), ("foreign", "seen_at")):
        extra = [sa.Column("reason", sa.String(), nullable=False)] if table == "refused" else []
        op.create_table(
            f"centre_usage_{table}",
            *[sa.Column(name, sa.String(), nullable=False) for name in ("fingerprint", "engine", "run_name", "record")],
            *extra,
            sa.Column(moment, MOMENT, nullable=False),
            sa.PrimaryKeyConstraint("fingerprint", name=f"pk_centre_usage_{table}"),
        )
