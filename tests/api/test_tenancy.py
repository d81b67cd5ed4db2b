"""Every route times every caller. A route that `tests/api/routes/` does not list fails here, so none is forgotten."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.api.callers import PEOPLE, Door, Try
from tests.api.conftest import open_door

from wutong.api.nouns import ROUTERS
from wutong.identity import service
from wutong.kit.database import Database

TABLES = sorted(Path(__file__).parent.glob("routes/*.py"))


def expected() -> dict[str, Try]:
    """All tables of expectations together."""
    everything: dict[str, Try] = {}
    for table in TABLES:
        routes = importlib.import_module(f"tests.api.routes.{table.stem}").ROUTES
        assert not everything.keys() & routes.keys()
        everything |= routes
    return everything


def served() -> list[str]:
    """Every method and path the application answers."""
    return [f"{method} {route.path}" for router in ROUTERS for route in router.routes for method in sorted(route.methods)]


@pytest.fixture(scope="module")
def all_day(migrated: Database, tmp_path_factory: pytest.TempPathFactory, password_hash: str) -> Iterator[Door]:
    """One centre for all routes: every try makes an object of its own."""
    yield from open_door(migrated, tmp_path_factory.mktemp("home"), password_hash)


EXPECTED = expected()
ABOUT_PEOPLE = re.compile(r"/me\b|session|password|member|email|login|tenant|role|invitation")
"""Routes that may close the sessions of those who are still to try."""
REQUEST = ("json", "content", "headers", "params", "data")


def test_every_route_is_listed_and_every_listed_route_exists():
    assert sorted(set(served()) - EXPECTED.keys()) == [], "routes nobody says who may call: list them in tests/api/routes/"
    assert sorted(EXPECTED.keys() - set(served())) == [], "listed routes that are not there"


def test_strangers_are_told_404_wherever_a_path_names_an_object():
    for name, row in EXPECTED.items():
        if "{" in name:
            assert row.stranger == 404 or row.why, f"{name}: a stranger must get 404, or the table must say why not"


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_what_a_route_tells_each_caller(all_day: Door, name: str):
    centre = all_day
    method, path = name.split(" ", 1)
    row = EXPECTED[name]
    told = {}
    for person in PEOPLE:
        if not told or (method != "GET" and ABOUT_PEOPLE.search(path)):
            reopen(centre)
        made = row.make(centre)
        centre.http.cookies.clear()
        request = {key: value for key, value in made.items() if key in REQUEST}
        response = centre.call(person, method, fill(path, made), **request)
        told[person] = response.status_code
        if response.status_code >= 400 and method != "HEAD":
            assert response.json()["error"]["code"], response.text
    assert told == {person: getattr(row, person) for person in PEOPLE}


def fill(path: str, made: dict[str, Any]) -> str:
    """Put an object's values into a path."""
    return re.sub(r"\{(\w+)(:path)?\}", lambda match: str(made[match[1]]), path)


def reopen(door: Door) -> None:
    """Give everybody a fresh session, for routes that close the one they came with."""
    door.context.throttle.forget()
    with door.context.database.session() as session:
        for someone in door.people.values():
            if someone.person_id:
                someone.secret = service.open_session(session, someone.person_id, someone.tenant_id)[1]
