"""Fixtures every test may use: real PostgreSQL with the real migrations, a clock that stands still, one database a test process.

`WUTONG_TEST_DATABASE_URL` names a server to use (any database of it, with the right to create others); otherwise an embedded one is
started for the test run. Each test begins with empty tables.
"""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session
from tests.postoffice import PostOffice
from tests.tables import empty

from wutong.app.migrate import migrate
from wutong.kit import clock
from wutong.kit.database import Database, normal_url

settings.register_profile("everyday", max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck))
settings.register_profile("long", max_examples=400, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile(os.environ.get("WUTONG_HYPOTHESIS", "everyday"))


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a PostgreSQL server on which databases can be created."""
    given = os.environ.get("WUTONG_TEST_DATABASE_URL")
    if given:
        yield given
        return
    from wutong.kit.postgres import EmbeddedPostgres

    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"))
    try:
        url = server.start()
        _forget_the_disk(url)
        yield url
    finally:
        server.stop()


def _forget_the_disk(url: str) -> None:
    """What a test writes need not outlive a failure of power, which nothing here tests; waiting for the disk is most of a small transaction."""
    server = create_engine(normal_url(url), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    server.dispose()


@pytest.fixture(scope="session")
def migrated(server_url: str) -> Iterator[Database]:
    """A database of this test process, at the newest revision."""
    name = f"test_{os.getpid()}_{secrets.token_hex(3)}"
    admin = create_engine(normal_url(server_url), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    database = Database(make_url(normal_url(server_url)).set(database=name).render_as_string(hide_password=False))
    migrate(database)
    yield database
    database.close()
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def database(migrated: Database) -> Database:
    """The migrated database, with empty tables."""
    empty(migrated)
    return migrated


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """One transaction on an empty database, committed when the test ends well."""
    with database.session() as session:
        yield session


@pytest.fixture
def fake_clock() -> Iterator[clock.FakeClock]:
    """A clock that stands still until the test moves it."""
    fake = clock.FakeClock()
    with clock.use(fake):
        yield fake


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder for a centre's state."""
    return tmp_path / "home"


@pytest.fixture
def office() -> Iterator[PostOffice]:
    """A mail server that is there."""
    running = PostOffice().open()
    yield running
    running.close()
