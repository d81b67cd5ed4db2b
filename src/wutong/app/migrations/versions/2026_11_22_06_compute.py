"""Tables of the room compute."""

revision = "20261122_06_compute"
down_revision = "20261122_05_hub"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""


def downgrade() -> None:
    """Undo."""
