"""Tables of the room centre."""

revision = "20261122_04_centre"
down_revision = "20261122_03_ledger"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""


def downgrade() -> None:
    """Undo."""
