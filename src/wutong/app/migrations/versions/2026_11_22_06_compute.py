"""Tables of compute's money: catalogue, orders, billing, budgets. Prices and charges are only ever added to."""

import sqlalchemy as sa
from alembic import op

revision = "20261122_06_compute"
down_revision = "20261122_05_hub"
branch_labels = None
depends_on = None

APPEND_ONLY = ("compute_price", "compute_charge")

REFUSE = """
CREATE FUNCTION compute_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of % is not allowed: it is only ever added to', TG_OP, TG_TABLE_NAME USING ERRCODE = '0A000';
END $$
"""


def upgrade() -> None:
    """Apply."""
    op.execute(REFUSE)
    op.create_table(
        "compute_billed_job",
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("job_name", sa.String(), nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("flavour", sa.String(), nullable=False),
        sa.Column("pool", sa.String(), nullable=False),
        sa.Column("accelerator", sa.String(), nullable=False),
        sa.Column("cards", sa.Integer(), nullable=False),
        sa.Column("time_limit_s", sa.BigInteger(), nullable=False),
        sa.Column("hold_s", sa.BigInteger(), nullable=False),
        sa.Column("held_fen", sa.BigInteger(), nullable=False),
        sa.Column("held_package_s", sa.BigInteger(), nullable=False),
        sa.Column("checkpoint_signal", sa.String(), nullable=True),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("covered_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("look_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stop_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("cards > 0", name=op.f("ck_compute_billed_job_cards")),
        sa.CheckConstraint("held_fen >= 0 AND held_package_s >= 0", name=op.f("ck_compute_billed_job_held")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_compute_billed_job")),
    )
    op.create_index("ix_compute_billed_job_look_at", "compute_billed_job", ["look_at"], unique=False, postgresql_where=sa.text("look_at IS NOT NULL"))
    op.create_index(
        "ix_compute_billed_job_open", "compute_billed_job", ["tenant_id", "person_id"], unique=False, postgresql_where=sa.text("settled_at IS NULL")
    )
    op.create_table(
        "compute_budget",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("limit_fen", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("limit_fen >= 0", name=op.f("ck_compute_budget_not_negative")),
        sa.PrimaryKeyConstraint("tenant_id", "person_id", name=op.f("pk_compute_budget")),
    )
    op.create_table(
        "compute_ladder",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("base_fen", sa.BigInteger(), nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "person_id", name=op.f("pk_compute_ladder")),
    )
    op.create_index("ix_compute_ladder_due_at", "compute_ladder", ["due_at"], unique=False, postgresql_where=sa.text("due_at IS NOT NULL"))
    op.create_table(
        "compute_notice",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("left_fen", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_compute_notice")),
        sa.UniqueConstraint(
            "tenant_id", "person_id", "kind", "level", "period", "job_id", name=op.f("uq_compute_notice_tenant_id_person_id_kind_level_period_job_id")
        ),
    )
    op.create_index("ix_compute_notice_list", "compute_notice", ["tenant_id", "id"], unique=False)
    op.create_table(
        "compute_package_offer",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("accelerator", sa.String(), nullable=False),
        sa.Column("card_hours", sa.BigInteger(), nullable=False),
        sa.Column("price_fen", sa.BigInteger(), nullable=False),
        sa.Column("validity_days", sa.Integer(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("card_hours > 0 AND price_fen > 0 AND validity_days > 0", name=op.f("ck_compute_package_offer_sensible")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_compute_package_offer")),
        sa.UniqueConstraint("name", name=op.f("uq_compute_package_offer_name")),
    )
    op.create_table(
        "compute_payment",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("memo", sa.String(), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_compute_payment_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_compute_payment")),
        sa.UniqueConstraint("reference", name=op.f("uq_compute_payment_reference")),
    )
    op.create_index("ix_compute_payment_list", "compute_payment", ["tenant_id", "id"], unique=False)
    op.create_table(
        "compute_price",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("flavour", sa.String(), nullable=False),
        sa.Column("fen_per_card_hour", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("fen_per_card_hour >= 0", name=op.f("ck_compute_price_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_compute_price")),
        sa.UniqueConstraint("flavour", "valid_from", name=op.f("uq_compute_price_flavour_valid_from")),
    )
    op.create_table(
        "compute_reservation_terms",
        sa.Column("pool", sa.String(), nullable=False),
        sa.Column("fen_per_card_day", sa.BigInteger(), nullable=False),
        sa.Column("share_permille", sa.Integer(), nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("fen_per_card_day >= 0 AND share_permille BETWEEN 0 AND 1000", name=op.f("ck_compute_reservation_terms_sensible")),
        sa.PrimaryKeyConstraint("pool", name=op.f("pk_compute_reservation_terms")),
    )
    op.create_table(
        "compute_reserved_day",
        sa.Column("pool", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("cards", sa.Integer(), nullable=False),
        sa.CheckConstraint("cards >= 0", name=op.f("ck_compute_reserved_day_not_negative")),
        sa.PrimaryKeyConstraint("pool", "day", name=op.f("pk_compute_reserved_day")),
    )
    op.create_table(
        "compute_spend",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("month", sa.String(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("package_seconds", sa.BigInteger(), nullable=False),
        sa.Column("card_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "person_id", "month", name=op.f("pk_compute_spend")),
    )
    op.create_table(
        "compute_unrated",
        sa.Column("usage_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("usage_id", sa.String(), nullable=False),
        sa.Column("run_name", sa.String(), nullable=False),
        sa.Column("restart", sa.Integer(), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds_ms", sa.BigInteger(), nullable=False),
        sa.Column("cards", sa.Integer(), nullable=False),
        sa.Column("card_seconds_ms", sa.BigInteger(), nullable=False),
        sa.Column("final", sa.Boolean(), nullable=False),
        sa.Column("fault", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("usage_seq", name=op.f("pk_compute_unrated")),
    )
    op.create_index("ix_compute_unrated_retry_at", "compute_unrated", ["retry_at"], unique=False)
    op.create_index("ix_compute_unrated_run_name", "compute_unrated", ["run_name"], unique=False)
    op.create_table(
        "compute_billed_run",
        sa.Column("run_name", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("flavour", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("card_ms", sa.BigInteger(), nullable=False),
        sa.Column("package_seconds", sa.BigInteger(), nullable=False),
        sa.Column("package_carry_ms", sa.BigInteger(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("final_restart", sa.Integer(), nullable=False),
        sa.Column("fault", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_fen = units / 3600000", name=op.f("ck_compute_billed_run_exact")),
        sa.ForeignKeyConstraint(["job_id"], ["compute_billed_job.job_id"], name=op.f("fk_compute_billed_run_job_id")),
        sa.PrimaryKeyConstraint("run_name", name=op.f("pk_compute_billed_run")),
    )
    op.create_index("ix_compute_billed_run_history", "compute_billed_run", ["tenant_id", "flavour", "created_at"], unique=False)
    op.create_index("ix_compute_billed_run_job_id", "compute_billed_run", ["job_id"], unique=False)
    op.create_table(
        "compute_job_close",
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("look_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["compute_billed_job.job_id"], name=op.f("fk_compute_job_close_job_id")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_compute_job_close")),
    )
    op.create_index("ix_compute_job_close_due", "compute_job_close", ["look_at"], unique=False, postgresql_where=sa.text("settled_at IS NULL"))
    op.create_table(
        "compute_order",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("offer_id", sa.String(), nullable=True),
        sa.Column("accelerator", sa.String(), nullable=False),
        sa.Column("pool", sa.String(), nullable=True),
        sa.Column("cards", sa.Integer(), nullable=False),
        sa.Column("card_seconds", sa.BigInteger(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=True),
        sa.Column("last_day", sa.Date(), nullable=True),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("recognised_fen", sa.BigInteger(), nullable=False),
        sa.Column("credit_id", sa.String(), nullable=True),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("look_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("amount_fen >= 0 AND recognised_fen BETWEEN 0 AND amount_fen", name=op.f("ck_compute_order_amounts")),
        sa.ForeignKeyConstraint(["offer_id"], ["compute_package_offer.id"], name=op.f("fk_compute_order_offer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_compute_order")),
        sa.UniqueConstraint("tenant_id", "key", name=op.f("uq_compute_order_tenant_id_key")),
    )
    op.create_index("ix_compute_order_list", "compute_order", ["tenant_id", "id"], unique=False)
    op.create_index("ix_compute_order_look_at", "compute_order", ["look_at"], unique=False, postgresql_where=sa.text("look_at IS NOT NULL"))
    op.create_table(
        "compute_charge",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("run_name", sa.String(), nullable=False),
        sa.Column("restart", sa.Integer(), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("usage_seq", sa.BigInteger(), nullable=True),
        sa.Column("from_card_ms", sa.BigInteger(), nullable=False),
        sa.Column("to_card_ms", sa.BigInteger(), nullable=False),
        sa.Column("card_ms", sa.BigInteger(), nullable=False),
        sa.Column("money_ms", sa.BigInteger(), nullable=False),
        sa.Column("package_seconds", sa.BigInteger(), nullable=False),
        sa.Column("price_id", sa.String(), nullable=True),
        sa.Column("fen_per_card_hour", sa.BigInteger(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("transfer_key", sa.String(), nullable=True),
        sa.Column("reverses", sa.String(), nullable=True),
        sa.Column("month", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.CheckConstraint("(kind = 'reversal') = (reverses IS NOT NULL)", name=op.f("ck_compute_charge_reversal")),
        sa.CheckConstraint("(kind = 'reversal') = (usage_seq IS NULL)", name=op.f("ck_compute_charge_usage")),
        sa.CheckConstraint(
            "kind = 'reversal' OR (card_ms > 0 AND amount_fen >= 0 AND package_seconds >= 0)", name=op.f("ck_compute_charge_positive")
        ),
        sa.CheckConstraint("to_card_ms - from_card_ms = abs(card_ms)", name=op.f("ck_compute_charge_window")),
        sa.ForeignKeyConstraint(["job_id"], ["compute_billed_job.job_id"], name=op.f("fk_compute_charge_job_id")),
        sa.ForeignKeyConstraint(["price_id"], ["compute_price.id"], name=op.f("fk_compute_charge_price_id")),
        sa.ForeignKeyConstraint(["reverses"], ["compute_charge.id"], name=op.f("fk_compute_charge_reverses")),
        sa.ForeignKeyConstraint(["run_name"], ["compute_billed_run.run_name"], name=op.f("fk_compute_charge_run_name")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_compute_charge")),
        sa.UniqueConstraint("id", name=op.f("uq_compute_charge_id")),
        sa.UniqueConstraint("reverses", name=op.f("uq_compute_charge_reverses")),
        sa.UniqueConstraint("usage_seq", name=op.f("uq_compute_charge_usage_seq")),
    )
    op.create_index("ix_compute_charge_bill", "compute_charge", ["tenant_id", "month", "job_id"], unique=False)
    op.create_index("ix_compute_charge_job", "compute_charge", ["job_id", "seq"], unique=False)
    op.create_index("ix_compute_charge_window", "compute_charge", ["run_name", "restart", "window_start"], unique=False)
    op.create_table(
        "compute_run_end",
        sa.Column("run_name", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("our_fault", sa.Boolean(), nullable=False),
        sa.Column("started", sa.Boolean(), nullable=False),
        sa.Column("restart", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["run_name"], ["compute_billed_run.run_name"], name=op.f("fk_compute_run_end_run_name")),
        sa.PrimaryKeyConstraint("run_name", name=op.f("pk_compute_run_end")),
    )
    op.create_table(
        "compute_start_fault",
        sa.Column("run_name", sa.String(), nullable=False),
        sa.Column("restart", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["run_name"], ["compute_billed_run.run_name"], name=op.f("fk_compute_start_fault_run_name")),
        sa.PrimaryKeyConstraint("run_name", "restart", name=op.f("pk_compute_start_fault")),
    )
    op.create_index("ix_compute_start_fault_due", "compute_start_fault", ["at"], unique=False, postgresql_where=sa.text("done_at IS NULL"))
    op.create_index("ix_compute_run_end_due", "compute_run_end", ["at"], unique=False, postgresql_where=sa.text("done_at IS NULL"))
    for table in APPEND_ONLY:
        op.execute(f"CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION compute_refuse()")
        op.execute(f"CREATE TRIGGER kept_whole BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION compute_refuse()")


def downgrade() -> None:
    """Undo."""
    op.drop_table("compute_start_fault")
    op.drop_table("compute_run_end")
    op.drop_table("compute_charge")
    op.drop_table("compute_order")
    op.drop_table("compute_job_close")
    op.drop_table("compute_billed_run")
    op.drop_table("compute_unrated")
    op.drop_table("compute_spend")
    op.drop_table("compute_reserved_day")
    op.drop_table("compute_reservation_terms")
    op.drop_table("compute_price")
    op.drop_table("compute_payment")
    op.drop_table("compute_package_offer")
    op.drop_table("compute_notice")
    op.drop_table("compute_ladder")
    op.drop_table("compute_budget")
    op.drop_table("compute_billed_job")
    op.execute("DROP FUNCTION compute_refuse()")
