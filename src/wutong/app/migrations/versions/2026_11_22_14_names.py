"""Checks whose name began twice with their table's (`ck_hub_blob_ck_hub_blob_size`) get the name that the tables say."""

from alembic import op

revision = "20261122_14_names"
down_revision = "20261122_13_books"
branch_labels = None
depends_on = None

CHECKS = {
    "centre_accelerator": ("device",),
    "centre_flavour": ("service", "sizes"),
    "centre_maintenance": ("times",),
    "centre_node": ("state",),
    "centre_node_order": ("state",),
    "centre_pool": ("state",),
    "centre_run": ("counts", "ended", "phase"),
    "centre_usage": ("counts", "product"),
    "centre_utilisation": ("card_ms",),
    "hub_blob": ("size",),
    "hub_repo": ("kind", "visibility"),
    "hub_storage": ("amounts",),
    "hub_storage_usage": ("byte_seconds",),
    "hub_upload": ("kind", "size", "state"),
    "hub_version": ("number",),
}


def upgrade() -> None:
    """Apply."""
    for table, names in CHECKS.items():
        for name in names:
            op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT ck_{table}_ck_{table}_{name} TO ck_{table}_{name}")


def downgrade() -> None:
    """Undo."""
    for table, names in CHECKS.items():
        for name in names:
            op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT ck_{table}_{name} TO ck_{table}_ck_{table}_{name}")
