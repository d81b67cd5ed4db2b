"""Brings a database to the schema of this version. Several processes may try at once: one does it, the others wait."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text
from sqlalchemy.exc import OperationalError

from wutong.kit.database import Database

if TYPE_CHECKING:
    from alembic.config import Config

_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 7_265_001


def alembic_config() -> "Config":
    """Return Alembic's configuration for our folder of versions."""
    from alembic.config import Config  # an API process only asks where the database stands, and needs none of Alembic

    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.set_main_option("path_separator", "os")
    return config


def migrate(database: Database, revision: str = "head") -> None:
    """Upgrade to a revision under an advisory lock, in one transaction. Where nothing is to be done, Alembic is not even imported."""
    if revision == "head" and is_current(database):
        return
    from alembic import command

    _run(database, lambda config: command.upgrade(config, revision))


def downgrade(database: Database, revision: str) -> None:
    """Go back to a revision, `base` for an empty schema."""
    from alembic import command

    _run(database, lambda config: command.downgrade(config, revision))


def newest_revision() -> str:
    """Return the newest revision. Versions are named by date and number, so the last file holds it."""
    last = max(_FOLDER.glob("versions/*.py"))
    found = re.search(r'^revision = "(.+)"$', last.read_text(), re.MULTILINE)
    if found is None:
        raise ValueError(f"{last} names no revision")
    return found[1]


def is_current(database: Database) -> bool:
    """Tell whether the database stands at the newest revision."""
    with database.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return False
        here: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return here == newest_revision()


def await_current(database: Database) -> None:
    """Wait until another process has brought the database up to date, and before that until it has come up."""
    _await(lambda: is_current(database))


def await_database(database: Database) -> None:
    """Wait until the database has come up."""
    _await(lambda: _answers(database))


def _answers(database: Database) -> bool:
    with database.engine.connect():
        return True


def _await(condition: Callable[[], bool]) -> None:
    while True:
        try:
            if condition():
                return
        except OperationalError:
            pass
        time.sleep(0.05)


def _run(database: Database, action: "Callable[[Config], None]") -> None:
    config = alembic_config()
    with database.engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        config.attributes["connection"] = connection
        action(config)
