"""Brings a database to the schema of this version. Several processes may try at once: one does it, the others wait."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from wutong.kit.database import Database

_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 7_265_001


def alembic_config() -> Config:
    """Return Alembic's configuration for our folder of versions."""
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.set_main_option("path_separator", "os")
    return config


def migrate(database: Database, revision: str = "head") -> None:
    """Upgrade to a revision under an advisory lock, in one transaction."""
    _run(database, lambda config: command.upgrade(config, revision))


def downgrade(database: Database, revision: str) -> None:
    """Go back to a revision, `base` for an empty schema."""
    _run(database, lambda config: command.downgrade(config, revision))


def is_current(database: Database) -> bool:
    """Tell whether the database stands at the newest revision."""
    with database.engine.connect() as connection:
        here = MigrationContext.configure(connection).get_current_revision()
    return here == ScriptDirectory.from_config(alembic_config()).get_current_head()


def _run(database: Database, action) -> None:  # type: ignore[no-untyped-def]
    config = alembic_config()
    with database.engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        config.attributes["connection"] = connection
        action(config)
