"""Tables of jobs and of software environments."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261122_07_jobs"
down_revision = "20261122_06_compute"
branch_labels = None
depends_on = None

TABLES = [
    "compute_environment",
    "compute_secret",
    "compute_job",
    "compute_attempt",
    "compute_job_event",
    "compute_job_key",
    "compute_job_after",
    "compute_event_aside",
]


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "compute_environment",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("python", sa.String(), nullable=False),
        sa.Column("lock", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("log_tail", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("built_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_compute_environment"),
    )
    op.create_index("ix_compute_environment_due", "compute_environment", ["next_at"], postgresql_where=sa.text("state IN ('registered', 'building')"))
    op.create_index("uq_compute_environment_name", "compute_environment", ["tenant_id", "name", "digest"], unique=True)
    op.create_table(
        "compute_secret",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("sealed", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "name", name="pk_compute_secret"),
    )
    op.create_table(
        "compute_job",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("wait_reason", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("request", postgresql.JSONB(), nullable=False),
        sa.Column("flavour", sa.String(), nullable=False),
        sa.Column("pool", sa.String(), nullable=False),
        sa.Column("cards", sa.Integer(), nullable=False),
        sa.Column("environment_id", sa.String(), nullable=True),
        sa.Column("inputs", postgresql.JSONB(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("tries_used", sa.Integer(), nullable=False),
        sa.Column("free_used", sa.Integer(), nullable=False),
        sa.Column("setbacks", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("parent_id", sa.String(), nullable=True),
        sa.Column("array_index", sa.Integer(), nullable=True),
        sa.Column("array_size", sa.Integer(), nullable=True),
        sa.Column("array_limit", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("stop_why", sa.String(), nullable=True),
        sa.Column("stop_asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resume_from", sa.String(), nullable=True),
        sa.Column("output_repo_id", sa.String(), nullable=True),
        sa.Column("output_version_id", sa.String(), nullable=True),
        sa.Column("metrics", postgresql.JSONB(), nullable=False),
        sa.Column("labels", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["parent_id"], ["compute_job.id"], name="fk_compute_job_parent_id"),
        sa.PrimaryKeyConstraint("id", name="pk_compute_job"),
    )
    op.create_index(
        "ix_compute_job_due",
        "compute_job",
        ["next_at"],
        postgresql_where=sa.text("state = 'waiting' AND wait_reason IN ('preparing', 'retry_later', 'money')"),
    )
    op.create_index("ix_compute_job_finishing", "compute_job", ["next_at"], postgresql_where=sa.text("state = 'finishing'"))
    op.create_index(
        "ix_compute_job_inputs",
        "compute_job",
        ["inputs"],
        postgresql_using="gin",
        postgresql_ops={"inputs": "jsonb_path_ops"},
        postgresql_where=sa.text("parent_id IS NULL AND inputs <> '[]'::jsonb"),
    )
    op.create_index("ix_compute_job_labels", "compute_job", ["labels"], postgresql_using="gin", postgresql_ops={"labels": "jsonb_path_ops"})
    op.create_index("ix_compute_job_open", "compute_job", ["tenant_id"], postgresql_where=sa.text("ended_at IS NULL"))
    op.create_index("ix_compute_job_person_id", "compute_job", ["tenant_id", "person_id", "id"])
    op.create_index("ix_compute_job_state", "compute_job", ["tenant_id", "state", "id"])
    op.create_index("ix_compute_job_tenant_id", "compute_job", ["tenant_id", "id"])
    op.create_index(
        "uq_compute_job_parent_id", "compute_job", ["parent_id", "array_index"], unique=True, postgresql_where=sa.text("parent_id IS NOT NULL")
    )
    op.create_table(
        "compute_attempt",
        sa.Column("run_name", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("restart", sa.Integer(), nullable=False),
        sa.Column("ours", sa.Boolean(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("log_kept_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["compute_job.id"], name="fk_compute_attempt_job_id"),
        sa.PrimaryKeyConstraint("run_name", name="pk_compute_attempt"),
    )
    op.create_index(
        "ix_compute_attempt_to_keep", "compute_attempt", ["ended_at"], postgresql_where=sa.text("log_kept_at IS NULL AND ended_at IS NOT NULL")
    )
    op.create_index("uq_compute_attempt_job_id", "compute_attempt", ["job_id", "number"], unique=True)
    op.create_table(
        "compute_job_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["compute_job.id"], name="fk_compute_job_event_job_id"),
        sa.PrimaryKeyConstraint("id", name="pk_compute_job_event"),
    )
    op.create_index("ix_compute_job_event_job_id", "compute_job_event", ["job_id", "id"])
    op.create_table(
        "compute_job_key",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "key", name="pk_compute_job_key"),
    )
    op.create_table(
        "compute_job_after",
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("after_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["after_id"], ["compute_job.id"], name="fk_compute_job_after_after_id"),
        sa.ForeignKeyConstraint(["job_id"], ["compute_job.id"], name="fk_compute_job_after_job_id"),
        sa.PrimaryKeyConstraint("job_id", "after_id", name="pk_compute_job_after"),
    )
    op.create_index("ix_compute_job_after_after_id", "compute_job_after", ["after_id"])
    op.create_table(
        "compute_event_aside",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("run_name", sa.String(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_compute_event_aside"),
    )
    op.execute(
        "CREATE FUNCTION compute_job_event_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the history of jobs is appended, never changed'; END $$"
    )
    op.execute(
        "CREATE TRIGGER compute_job_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON compute_job_event "
        "FOR EACH STATEMENT EXECUTE FUNCTION compute_job_event_is_append_only()"
    )


def downgrade() -> None:
    """Undo."""
    for name in reversed(TABLES):
        op.drop_table(name)
    op.execute("DROP FUNCTION compute_job_event_is_append_only()")
