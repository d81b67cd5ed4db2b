"""Everybody who may stand before a door: an owner, a colleague (member), a viewer, a stranger (owner elsewhere), an operator, nobody."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from wutong.api.context import Context
from wutong.api.main import create_app
from wutong.identity import service
from wutong.identity.credit_code import check_character
from wutong.identity.passwords import hash_password
from wutong.identity.rules import Role
from wutong.kit.database import Database
from wutong.kit.settings import Settings

PASSWORD = "a long enough one"
PEOPLE = ("owner", "colleague", "viewer", "stranger", "operator", "anonymous")


def credit_code(number: int) -> str:
    """A valid unified social credit code."""
    first = f"91420100{number:09d}"
    return first + check_character(first)


@dataclass
class Someone:
    """A person with a session."""

    name: str
    email: str
    person_id: str = ""
    tenant_id: str | None = None
    secret: str | None = None


@dataclass
class Door:
    """A centre behind its JSON door, with people before it."""

    context: Context
    http: TestClient
    people: dict[str, Someone] = field(default_factory=dict)

    @cached_property
    def app(self) -> Any:
        return self.http.app

    def headers(self, name: str) -> dict[str, str]:
        secret = self.people[name].secret
        return {"Authorization": f"Bearer {secret}"} if secret else {}

    def call(self, name: str, method: str, path: str, **options: Any) -> Any:
        """Call a route as somebody; the path may leave out /api/v1."""
        headers = {**self.headers(name), **options.pop("headers", {})}
        return self.http.request(method, path if path.startswith("/api") or path.startswith("/health") else f"/api/v1{path}", headers=headers, **options)

    def ok(self, name: str, method: str, path: str, **options: Any) -> Any:
        """Call a route that must succeed and return its body."""
        response = self.call(name, method, path, **options)
        assert response.is_success, (response.status_code, response.text)
        return response.json() if response.content else None


@pytest.fixture(scope="session")
def password_hash() -> str:
    """One slow hash for all people."""
    return hash_password(PASSWORD)


def settle_people(database: Database, password_hash: str) -> dict[str, Someone]:
    """Register everybody and open their sessions."""
    people = {name: Someone(name, f"{name}@example.cn") for name in PEOPLE}
    with database.session() as session:
        for number, name in enumerate(("owner", "stranger"), start=1):
            tenant, person = service.register_tenant(
                session,
                name=f"House of {name}",
                credit_code=credit_code(number),
                kind="enterprise",
                person_name=name,
                email=people[name].email,
                password_hash=password_hash,
            )
            people[name].person_id, people[name].tenant_id = person.id, tenant.id
            people[name].secret = service.open_session(session, person.id)[1]
        owner = service.authenticate(session, people["owner"].secret or "")
        for name, role in (("colleague", Role.MEMBER), ("viewer", Role.VIEWER)):
            member = service.accept_invitation(session, service.invite(session, owner, people[name].email, role)[1], name, password_hash)
            people[name].person_id, people[name].tenant_id = member.person_id, member.tenant_id
            people[name].secret = service.open_session(session, member.person_id)[1]
        operator = service.create_operator(session, people["operator"].email, "operator", password_hash)
        people["operator"].person_id = operator.id
        people["operator"].secret = service.open_session(session, operator.id)[1]
    return people


def make_settings(home: Path, database: Database) -> Settings:
    """Settings of a centre in a test's folder."""
    return Settings(home=home, database_url=SecretStr(database.url))


@pytest.fixture
def centre(database: Database, home: Path, password_hash: str) -> Iterator[Door]:
    """The JSON door on an empty database with everybody registered; loops do not run."""
    context = Context(make_settings(home, database), database)
    people = settle_people(database, password_hash)
    with TestClient(create_app(context), raise_server_exceptions=True) as http:
        yield Door(context, http, people)
