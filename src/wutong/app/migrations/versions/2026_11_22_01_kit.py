"""Tables of the room kit."""

import sqlalchemy as sa
from alembic import op

revision = "20261122_01_kit"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "kit_cursor",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_kit_cursor"),
    )
    op.create_table(
        "kit_lease",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_kit_lease"),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("kit_lease")
    op.drop_table("kit_cursor")
