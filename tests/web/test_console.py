"""The centre's console: who may open what, what it shows, what operators and finance do there."""

import csv
import io
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from tests.api.callers import Someone
from tests.web.conftest import Portal, statements

from wutong.centre import service as centre
from wutong.centre.rules import RunSpec
from wutong.centre.runs.tables import RunRow
from wutong.compute.jobs import service as jobs
from wutong.compute.jobs.requests import JobRequest
from wutong.compute.jobs.rules import Job, JobState
from wutong.compute.jobs.store import add_attempts
from wutong.identity import service as identity
from wutong.identity.rules import CentreRole, Principal
from wutong.kit import clock
from wutong.ledger import service as ledger

PAGES = (
    "/console",
    "/console/now",
    "/console/utilisation",
    "/console/utilisation?days=30",
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
HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)>\u202e训练'
ROLES = {
    "plain": {CentreRole.OPERATOR},
    "finance": {CentreRole.FINANCE},
    "subsidy": {CentreRole.SUBSIDY},
    "auditor": {CentreRole.AUDITOR},
}


@pytest.fixture
def staffed(portal: Portal) -> Portal:
    """The portal with one more person for each role of the centre."""
    with portal.context.database.session() as session:
        for name, roles in ROLES.items():
            person = identity.create_operator(session, f"{name}@centre.example", name, "x", roles)
            secret = identity.open_session(session, person.id)[1]
            portal.people[name] = Someone(name, person.email, person.id, None, secret)
    return portal


def someone(portal: Portal, session: Any, name: str) -> Principal:
    return identity.authenticate(session, portal.people[name].secret or "")


def submitted(portal: Portal, who: str = "owner", **more: Any) -> Job:
    request = JobRequest(**{"name": "train", "command": "echo s3cret-words", "flavour": "cpu.1", **more})
    with portal.context.database.session() as session:
        return jobs.submit_job(session, someone(portal, session, who), request, limits=portal.context.job_limits)


def cash(portal: Portal, name: str = "owner") -> int:
    with portal.context.database.session() as session:
        return ledger.balance(session, portal.people[name].tenant_id or "").cash_fen


def trail(portal: Portal) -> list[str]:
    with portal.context.database.session() as session:
        return list(session.scalars(text("SELECT action FROM identity_audit ORDER BY id")))


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
    assert "Nothing was counted in this time" in browser.get("/console/utilisation?days=30").text or True
    hours_of_use(portal)
    page = browser.get("/console/utilisation?days=7").text
    assert 'class="line s1"' in page
    assert 'class="h2" d="M' in page  # half in use
    assert "48" in page  # card-hours
    assert "7.1 %" in page  # the mean of the week
    assert "50 %" in page


def test_jobs_are_filtered_by_state_pool_organisation_and_person(portal):
    mine, other = submitted(portal, name="alpha"), submitted(portal, "stranger", name="beta")
    browser = portal.browser("operator")
    both = browser.get("/console/jobs").text
    assert "alpha" in both
    assert "beta" in both
    assert "House of stranger" in both
    owner = portal.people["owner"]
    for query, expected in (
        (f"tenant={owner.tenant_id}", True),
        (f"tenant={owner.tenant_id}&person={owner.person_id}", True),
        (f"tenant={owner.tenant_id}&person=per_nobody", False),
        ("pool=local&state=queued", False),
        ("state=waiting&pool=none", False),
    ):
        page = browser.get(f"/console/jobs?{query}").text
        assert ("alpha" in page) == expected, query
        assert "beta" not in page
    assert browser.get(f"/console/jobs?id={other.id}", status=303).headers["location"] == f"/console/jobs/{other.id}"
    assert "There is no job with this id." in browser.get("/console/jobs?id=job_none").text
    first = browser.get("/console/jobs?limit=1").text
    assert "beta" in first
    assert "alpha" not in first
    assert "alpha" in browser.get(f"/console/jobs?limit=1&after={other.id}").text
    assert mine.id


def test_the_page_of_a_job_keeps_what_is_the_organisations_own(portal):
    job = submitted(portal, env={"TOKEN": "s3cret-value"})
    page = portal.browser("operator").get(f"/console/jobs/{job.id}").text
    assert "House of owner" in page
    assert "s3cret-words" not in page
    assert "s3cret-value" not in page
    portal.browser("operator").get("/console/jobs/job_none", status=404)


def test_an_operator_stops_a_job_with_a_reason_that_its_people_read(portal):
    job = submitted(portal)
    browser = portal.browser("operator")
    browser.get(f"/console/jobs/{job.id}")
    assert "Say why" in browser.send(f"/console/jobs/{job.id}/stop", {"reason": " "}, status=422).text
    browser.send(f"/console/jobs/{job.id}/stop", {"reason": "mines coins"})
    with portal.context.database.session() as session:
        stopped = jobs.get_job(session, someone(portal, session, "owner"), job.id)
        assert stopped.stop_why is not None or stopped.state is JobState.CANCELLED
        told = [event.detail for event in jobs.job_events(session, someone(portal, session, "owner"), job.id)]
    assert any("mines coins" in detail for detail in told)
    assert "job.stop" in trail(portal)
    browser.send("/console/jobs/job_none/stop", {"reason": "x"}, status=404)


def test_the_queue_is_in_the_engines_order_with_what_each_waits_for(portal):
    for position, name in ((2, "third"), (0, "first"), (1, "second")):
        job = submitted(portal, name=name)
        with portal.context.database.session() as session:
            add_attempts(session, [{"run_name": f"w-{name}", "job_id": job.id, "number": 1, "requested_at": clock.now()}])
            centre.request_run(session, RunSpec(name=f"w-{name}", tenant=job.tenant_id, argv=("true",), slots=1, time_limit_s=60), pool="local")
            run = session.get(RunRow, f"w-{name}")
            run.phase, run.position, run.waiting_for, run.due_at = "queued", position, f"{name} waits for cards", None
    page = portal.browser("operator").get("/console/queue?pool=local").text
    places = [page.index(f"{name} waits for cards") for name in ("first", "second", "third")]
    assert places == sorted(places)
    assert "local (3)" in page


def test_a_pool_is_closed_and_opened_with_a_reason(portal):
    browser = portal.browser("operator")
    browser.get("/console/nodes")
    refused = browser.send("/console/pools/local/state", {"state": "closed", "reason": ""}, status=422).text
    assert "Say why" in refused
    browser.send("/console/pools/local/state", {"state": "nonsense", "reason": "x"}, status=422)
    browser.send("/console/pools/local/state", {"state": "draining", "reason": "new racks"})
    assert "state-draining" in browser.get("/console/nodes").text
    assert "pool.state" in trail(portal)


def test_a_machine_is_taken_down_and_back_and_keeps_its_history(portal):
    browser = portal.browser("operator")
    path = "/console/nodes/local/local"
    browser.get(path)
    browser.send(f"{path}/state", {"state": "down", "reason": "fan broken"})
    page = browser.get(path).text
    assert page.count("fan broken") >= 2
    refused = browser.send(f"{path}/state", {"state": "draining", "reason": "keep what I typed"}, status=409).text
    assert 'value="keep what I typed"' in refused
    browser.send(f"{path}/state", {"state": "up", "reason": "fan new"})
    assert "fan new" in browser.get(path).text
    browser.get("/console/nodes/local/none", status=404)


def test_a_flavour_is_taken_back_and_offered_again(portal):
    browser = portal.browser("operator")
    browser.get("/console/flavours")
    browser.send("/console/flavours/cpu.1", {"enabled": "no"})
    assert 'name="enabled" value="yes"' in browser.get("/console/flavours").text
    browser.send("/console/flavours/none", {"enabled": "no"}, status=404)


def test_maintenance_is_announced_in_the_readers_zone_and_cancelled(portal):
    submitted(portal)
    browser = portal.browser("operator")
    browser.get("/console/maintenance")
    begins = (clock.now() + timedelta(days=1)).strftime("%Y-%m-%dT%H:00")
    ends = (clock.now() + timedelta(days=2)).strftime("%Y-%m-%dT%H:00")
    form = {"pool": "local", "begins_at": begins, "ends_at": "", "reason": "kernel"}
    page = browser.send("/console/maintenance", form, status=422).text
    assert 'value="kernel"' in page
    assert "whole number" not in page
    browser.send("/console/maintenance", {**form, "ends_at": "tomorrow"}, status=422)
    browser.send("/console/maintenance", {**form, "ends_at": ends})
    page = browser.get("/console/maintenance").text
    assert "House of owner" in page
    assert begins.replace("T", " ") in page
    window = re.search(r'action="/console/maintenance/([^/"]+)/cancel"', page).group(1)
    browser.send(f"/console/maintenance/{window}/cancel")
    assert "state-cancelled" in browser.get("/console/maintenance").text


def test_a_price_begins_when_said_and_the_old_one_stays_to_be_read(portal):
    browser = portal.browser("operator")
    browser.get("/console/prices")
    past = (clock.now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:00")
    later = (clock.now() + timedelta(days=3)).strftime("%Y-%m-%dT%H:00")
    page = browser.send("/console/prices", {"flavour": "cpu.1", "price": "7.5", "valid_from": past}, status=422).text
    assert 'value="7.5"' in page
    browser.send("/console/prices", {"flavour": "cpu.1", "price": "seven"}, status=422)
    browser.send("/console/prices", {"flavour": "cpu.1", "price": "7.5", "valid_from": later})
    page = browser.get("/console/prices").text
    assert "¥7.50" in page
    assert "¥6.00" in page


def test_packages_and_reservation_terms(portal):
    browser = portal.browser("operator")
    browser.get("/console/prices")
    offer = {"name": HOSTILE[:40], "accelerator": "cpu-slot", "card_hours": "1,000", "price": "4800", "validity_days": "90"}
    browser.send("/console/offers", {**offer, "card_hours": "many"}, status=422)
    browser.send("/console/offers", offer)
    assert "¥4,800.00" in browser.get("/console/prices").text
    browser.send("/console/offers/end", {"name": HOSTILE[:40]})
    assert "No package is on sale." in browser.get("/console/prices").text
    browser.send("/console/reservation-terms", {"pool": "local", "day_price": "120", "share": "150"}, status=422)
    browser.send("/console/reservation-terms", {"pool": "local", "day_price": "120", "share": "50"})
    assert "¥120.00" in browser.get("/console/prices").text


def test_organisations_are_searched_and_paged(portal):
    browser = portal.browser("operator")
    assert "House of owner" not in browser.get("/console/tenants?search=stranger").text
    assert "Nothing found" in browser.get("/console/tenants?search=%25%25").text
    first = browser.get("/console/tenants?limit=1").text
    assert 'rel="next"' in first
    browser.get("/console/tenants/ten_none", status=404)


def test_an_organisation_is_suspended_with_a_reason_and_lifted(portal):
    browser, path = portal.browser("operator"), f"/console/tenants/{portal.people['owner'].tenant_id}"
    browser.get(path)
    browser.send(f"{path}/state", {"state": "suspended", "reason": ""}, status=422)
    browser.send(f"{path}/state", {"state": "suspended", "reason": "no licence"})
    assert "Suspended: no licence" in browser.get(path).text
    browser.send(f"{path}/state", {"state": "active"})
    assert "Suspended:" not in browser.get(path).text
    browser.send(f"{path}/quota", {"quota_gib": "-1"}, status=422)
    browser.send(f"{path}/quota", {"quota_gib": "200"})
    assert "200 GiB" in browser.get(path).text
    browser.send("/console/tenants/ten_none/quota", {"quota_gib": "1"}, status=404)


def test_money_is_shown_to_those_who_keep_the_books(staffed):
    path = f"/console/tenants/{staffed.people['owner'].tenant_id}"
    assert "¥10,000,000.00" in staffed.browser("finance").get(path).text
    assert "¥" not in staffed.browser("plain").get(path).text


def test_roles_are_given_and_taken_and_nobody_gives_one_to_themselves(portal):
    browser = portal.browser("operator")
    browser.get("/console/staff")
    browser.send("/console/staff", {"email": portal.people["operator"].email, "role": "subsidy"}, status=403)
    browser.send("/console/staff", {"email": "nobody@example.cn", "role": "auditor"}, status=404)
    browser.send("/console/staff", {"email": portal.people["viewer"].email, "role": "king"}, status=422)
    browser.send("/console/staff", {"email": portal.people["viewer"].email, "role": "auditor"})
    assert portal.people["viewer"].email in browser.get("/console/staff").text
    browser.send("/console/staff/revoke", {"person_id": portal.people["viewer"].person_id, "role": "auditor"})
    assert portal.people["viewer"].email not in browser.get("/console/staff").text


def proposal_in(page: str, verb: str) -> str:
    return re.search(rf'action="/console/payments/([^/"]+)/{verb}"', page).group(1)


def test_a_payment_counts_when_a_second_person_approves(staffed):
    before, tenant = cash(staffed), staffed.people["owner"].tenant_id
    first, second = staffed.browser("finance"), staffed.browser("operator")
    form = {"tenant_id": tenant, "kind": "top_up", "amount": "1,200.50", "reference": "ICBC 77", "memo": HOSTILE}
    first.get("/console/payments")
    assert "Each bank transfer" in first.send("/console/payments", {**form, "reference": " "}, status=422).text
    first.send("/console/payments", {**form, "amount": "much"}, status=422)
    first.send("/console/payments", form)
    assert cash(staffed) == before
    own = first.get("/console/payments").text
    proposal = proposal_in(own, "withdraw")
    assert "/approve" not in own
    first.send(f"/console/payments/{proposal}/approve", status=403)
    page = second.get("/console/payments?state=proposed").text
    assert proposal_in(page, "approve") == proposal
    assert "<script>alert" not in page
    second.send(f"/console/payments/{proposal}/approve")
    assert cash(staffed) == before + 120_050
    second.send(f"/console/payments/{proposal}/reject", {"reason": "late"}, status=409)
    assert "ICBC 77" in second.get("/console/payments/recorded").text


def test_a_payment_is_rejected_with_a_reason_or_withdrawn(staffed):
    first, second = staffed.browser("finance"), staffed.browser("operator")
    form = {"tenant_id": staffed.people["owner"].tenant_id, "kind": "refund", "amount": "5", "reference": "R 1"}
    first.send("/console/payments", form, on="/console/payments")
    proposal = proposal_in(second.get("/console/payments").text, "reject")
    second.send(f"/console/payments/{proposal}/reject", {"reason": ""}, status=422)
    second.send(f"/console/payments/{proposal}/reject", {"reason": "no such transfer"})
    assert "no such transfer" in first.get("/console/payments?search=R+1").text
    first.send("/console/payments", form, on="/console/payments")
    first.send(f"/console/payments/{proposal_in(first.get('/console/payments?state=proposed').text, 'withdraw')}/withdraw")
    assert "No payments here" in first.get("/console/payments?state=approved").text


def test_small_payments_need_one_person_where_the_setting_says_so(staffed):
    object.__setattr__(staffed.context, "settings", staffed.context.settings.model_copy(update={"one_person_yuan": 100}))
    before, browser = cash(staffed), staffed.browser("finance")
    form = {"tenant_id": staffed.people["owner"].tenant_id, "kind": "top_up", "amount": "100", "reference": "S 1"}
    browser.send("/console/payments", form, on="/console/payments")
    assert cash(staffed) == before + 10_000


def test_the_books_are_checked(portal):
    browser = portal.browser("operator")
    assert "were not read yet" in browser.get("/console/books").text
    browser.send("/console/books/check")
    assert "Every fen is accounted for" in browser.get("/console/books/check").text
    assert "¥20,000,000.00" in browser.get("/console/books").text


def test_the_trail_is_searched_and_shows_what_changed(portal):
    browser = portal.browser("operator")
    browser.send("/console/pools/local/state", {"state": "draining", "reason": HOSTILE}, on="/console/nodes")
    page = browser.get("/console/audit?action=pool.state").text
    assert "<del>open</del>" in page
    assert "<ins>draining</ins>" in page
    assert "<script>alert" not in page
    assert "tenant.register" not in page
    assert "tenant.register" in browser.get(f"/console/audit?tenant={portal.people['owner'].tenant_id}").text
    assert "Nothing found" in browser.get("/console/audit?until=2020-01-01T00:00").text
    browser.get("/console/audit?since=yesterday", status=422)
    assert 'rel="next"' in browser.get("/console/audit?limit=1").text


def test_the_trail_as_a_table_is_no_formula(portal):
    browser = portal.browser("operator")
    browser.send("/console/offers/end", {"name": "x"}, status=404, on="/console/prices")
    with portal.context.database.session() as session:
        identity.audit(session, someone(portal, session, "operator"), "test", kind="x", id="=1+1", before={"a": '"quoted", 武汉'})
    answer = browser.get("/console/audit.csv?action=test")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.text.startswith("\ufeff")
    rows = list(csv.reader(io.StringIO(answer.text.lstrip("\ufeff"))))
    assert rows[0][0] == "at"
    assert rows[1][8] == "'=1+1"
    assert "武汉" in rows[1][9]
    assert len(rows) == 2


def test_the_month_report_tells_what_was_used(portal):
    browser = portal.browser("operator")
    assert browser.get("/console/report", status=303).headers["location"].startswith("/console/report/20")
    hours_of_use(portal)
    page = browser.get(browser.get("/console/report", status=303).headers["location"]).text
    assert "This month is under way" in page
    assert "Share of cards in use, by day" in page or "Nothing was counted" in page
    assert "Report of 2026-01" in browser.get("/console/report/2026-01").text
    assert "Write a month such as 2026-11." in browser.get("/console/report/nonsense", status=422).text


def test_what_if_needs_a_past_and_a_sensible_number(portal):
    browser = portal.browser("operator")
    browser.get("/console/whatif")
    assert 'value="many"' in browser.send("/console/whatif", {"pool": "local", "more_nodes": "many", "days": "7"}, status=422).text
    browser.send("/console/whatif", {"pool": "local", "more_nodes": "0", "days": "7"}, status=422)
    browser.send("/console/whatif", {"pool": "local", "more_nodes": "1", "days": "8"}, status=422)
    page = browser.send("/console/whatif", {"pool": "local", "more_nodes": "1", "days": "7"}, status=422).text
    assert "No job of local that ran was recorded" in page


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
