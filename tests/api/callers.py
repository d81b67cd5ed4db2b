"""Everybody who may stand before a door, and what a route is expected to tell each of them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from pydantic import SecretStr
from sqlalchemy.orm import Session
from starlette.testclient import TestClient
from tests.tables import Picture, empty, take_picture

from wutong.centre.engines.fake import FakeEngine
from wutong.centre.registry import Engines
from wutong.centre.service import seed_local
from wutong.compute.catalogue.service import seed_prices
from wutong.compute.environments.service import seed_environments
from wutong.compute.orders.service import record_top_up
from wutong.doorway.context import Context
from wutong.hub.blobs.local import LocalBlobs
from wutong.identity import service
from wutong.identity.credit_code import check_character
from wutong.identity.rules import CentreRole, Principal, Role
from wutong.kit import clock
from wutong.kit.clock import FakeClock
from wutong.kit.database import Database
from wutong.kit.seal import ensure_key
from wutong.kit.settings import Settings

PASSWORD = "a long enough one"
# Passwords hashed at little cost; how dear they are is asked of the real thing in tests/identity/test_passwords.py.
LIGHT = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
SETTLED_SECONDS = 30  # less than after which a session notes that it was used
# In the order the tenancy test lets them try: who may least comes first, so that a success does not spoil what follows.
PEOPLE = ("anonymous", "operator", "stranger", "viewer", "colleague", "owner")


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
    """A centre behind its JSON door, with people before it: `door.ok("owner", "GET", "/me")`."""

    context: Context
    http: TestClient
    people: dict[str, Someone] = field(default_factory=dict)

    def headers(self, name: str) -> dict[str, str]:
        """Headers that show who somebody is."""
        secret = self.people[name].secret
        return {"Authorization": f"Bearer {secret}"} if secret else {}

    def call(self, name: str, method: str, path: str, **options: Any) -> Any:
        """Call a route as somebody; the path may leave out /api/v1."""
        headers = {**self.headers(name), **options.pop("headers", {})}
        whole = path if path.startswith(("/api", "/health", "/metrics")) else f"/api/v1{path}"
        return self.http.request(method, whole, headers=headers, **options)

    def ok(self, name: str, method: str, path: str, **options: Any) -> Any:
        """Call a route that must succeed and return its body."""
        response = self.call(name, method, path, **options)
        assert response.is_success, (response.status_code, response.text)
        return response.json() if response.content else None

    def with_second_finance(self) -> "Door":
        """Let another of the centre's finance come in, by the name `second`."""
        if "second" not in self.people:
            with self.context.database.session() as session:
                person = service.create_operator(session, "second@example.cn", "second", LIGHT.hash(PASSWORD), [CentreRole.FINANCE])
                secret = service.open_session(session, person.id)[1]
            self.people["second"] = Someone("second", person.email, person.id, None, secret)
        return self

    def error(self, name: str, method: str, path: str, **options: Any) -> tuple[int, dict[str, Any]]:
        """Call a route that must fail and return the status and the error."""
        response = self.call(name, method, path, **options)
        assert not response.is_success, response.text
        return response.status_code, response.json()["error"]


@dataclass(frozen=True)
class _Settled:
    picture: Picture
    people: dict[str, Someone]
    since_s: float


_settled: dict[str, _Settled] = {}


@dataclass(frozen=True)
class Try:
    """What each caller is told by one route. `make` gives, per call, a fresh object: values for the path, and `json`, `content`,
    `headers` or `params` for the request. Nothing is expected of 2xx but being one; other statuses are exact."""

    owner: int = 200
    colleague: int = 200
    viewer: int = 200
    stranger: int = 404
    operator: int = 403
    anonymous: int = 401
    make: Callable[[Door], dict[str, Any]] = lambda door: {}
    # Why a stranger is not told 404 by a route with an object in its path.
    why: str = ""


def members_only(**expected: Any) -> Try:
    """A list or thing of the caller's own tenant: a stranger gets the stranger's own."""
    return Try(**{"stranger": 200, **expected})


def staff_only(**expected: Any) -> Try:
    """A route of the centre's staff."""
    return Try(**{"owner": 403, "colleague": 403, "viewer": 403, "stranger": 403, "operator": 200, "why": "staff only", **expected})


def fresh_people(database: Database, password_hash: str) -> dict[str, Someone]:
    """Empty the database but for everybody, registered and signed in.

    Registering them takes twenty times as long as bringing back what it wrote, so a process does it only now and then: often enough
    that sessions are as young as a test may think. Under a clock that stands still it is done for the test alone.
    """
    if isinstance(clock._current, FakeClock):
        empty(database)
        return settle_people(database, password_hash)
    settled = _settled.get(database.url)
    if settled is None or clock.monotonic() - settled.since_s > SETTLED_SECONDS:
        empty(database)
        people = settle_people(database, password_hash)
        settled = _settled[database.url] = _Settled(take_picture(database, "people"), people, clock.monotonic())
    else:
        settled.picture.bring_back(database)
    return {name: replace(someone) for name, someone in settled.people.items()}


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
        seed_centre(session)
        operator = service.create_operator(session, people["operator"].email, "operator", password_hash)
        people["operator"].person_id = operator.id
        people["operator"].secret = service.open_session(session, operator.id)[1]
        _fill_purses(session, people, service.authenticate(session, people["operator"].secret))
    return people


def seed_centre(session: Session) -> None:
    """Give the centre what it begins with: one local machine, its flavours and prices, the shipped environments."""
    seed_local(session, slots=4, cpus=4, memory_mb=8192)
    seed_prices(session)
    seed_environments(session)


def _fill_purses(session: Session, people: dict[str, Someone], finance: Principal) -> None:
    for name in ("owner", "stranger"):
        record_top_up(session, finance, tenant_id=people[name].tenant_id or "", amount_fen=10**9, reference=f"first of {name}")


def make_context(home: Path, database: Database) -> Context:
    """A context with a fake engine under the local pool and blobs in a folder."""
    settings = make_settings(home, database)
    ensure_key(settings.key_file)
    return Context(settings, database, Engines([FakeEngine("local")]), LocalBlobs(settings.blobs))


def make_settings(home: Path, database: Database) -> Settings:
    """Settings of a centre in a test's folder."""
    return Settings(home=home, database_url=SecretStr(database.url))
