"""The overview: what runs and waits first, how long the money lasts, what was made lately, tickets and maintenance; few statements, by role."""

from datetime import timedelta

import pytest
from tests.web.conftest import Portal, statements
from tests.web.money import charge_job

from wutong.centre import service as centre
from wutong.compute.budgets import service as budgets
from wutong.identity import service as identity
from wutong.kit import clock


def someone(portal: Portal, session, name: str):
    return identity.authenticate(session, portal.people[name].secret)


def submit(door, name: str) -> str:
    return str(door.ok("owner", "POST", "/jobs", json={"name": name, "command": "true", "time_limit_s": 60})["id"])


def test_what_runs_and_waits_comes_before_what_ended(portal, door):
    charge_job(portal, "finished-long-ago")
    for number in range(10):
        submit(door, f"train-{number}")
    page = portal.browser("owner").get("/overview").text
    assert page.index("train-9") < page.index("train-4")
    assert "train-3" not in page
    assert 'href="/jobs">All jobs' in page
    assert "no start is foretold yet" in page


@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_part_runs_few_statements_whatever_there_is(portal, door, language):
    owner = portal.browser("owner", language)
    owner.get("/overview")
    few = []
    for path in ("/overview", "/overview/state", "/overview/more"):
        with statements(portal) as seen:
            owner.get(path)
        few.append(len(seen))
    charge_job(portal, "train")
    submit(door, "waits")
    for number in range(6):
        door.ok("owner", "POST", "/repos", json={"kind": "dataset", "name": f"roads-{number}"})
        door.ok("owner", "POST", "/tickets", json={"subject": f"Question {number}", "text": "x"})
    for path, before in zip(("/overview", "/overview/state", "/overview/more"), few, strict=True):
        with statements(portal) as seen:
            owner.get(path)
        assert len(seen) <= 12, (path, before, len(seen), seen)


def test_use_runway_and_the_nearest_budget(portal):
    charge_job(portal, "train")
    with portal.context.database.session() as session:
        budgets.set_budget(session, someone(portal, session, "owner"), limit_fen=100)
    page = portal.browser("owner").get("/overview/more").text
    assert '<rect class="s1"' in page
    assert "card-hours for ¥" in page
    assert "Nothing was spent in the last seven days" in page  # today does not count
    assert "The organisation&#39;s budget of this month" in page
    assert "no job starts until it is raised" in page


def test_data_tickets_and_maintenance_of_ones_own(portal, door):
    door.ok("owner", "POST", "/repos", json={"kind": "model", "name": "digits-model"})
    first = door.ok("owner", "POST", "/tickets", json={"subject": "<b>Why</b> so slow?", "text": "x"})["id"]
    done = door.ok("owner", "POST", "/tickets", json={"subject": "Done with", "text": "x"})["id"]
    door.ok("owner", "PUT", f"/tickets/{done}/state", json={"state": "closed"})
    door.ok("operator", "POST", f"/admin/tickets/{first}/messages", json={"text": "Because."})
    with portal.context.database.session() as session:
        operator = someone(portal, session, "operator")
        begins = clock.now() + timedelta(days=2)
        centre.announce(session, operator, pool="local", begins_at=begins, ends_at=begins + timedelta(hours=2), reason="New switches")
    page = portal.browser("owner").get("/overview/more").text
    assert "digits-model" in page
    assert "<bdi>&lt;b&gt;Why&lt;/b&gt; so slow?</bdi>" in page
    assert "new</span>" in page
    assert "Done with" not in page
    assert "Maintenance of local" in page
    theirs = portal.browser("stranger").get("/overview/more").text
    for secret in ("digits-model", "so slow?"):
        assert secret not in theirs
    assert "No ticket is open." in theirs
    assert "No data yet" in theirs


def test_an_empty_organisation_is_led_to_the_guide(portal):
    owner = portal.browser("owner")
    assert "first-steps" in owner.get("/overview").text
    owner.send("/guide/put-away")
    page = owner.get("/overview").text
    assert "No jobs yet" in page
    assert 'class="btn btn-primary" href="/guide"' in page
    more = owner.get("/overview/more").text
    assert "Nothing was used in the last 30 days" in more
    assert "No budget limits what a month may cost." in more


def test_nobody_is_offered_or_shown_what_their_role_refuses(portal):
    viewer = portal.browser("viewer")
    page = viewer.get("/overview").text
    assert 'href="/jobs/new"' not in page
    assert 'href="/data/new"' not in page
    assert 'href="/buy/top-up"' not in page
    viewer.get("/overview/more")
    portal.browser().get("/overview/more", status=303)
    portal.browser("operator").get("/overview/more", status=403)
