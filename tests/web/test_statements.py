"""No page asks the database row by row: each runs at most a dozen statements, and not one more when there is ten times as much to show."""

import contextlib
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.api.callers import Door, fresh_people, make_context
from tests.web.conftest import Portal, statements
from tests.web.money import charge_job
from tests.web.multiply import multiply
from tools.screenshots import PATHS

from wutong.api.main import create_app
from wutong.identity import service as identity
from wutong.kit import clock
from wutong.kit.database import Database
from wutong.web.main import create_portal

MOST = 12
# Whose rows are named by numbers of other rows, or by people and organisations alone.
HARD_TO_COPY = {"compute_budget", "compute_ladder", "hub_storage", "hub_storage_window", "identity_centre_role", "ledger_hold_source"}
TIMES = 27
TABLES = sorted((Path(__file__).parents[1] / "api" / "routes").glob("*.py"))
# Parts of pages, which are asked for again and again.
PARTS = {
    "owner": [
        *("/jobs/part", "/jobs/{job_id}/part", "/overview/state", "/overview/more", "/environments/part", "/tickets/{ticket_id}/part"),
        *("/inbox/badge", "/announcements/now"),
    ],
    "operator": [
        "/console/now",
        "/console/hands",
        "/console/utilisation/heat",
        "/console/queue/part",
        "/console/tickets/{ticket_id}/part",
        "/wall/part",
        "/front/load",
    ],
}


@dataclass(frozen=True)
class Counted:
    """How many statements each page runs, with a few of everything and with many; and how many rows were added to each table in between."""

    few: dict[str, int]
    many: dict[str, int]
    added: dict[str, int]


@pytest.fixture(scope="module")
def counted(migrated: Database, tmp_path_factory: pytest.TempPathFactory, password_hash: str) -> Iterator[Counted]:
    """Ask for every page, with a few of everything and with many."""
    people = fresh_people(migrated, password_hash)
    context = make_context(tmp_path_factory.mktemp("home"), migrated)
    app = create_portal(context)
    with TestClient(create_app(context)) as http, TestClient(app):
        portal = Portal(context, app, people)
        named = _some_of_everything(Door(context, http, people), portal)
        _count(portal, named)  # some is read once a process
        few = _count(portal, named)
        added = multiply(migrated, TIMES)
        yield Counted(few, _count(portal, named), added)


def _some_of_everything(door: Door, portal: Portal) -> dict[str, str]:
    """Make what the routes of the JSON door are tried with; returns what paths name."""
    named: dict[str, str] = {}
    for table in TABLES:
        for each in importlib.import_module(f"tests.api.routes.{table.stem}").ROUTES.values():
            with contextlib.suppress(AssertionError):  # one too many of a kind, as of webhooks
                named |= {name: value for name, value in each.make(door).items() if isinstance(value, str)}
    first, second, _ = [charge_job(portal, f"train-{number}") for number in range(3)]
    with portal.context.database.session() as session:  # some of these tries end a session
        for someone in portal.people.values():
            if someone.person_id:
                someone.secret = identity.open_session(session, someone.person_id, someone.tenant_id)[1]
    more = {"job_id": first.job_id, "failed_job": second.job_id, "run_name": first.run_name, "number": "1", "pool": "local", "name": "local"}
    return {
        **named,
        **more,
        "tenant_id": door.people["owner"].tenant_id or "",
        "month": f"{clock.now():%Y-%m}",
        "secret": "wti_none",
        "chapter": "job-file",
    }


def _count(portal: Portal, named: dict[str, str]) -> dict[str, int]:
    found = {}
    for who, paths in PATHS.items():
        browser = portal.browser("anonymous" if who == "anybody" else who)
        for path in [*paths, *PARTS.get(who, [])]:
            where = path.format(**named).replace("说明.txt", "a.txt")
            portal.context.throttle.forget()
            with statements(portal) as seen:
                browser.get(where)
            found[f"{who} {path}"] = len(seen)
    return found


def test_no_page_runs_more_statements_than_a_dozen(counted):
    assert {path: number for path, number in counted.many.items() if number > MOST} == {}


def test_no_page_runs_more_statements_for_more_rows(counted):
    assert {path: (few, counted.many[path]) for path, few in counted.few.items() if counted.many[path] > few} == {}


def test_there_was_much_more_to_show(counted):
    few = {table for table, rows in counted.added.items() if rows < TIMES / 2}
    assert sorted(few - HARD_TO_COPY) == []
