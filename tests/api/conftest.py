"""A centre behind its JSON door, with an owner, a colleague (member), a viewer, a stranger (owner elsewhere), an operator and nobody before it."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from tests.api.callers import LIGHT, PASSWORD, Door, fresh_people, make_context

from wutong.api.main import create_app
from wutong.doorway.context import Context
from wutong.identity import passwords
from wutong.kit.database import Database
from wutong.kit.settings import Settings


@pytest.fixture(scope="session")
def password_hash() -> str:
    """Everybody's password."""
    return LIGHT.hash(PASSWORD)


@pytest.fixture(autouse=True)
def _light_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed at little cost."""
    monkeypatch.setattr(passwords, "_hasher", LIGHT)


@lru_cache(maxsize=1)
def _built() -> FastAPI:
    return create_app(Context(Settings(), None))  # type: ignore[arg-type]


def application(context: Context | None) -> FastAPI:
    """The one application of this process, serving this context: building a hundred routes anew for each test takes longer than the test."""
    app = _built()
    app.state.context = context or app.state.context
    return app


def open_door(database: Database, home: Path, password_hash: str) -> Iterator[Door]:
    """Serve everybody on a database that holds nothing else."""
    people = fresh_people(database, password_hash)
    context = make_context(home, database)
    app = application(context)
    with TestClient(app) as http:
        yield Door(context, http, people)


@pytest.fixture
def centre(migrated: Database, home: Path, password_hash: str) -> Iterator[Door]:
    """The JSON door on an empty database with everybody registered; loops do not run."""
    yield from open_door(migrated, home, password_hash)
