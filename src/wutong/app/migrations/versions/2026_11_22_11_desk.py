"""Tables of the room desk; ends of jobs and warnings that are to be told."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261122_11_desk"
down_revision = "20261122_10_people"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
TABLES = ("delivery", "webhook", "told", "preference", "notice", "dismissal", "announcement", "seen", "message", "ticket")


def upgrade() -> None:
    """Apply."""
    _let_rooms_below_be_read()
    _create_tickets()
    _create_announcements()
    _create_notices()
    _create_webhooks()


def downgrade() -> None:
    """Undo."""
    for table in TABLES:
        op.drop_table(f"desk_{table}")
    op.drop_index("ix_compute_notice_untold", "compute_notice")
    op.drop_column("compute_notice", "told_at")
    op.drop_table("compute_ended_job")


def _let_rooms_below_be_read() -> None:
    op.create_table(
        "compute_ended_job",
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["compute_job.id"], name="fk_compute_ended_job_job_id"),
        sa.PrimaryKeyConstraint("job_id", name="pk_compute_ended_job"),
    )
    op.add_column("compute_notice", sa.Column("told_at", MOMENT, nullable=True))
    op.execute("UPDATE compute_notice SET told_at = at")
    op.create_index("ix_compute_notice_untold", "compute_notice", ["id"], postgresql_where=sa.text("told_at IS NULL"))


def _create_tickets() -> None:
    op.create_table(
        "desk_ticket",
        *_texts("id", "tenant_id", "person_id", "subject", "state"),
        *_texts("job_id", "assignee_id", nullable=True),
        *_moments("created_at", "updated_at"),
        sa.Column("last_message", sa.BigInteger(), nullable=False),
        *_moments("closed_at", nullable=True),
        _check("desk_ticket", "state", "state IN ('open', 'answered', 'waiting', 'closed', 'reopened')"),
        _check("desk_ticket", "closed", "(state = 'closed') = (closed_at IS NOT NULL)"),
        sa.PrimaryKeyConstraint("id", name="pk_desk_ticket"),
    )
    op.create_index("ix_desk_ticket_tenant_id", "desk_ticket", ["tenant_id", "last_message"])
    op.create_index("ix_desk_ticket_last_message", "desk_ticket", ["last_message"])
    op.create_index("ix_desk_ticket_assignee_id", "desk_ticket", ["assignee_id", "last_message"])
    op.create_index("ix_desk_ticket_job_id", "desk_ticket", ["job_id"], postgresql_where=sa.text("job_id IS NOT NULL"))
    op.create_table(
        "desk_message",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        *_texts("ticket_id", "person_id", "name", "text"),
        sa.Column("staff", sa.Boolean(), nullable=False),
        *_moments("at"),
        sa.ForeignKeyConstraint(["ticket_id"], ["desk_ticket.id"], name="fk_desk_message_ticket_id"),
        sa.PrimaryKeyConstraint("id", name="pk_desk_message"),
    )
    op.create_index("ix_desk_message_ticket_id", "desk_message", ["ticket_id", "id"])
    op.create_table(
        "desk_seen",
        *_texts("ticket_id", "person_id"),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["desk_ticket.id"], name="fk_desk_seen_ticket_id"),
        sa.PrimaryKeyConstraint("ticket_id", "person_id", name="pk_desk_seen"),
    )


def _create_announcements() -> None:
    op.create_table(
        "desk_announcement",
        *_texts("id", "title_zh", "title_en", "text_zh", "text_en", "level", "audience", "by"),
        *_texts("pool", nullable=True),
        sa.Column("dismissible", sa.Boolean(), nullable=False),
        *_moments("begins_at", "made_at"),
        *_moments("ends_at", "withdrawn_at", nullable=True),
        _check("desk_announcement", "level", "level IN ('info', 'warning', 'critical')"),
        _check("desk_announcement", "audience", "audience IN ('everyone', 'signed_in', 'pool')"),
        _check("desk_announcement", "pool", "(audience = 'pool') = (pool IS NOT NULL)"),
        _check("desk_announcement", "times", "ends_at > begins_at"),
        sa.PrimaryKeyConstraint("id", name="pk_desk_announcement"),
    )
    op.create_index("ix_desk_announcement_ends_at", "desk_announcement", ["ends_at"])
    op.create_table(
        "desk_dismissal",
        *_texts("announcement_id", "person_id"),
        *_moments("at"),
        sa.ForeignKeyConstraint(["announcement_id"], ["desk_announcement.id"], name="fk_desk_dismissal_announcement_id"),
        sa.PrimaryKeyConstraint("announcement_id", "person_id", name="pk_desk_dismissal"),
    )


def _create_notices() -> None:
    op.create_table(
        "desk_notice",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        *_texts("person_id", "kind", "key"),
        *_texts("tenant_id", nullable=True),
        sa.Column("facts", JSONB(), nullable=False),
        sa.Column("shown", sa.Boolean(), nullable=False),
        *_moments("at"),
        *_moments("read_at", "mail_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_desk_notice"),
    )
    op.create_index("uq_desk_notice_key", "desk_notice", ["person_id", "key"], unique=True)
    op.create_index("ix_desk_notice_person_id", "desk_notice", ["person_id", "id"], postgresql_where=sa.text("shown"))
    op.create_index("ix_desk_notice_unread", "desk_notice", ["person_id", "id"], postgresql_where=sa.text("shown AND read_at IS NULL"))
    op.create_index("ix_desk_notice_mail_at", "desk_notice", ["mail_at"], postgresql_where=sa.text("mail_at IS NOT NULL"))
    op.create_index("ix_desk_notice_at", "desk_notice", ["at"])
    op.create_table(
        "desk_preference",
        *_texts("person_id", "kind", "channel"),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", "kind", "channel", name="pk_desk_preference"),
    )
    op.create_table("desk_told", *_texts("key"), *_moments("at"), sa.PrimaryKeyConstraint("key", name="pk_desk_told"))


def _create_webhooks() -> None:
    op.create_table(
        "desk_webhook",
        *_texts("id", "tenant_id", "url", "sealed_secret", "problem", "made_by"),
        sa.Column("kinds", JSONB(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        *_moments("made_at"),
        sa.PrimaryKeyConstraint("id", name="pk_desk_webhook"),
    )
    op.create_index("ix_desk_webhook_tenant_id", "desk_webhook", ["tenant_id", "id"])
    op.create_table(
        "desk_delivery",
        *_texts("id", "webhook_id", "key", "kind", "body", "state", "problem"),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        *_moments("made_at"),
        *_moments("next_at", "done_at", nullable=True),
        _check("desk_delivery", "state", "state IN ('due', 'delivered', 'failed')"),
        _check("desk_delivery", "due", "(state = 'due') = (next_at IS NOT NULL) AND (state = 'due') = (done_at IS NULL)"),
        sa.ForeignKeyConstraint(["webhook_id"], ["desk_webhook.id"], name="fk_desk_delivery_webhook_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_desk_delivery"),
    )
    op.create_index("uq_desk_delivery_key", "desk_delivery", ["webhook_id", "key"], unique=True)
    op.create_index("ix_desk_delivery_webhook_id", "desk_delivery", ["webhook_id", "id"])
    op.create_index("ix_desk_delivery_due", "desk_delivery", ["webhook_id", "next_at"], postgresql_where=sa.text("state = 'due'"))
    op.create_index("ix_desk_delivery_done_at", "desk_delivery", ["done_at"])


def _texts(*names: str, nullable: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(), nullable=nullable) for name in names]


def _moments(*names: str, nullable: bool = False) -> list[sa.Column[object]]:
    return [sa.Column(name, MOMENT, nullable=nullable) for name in names]


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))
