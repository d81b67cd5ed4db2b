"""Every page times every caller: who is not signed in is led to the door, who may not is refused, and a stranger never sees what is another's.

What a page needs is in its signature; what its path names is made here, the owner's. A path that names something new fails until it is listed.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient
from tests.api.callers import PEOPLE, Door, fresh_people, make_context
from tests.web.conftest import TOKEN

from wutong.api.main import create_app
from wutong.doorway.asking import COOKIE, Needs
from wutong.identity import service
from wutong.identity.rules import Permission
from wutong.kit.database import Database
from wutong.web.main import create_portal
from wutong.web.nouns import PAGES

SECRET_NAME = "nobody-elses-business"
ROUTES: dict[str, APIRoute] = {f"{method} {route.path}": route for pages in PAGES for route in pages.routes for method in sorted(route.methods)}


def _job(door: Door) -> str:
    return str(door.ok("owner", "POST", "/jobs", json={"name": SECRET_NAME, "command": "true", "time_limit_s": 60})["id"])


def _repo(door: Door) -> str:
    number = next(_NUMBERS)
    return str(door.ok("owner", "POST", "/repos", json={"kind": "dataset", "name": f"{SECRET_NAME}-{number}"})["id"])


def _order(door: Door) -> str:
    body = {"name": f"offer-{next(_NUMBERS)}", "accelerator": "cpu-slot", "card_hours": 1, "price_fen": 10, "validity_days": 30}
    offer = door.ok("operator", "POST", "/admin/offers", json=body)["id"]
    return str(door.ok("owner", "POST", "/orders/packages", json={"offer_id": offer})["id"])


def _ticket(door: Door) -> str:
    return str(door.ok("owner", "POST", "/tickets", json={"subject": SECRET_NAME, "text": SECRET_NAME})["id"])


def _attachment(door: Door) -> str:
    return str(door.ok("owner", "POST", f"/tickets/{_ticket(door)}/attachments?name={SECRET_NAME}", content=SECRET_NAME.encode())["id"])


def _webhook(door: Door) -> str:
    made = door.ok("owner", "POST", "/webhooks", json={"url": f"https://{SECRET_NAME}.example.cn/"})["webhook"]["id"]
    others = [each["id"] for each in door.ok("owner", "GET", "/webhooks")["items"] if each["id"] != made]
    for other in others:
        door.ok("owner", "DELETE", f"/webhooks/{other}")
    return str(made)


def _owner(door: Door) -> str:
    """The last owner, who stays whatever is tried."""
    return door.people["owner"].person_id


_NUMBERS = iter(range(1, 10**6))
# What a path may name, and how the owner comes to one. A plain value is one that is nobody's.
NAMED: dict[str, Callable[[Door], str] | str] = {
    "job_id": _job,
    "repo_id": _repo,
    "order_id": _order,
    "name": "no-such-thing",
    "number": "1",
    "run_name": "wutong-none-1",
    "secret": "wti_no-such-invitation",
    "ticket_id": _ticket,
    "attachment_id": _attachment,
    "webhook_id": _webhook,
    "delivery_id": "whd_none",
    "person_id": _owner,
    "invitation_id": "inv_none",
    "token_id": "tok_none",
    "session_id": "ses_none",
    "login_id": "login_none",
    "notice_id": "1",
    "announcement_id": "ann_none",
    "tenant_id": "ten_none",
    "pool": "local",
    "window_id": "maint_none",
    "proposal_id": "prop_none",
    "month": "2026-11",
    "chapter": "jobs",
}


@pytest.fixture(scope="module")
def both(migrated: Database, tmp_path_factory: pytest.TempPathFactory, password_hash: str) -> Iterator[tuple[Door, TestClient]]:
    """One centre behind both doors: objects are made at the one, pages looked at through the other."""
    people = fresh_people(migrated, password_hash)
    context = make_context(tmp_path_factory.mktemp("home"), migrated)
    with TestClient(create_app(context)) as http, TestClient(create_portal(context), follow_redirects=False) as pages:
        yield Door(context, http, people), pages


def test_paths_name_only_what_is_listed():
    named = {name for route in ROUTES.values() for name in re.findall(r"\{(\w+)", route.path)}
    assert named - NAMED.keys() == set()


@pytest.mark.parametrize("name", sorted(ROUTES))
def test_what_a_page_tells_each_caller(both, name):
    door, pages = both
    method, path = name.split(" ", 1)
    needs: Needs | None = getattr(ROUTES[name].endpoint, "needs", None)
    _reopen(door)
    for person in PEOPLE:
        may = _may(door, person, needs.permissions if needs else ())
        where = re.sub(r"\{(\w+)(:\w+)?\}", lambda match: _value(door, match[1]), path)
        answer = _ask(pages, door, person, method, where)
        assert answer.status_code < 500, (person, where, answer.text[:500])
        if needs is None or needs.optional:
            continue
        shown = 200 <= answer.status_code < 400 and not _led_to_the_door(answer)
        if person == "anonymous":
            assert not shown, (person, where)
        elif not may:
            assert answer.status_code in (403, 404, 422), (person, where, answer.status_code)  # an empty form is refused before anything is looked up
        elif person == "stranger" and "{" in path:
            assert not shown, (person, where, answer.status_code)
        if person in ("stranger", "anonymous"):
            assert SECRET_NAME not in answer.text, (person, where)


def _ask(pages: TestClient, door: Door, person: str, method: str, where: str) -> Any:
    pages.cookies.clear()
    secret = door.people[person].secret
    if secret:
        pages.cookies.set(COOKIE, secret)
    data = None
    if method != "GET":
        found = TOKEN.search(pages.get("/sign-up").text)
        data = {"csrf_token": found.group(1) if found else ""}
    return pages.request(method, where, data=data)


def _value(door: Door, name: str) -> str:
    made = NAMED[name]
    return made if isinstance(made, str) else made(door)


def _led_to_the_door(answer: Any) -> bool:
    return answer.status_code == 303 and answer.headers["location"].startswith("/sign-in")


def _may(door: Door, person: str, permissions: tuple[Permission, ...]) -> bool:
    secret = door.people[person].secret
    if secret is None:
        return False
    with door.context.database.session() as session:
        who = service.authenticate(session, secret)
        return all(who.may(permission) for permission in permissions)


def _reopen(door: Door) -> None:
    door.context.throttle.forget()
    with door.context.database.session() as session:
        for someone in door.people.values():
            if someone.person_id:
                someone.secret = service.open_session(session, someone.person_id, someone.tenant_id)[1]
