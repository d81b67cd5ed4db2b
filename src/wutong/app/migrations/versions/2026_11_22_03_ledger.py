"""Tables of the room ledger."""

revision = "20261122_03_ledger"
down_revision = "20261122_02_identity"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""


def downgrade() -> None:
    """Undo."""
