"""What operators see and do of all organisations' jobs, and of the queue."""

from tests.web.console import someone, submitted, trail

from wutong.centre import service as centre
from wutong.centre.rules import RunSpec
from wutong.centre.runs.tables import RunRow
from wutong.compute.jobs import service as jobs
from wutong.compute.jobs.rules import JobState
from wutong.compute.jobs.store import add_attempts
from wutong.kit import clock


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
