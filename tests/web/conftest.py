"""A centre behind its portal, with the same people before it as before the JSON door; each has a browser of their own."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fastapi import FastAPI
from httpx2 import Response
from sqlalchemy import event
from starlette.testclient import TestClient
from tests.api.callers import LIGHT, PASSWORD, Door, Someone, fresh_people, make_context

from wutong.api.main import create_app
from wutong.doorway.asking import COOKIE
from wutong.doorway.context import Context
from wutong.identity import passwords
from wutong.kit.database import Database
from wutong.web import assets
from wutong.web.main import create_portal

TOKEN = re.compile(r'<meta name="csrf-token" content="([^"]*)">')


@dataclass
class Browser:
    """Somebody's browser: keeps cookies, follows links, sends forms with the token of the page they stand on."""

    http: TestClient
    language: str = "en"
    last: Response | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, *, status: int = 200, **options: object) -> Response:
        """Open a page."""
        self.last = self.http.get(path, headers={"Accept-Language": self.language, **self.headers}, **options)
        assert self.last.status_code == status, (path, self.last.status_code, self.last.text[:2000])
        return self.last

    def send(self, path: str, form: dict[str, object] | None = None, *, status: int = 303, on: str | None = None, **options: object) -> Response:
        """Send a form from a page (`on`, else the last one) that carries a token."""
        if on is not None:
            self.get(on)
        found = TOKEN.search(self.last.text) if self.last is not None else None
        data = {"csrf_token": found.group(1) if found else "", **(form or {})}
        headers = {"Accept-Language": self.language, **self.headers}
        answer = self.http.post(path, data=data, headers=headers, **options)
        assert answer.status_code == status, (path, answer.status_code, answer.text[:2000])
        return answer


@dataclass
class Portal:
    """The pages, and who stands before them."""

    context: Context
    app: FastAPI
    people: dict[str, Someone]

    def browser(self, name: str = "anonymous", language: str = "en") -> Browser:
        """Return a browser in which somebody is signed in."""
        http = TestClient(self.app, follow_redirects=False, raise_server_exceptions=True)
        secret = self.people[name].secret
        if secret:
            http.cookies.set(COOKIE, secret)
        return Browser(http, language)


@contextmanager
def statements(portal: Portal) -> Iterator[list[str]]:
    """Gather the SQL statements that are run meanwhile."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    engine = portal.context.database.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


@pytest.fixture(scope="session")
def password_hash() -> str:
    """Everybody's password."""
    return LIGHT.hash(PASSWORD)


@pytest.fixture(autouse=True)
def _light_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed at little cost."""
    monkeypatch.setattr(passwords, "_hasher", LIGHT)


@pytest.fixture(autouse=True, scope="session")
def _built() -> Iterator[None]:
    """Pages name built files; which ones exist is the front end's own test."""
    before = assets.manifest
    patch = pytest.MonkeyPatch()
    patch.setattr(assets, "manifest", _Named)
    yield
    patch.undo()
    assert assets.manifest is before


class _Named(dict[str, str]):
    """Every file is there under its plain name."""

    def __missing__(self, name: str) -> str:
        return name


@pytest.fixture
def portal(migrated: Database, home: Path, password_hash: str) -> Iterator[Portal]:
    """The pages on an empty database with everybody registered; loops do not run."""
    people = fresh_people(migrated, password_hash)
    context = make_context(home, migrated)
    app = create_portal(context)
    with TestClient(app):
        yield Portal(context, app, people)


@pytest.fixture
def door(portal: Portal) -> Iterator[Door]:
    """The JSON door of the same centre, to make things with."""
    with TestClient(create_app(portal.context)) as http:
        yield Door(portal.context, http, portal.people)
