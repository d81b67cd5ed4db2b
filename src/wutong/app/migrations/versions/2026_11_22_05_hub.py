"""Tables of the room hub."""

revision = "20261122_05_hub"
down_revision = "20261122_04_centre"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""


def downgrade() -> None:
    """Undo."""
