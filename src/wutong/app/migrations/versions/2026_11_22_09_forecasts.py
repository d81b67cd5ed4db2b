"""Tables of the forecast: what is told of waiting runs, what came of it, each pool's outlook, and what the forecasters have learnt."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261122_09_forecasts"
down_revision = "20261122_08_operations"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "centre_forecast",
        *[sa.Column(name, sa.String(), nullable=False) for name in ("run_name", "pool")],
        *[sa.Column(name, MOMENT, nullable=False) for name in ("made_at", "start_at", "first_made_at", "first_start_at")],
        *[sa.Column(name, MOMENT, nullable=True) for name in ("bound_at", "first_bound_at")],
        sa.CheckConstraint("bound_at >= start_at AND first_bound_at >= first_start_at", name=op.f("ck_centre_forecast_bounds")),
        sa.PrimaryKeyConstraint("run_name", name="pk_centre_forecast"),
    )
    op.create_table(
        "centre_forecast_score",
        *[sa.Column(name, sa.String(), nullable=False) for name in ("run_name", "pool")],
        *[sa.Column(name, MOMENT, nullable=False) for name in ("made_at", "start_at", "started_at")],
        sa.Column("bound_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("run_name", "made_at", name="pk_centre_forecast_score"),
    )
    op.create_index("ix_centre_forecast_score_started_at", "centre_forecast_score", ["started_at"])
    op.create_table(
        "centre_outlook",
        sa.Column("pool", sa.String(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("cells", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("pool", name="pk_centre_outlook"),
    )
    op.create_table(
        "centre_forecaster",
        sa.Column("pool", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("saved_at", MOMENT, nullable=False),
        sa.Column("state", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("pool", name="pk_centre_forecaster"),
    )


def downgrade() -> None:
    """Undo."""
    for table in ("centre_forecaster", "centre_outlook", "centre_forecast_score", "centre_forecast"):
        op.drop_table(table)
