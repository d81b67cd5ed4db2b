"""The centre's console: who may open what, how it tells of the centre, the wall."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import text
from tests.web.conftest import Portal, statements
from tests.web.console import HOSTILE, someone, staffed, submitted, trail

from wutong.centre.rules import PoolCapacity, Waiting
from wutong.compute.jobs import service as jobs
from wutong.kit import clock
from wutong.web.console.now import stuck

__all__ = ["staffed"]


PAGES = (
    "/console",
    "/console/now",
    "/console/hands",
    "/console/utilisation",
    "/console/utilisation?days=30",
    "/console/utilisation/heat",
    "/console/jobs",
    "/console/queue",
    "/console/queue/part",
    "/console/nodes",
    "/console/nodes/local/local",
    "/console/flavours",
    "/console/maintenance",
    "/console/tenants",
    "/console/staff",
    "/console/prices",
    "/console/payments",
    "/console/payments/recorded",
    "/console/books",
    "/console/audit",
    "/console/report/2026-11",
    "/console/whatif",
    "/wall",
    "/wall/part",
)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_page_opens_in_both_languages_with_few_statements(portal, language):
    job = submitted(portal, name=HOSTILE.replace("\u202e", ""))
    browser = portal.browser("operator", language)
    tenant = portal.people["owner"].tenant_id
    for path in (*PAGES, f"/console/jobs/{job.id}", f"/console/tenants/{tenant}"):
        with statements(portal) as seen:
            page = browser.get(path).text
        assert len(seen) <= 12, (path, len(seen), seen)
        assert "<script>alert" not in page
        assert "<img src=x" not in page


def test_statements_do_not_grow_with_rows(portal):
    browser = portal.browser("operator")
    counts = []
    for _ in range(2):
        for _ in range(3):
            submitted(portal)
        with statements(portal) as seen:
            browser.get("/console/jobs")
        counts.append(len(seen))
    assert counts[0] == counts[1]


def test_organisations_and_strangers_open_nothing(portal):
    for path in PAGES:
        assert portal.browser().get(path, status=303).headers["location"].startswith("/sign-in")
        for name in ("owner", "stranger", "viewer"):
            portal.browser(name).get(path, status=403)


CLOSED = {
    "plain": {"/console/payments", "/console/payments/recorded", "/console/books", "/console/audit"},
    "finance": {"/console/jobs", "/console/queue", "/console/queue/part", "/console/audit"},
    "subsidy": {"/console/jobs", "/console/queue", "/console/queue/part", "/console/payments", "/console/payments/recorded", "/console/books"},
    "auditor": set(),
}


@pytest.mark.parametrize("name", CLOSED)
def test_each_role_opens_its_own_and_is_shown_no_more(staffed, name):
    browser = staffed.browser(name)
    closed = CLOSED[name] | ({"/console/audit"} if name != "auditor" else set())
    for path in PAGES:
        browser.get(path, status=403 if path in closed else 200)
    menu = re.search(r'<nav class="navbar-collapse.*?</nav>', browser.get("/console").text, re.DOTALL).group(0)
    for path in re.findall(r'href="(/[a-z]+[^".#]*)"', menu):
        browser.get(path, status=303 if path == "/overview" else 200)


def test_only_operators_change_things(staffed):
    job, tenant = submitted(staffed), staffed.people["owner"].tenant_id
    forms = [
        (f"/console/jobs/{job.id}/stop", {"reason": "x"}),
        ("/console/pools/local/state", {"state": "closed", "reason": "x"}),
        ("/console/nodes/local/local/state", {"state": "down", "reason": "x"}),
        ("/console/flavours/cpu.1", {"enabled": "no"}),
        ("/console/prices", {"flavour": "cpu.1", "price": "1"}),
        ("/console/offers", {"name": "x"}),
        ("/console/reservation-terms", {"pool": "local"}),
        ("/console/maintenance", {"pool": "local"}),
        (f"/console/tenants/{tenant}/state", {"state": "suspended", "reason": "x"}),
        (f"/console/tenants/{tenant}/quota", {"quota_gib": "1"}),
        ("/console/staff", {"email": "viewer@example.cn", "role": "operator"}),
    ]
    before = len(trail(staffed))
    for name in ("owner", "finance", "subsidy", "auditor"):
        browser = staffed.browser(name)
        browser.get("/overview" if name == "owner" else "/console")
        for path, form in forms:
            browser.send(path, form, status=403)
    for name in ("owner", "plain", "auditor"):
        staffed.browser(name).send("/console/payments", {"amount": "1"}, status=403, on="/overview" if name == "owner" else "/console")
    assert len(trail(staffed)) == before


def test_the_console_tells_how_the_centre_is(portal):
    submitted(portal)
    page = portal.browser("operator").get("/console").text
    assert "0 / 4" in page
    assert "cpu-slot" in page


def test_what_is_not_well_is_told_first(portal):
    class Ill:
        name, ok, detail = "disk", False, "1 GiB free, nearly full"

    object.__setattr__(portal.context, "health", lambda: (Ill(),))
    page = portal.browser("operator").get("/console").text
    assert 'role="alert"' in page
    assert "1 GiB free, nearly full" in page


def hours_of_use(portal: Portal) -> None:
    """Write down a week in which the machine was there, and half of one day in use."""
    now = clock.now().replace(minute=0, second=0, microsecond=0)
    with portal.context.database.session() as session:
        for hour in range(1, 169):
            at = {"at": now - timedelta(hours=hour)}
            session.execute(text("INSERT INTO centre_capacity VALUES (:at, 'local', 'local', 14400000)"), at)
            if hour <= 24:
                session.execute(text("INSERT INTO centre_utilisation VALUES (:at, 'local', 'local', 'ten_a', 7200000)"), at)


def test_utilisation_is_drawn_and_told_as_a_table(portal):
    browser = portal.browser("operator")
    assert "Machines by hour" not in browser.get("/console/utilisation/heat").text, "nothing is drawn of machines that were not there"
    hours_of_use(portal)
    page = browser.get("/console/utilisation?days=7").text
    assert 'class="line s1"' in page
    assert "48" in page  # card-hours
    assert '<a href="/console/utilisation/heat">' in page, "without scripts a link leads to what else comes after"
    heat = browser.get("/console/utilisation/heat").text
    assert 'class="h2" d="M' in heat  # half in use
    assert "7.1 %" in heat  # the mean of the week


def test_the_month_report_tells_what_was_used(portal):
    browser = portal.browser("operator")
    assert browser.get("/console/report", status=303).headers["location"].startswith("/console/report/20")
    hours_of_use(portal)
    page = browser.get(browser.get("/console/report", status=303).headers["location"]).text
    assert "This month is under way" in page
    assert "Share of cards in use, by day" in page or "Nothing was counted" in page
    assert "Report of 2026-01" in browser.get("/console/report/2026-01").text
    assert "Write a month such as 2026-11." in browser.get("/console/report/nonsense", status=422).text


def test_the_wall_names_no_organisation(portal):
    job = submitted(portal, name="private name")
    hours_of_use(portal)
    with portal.context.database.session() as session:
        jobs.stop_job(session, someone(portal, session, "operator"), job.id, reason="x")
    browser = portal.browser("operator")
    page = browser.get("/wall").text
    assert "private name" not in page
    assert "House of" not in page
    assert "50 % in the mean" in page
    assert '<nav class="navbar' not in page
    assert "<html" not in browser.get("/wall/part").text


def test_what_waits_for_a_person_stands_on_the_first_page(portal, door):
    operator = portal.browser("operator")
    assert "Nothing waits for you" in operator.get("/console/hands").text
    for number in range(2):
        door.ok("owner", "POST", "/tickets", json={"subject": f"Question {number}", "text": "x"})
    with portal.context.database.session() as session:
        session.execute(text("UPDATE centre_node SET state = 'down', reason = :why"), {"why": HOSTILE})
    page = operator.get("/console/hands").text
    assert "2 tickets wait for the centre&#39;s answer." in page
    assert "Machine local of local is down." in page
    assert HOSTILE not in page
    assert "Nothing waits for you" not in page


def test_a_queue_that_stands_still_is_told_of_and_a_full_one_is_not():
    def pool(name, busy):
        return PoolCapacity(name, "npu", 1, 8, busy, 1.0, 1.0)

    pools = [pool("idle", 1), pool("full", 8), pool("old", 8), pool("empty", 0)]
    waiting = {"idle": Waiting(1, 3700.0), "full": Waiting(9, 86_400.0), "old": Waiting(2, 4 * 86_400.0)}
    assert [each.pool for each, _ in stuck(pools, waiting)] == ["idle", "old"]
