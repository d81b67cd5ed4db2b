"""A centre behind its JSON door, with an owner, a colleague (member), a viewer, a stranger (owner elsewhere), an operator and nobody before it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.api.callers import PASSWORD, Door, make_settings, settle_people
from tests.conftest import empty

from wutong.api.context import Context
from wutong.api.main import create_app
from wutong.identity.passwords import hash_password
from wutong.kit.database import Database


@pytest.fixture(scope="session")
def password_hash() -> str:
    """One slow hash for all people."""
    return hash_password(PASSWORD)


def open_door(database: Database, home: Path, password_hash: str) -> Iterator[Door]:
    """Empty the database, let everybody register, and serve them."""
    empty(database)
    context = Context(make_settings(home, database), database)
    people = settle_people(database, password_hash)
    with TestClient(create_app(context)) as http:
        yield Door(context, http, people)


@pytest.fixture
def centre(migrated: Database, home: Path, password_hash: str) -> Iterator[Door]:
    """The JSON door on an empty database with everybody registered; loops do not run."""
    yield from open_door(migrated, home, password_hash)
