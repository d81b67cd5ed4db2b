"""Tables of the room identity."""

revision = "20261122_02_identity"
down_revision = "20261122_01_kit"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""


def downgrade() -> None:
    """Undo."""
