"""What the API tells of the future: of a job in the queue, of one not submitted, of how good it was; and what-if questions."""

from datetime import timedelta

from sqlalchemy import update
from tests.centre.forecast.test_planning import LOG

from wutong.centre.forecast import store
from wutong.centre.forecast.told import Cell, Forecast, Outlook
from wutong.compute.jobs import store as store_jobs
from wutong.compute.jobs.tables import JobRow
from wutong.kit import clock

JOB = {"name": "j", "command": "true", "flavour": "cpu.1", "time_limit_s": 600}


def tell(door, forecasts=(), cells=()):
    with door.context.database.session() as session:
        store.tell(session, forecasts)
        store.keep_outlook(session, Outlook("local", clock.now(), tuple(cells)))


def queued(door):
    """A job in the queue, as far as the jobs room goes: no loop runs here that would make the run."""
    job = door.ok("owner", "POST", "/jobs", json=JOB)
    name = f"test-{job['id']}-1"
    with door.context.database.session() as session:
        store_jobs.add_attempts(session, [{"run_name": name, "job_id": job["id"], "number": 1, "requested_at": clock.now()}])
        session.execute(update(JobRow).where(JobRow.id == job["id"]).values(state="queued", wait_reason=None, attempt=1))
    return job["id"], name


def test_a_queued_job_is_told_when_it_will_start(centre):
    job_id, run_name = queued(centre)
    assert centre.ok("owner", "GET", f"/jobs/{job_id}")["expected_start"] is None
    now = clock.now()
    start_at, bound_at = now + timedelta(minutes=12), now + timedelta(minutes=40)
    tell(centre, [Forecast(run_name, "local", now, start_at, bound_at)])
    for told in (centre.ok("owner", "GET", f"/jobs/{job_id}"), centre.ok("viewer", "GET", "/jobs")["items"][0]):
        assert told["state"] == "queued"
        assert (told["expected_start"], told["expected_start_bound"]) == tuple(at.isoformat().replace("+00:00", "Z") for at in (start_at, bound_at))


def test_what_is_not_submitted_yet_is_told_its_wait(centre):
    assert centre.ok("owner", "POST", "/estimate", json=JOB)["expected_wait_s"] is None
    tell(centre, cells=[Cell(1, 600.0, 0.0, 0.0), Cell(1, 3600.0, 300.0, None), Cell(2, 3600.0, 700.0, 900.0)])
    now = centre.ok("owner", "POST", "/estimate", json=JOB)
    assert (now["expected_wait_s"], now["expected_wait_bound_s"]) == (0.0, 0.0)
    large = centre.ok("owner", "POST", "/estimate", json={**JOB, "flavour": "cpu.2"})
    assert 690 < large["expected_wait_s"] <= 700
    assert large["expected_wait_s"] < large["expected_wait_bound_s"] <= 900
    flavours = {each["name"]: each for each in centre.ok("viewer", "GET", "/flavours")["items"]}
    assert 290 < flavours["cpu.1"]["expected_wait_s"] <= 300
    assert flavours["cpu.1"]["expected_wait_bound_s"] is None
    assert flavours["cpu.4"]["expected_wait_s"] is None
    assert (flavours["cpu.1"]["service"], flavours["cpu.1"]["partition"]) == ("normal", "")


def test_how_good_forecasts_were_is_everybodys_to_know(centre):
    assert centre.ok("viewer", "GET", "/forecast/accuracy")["items"] == []
    now = clock.now()
    with centre.context.database.session() as session:
        for number, late_s in enumerate((60, 120, 600)):
            name, start_at = f"r{number}", now - timedelta(hours=1)
            made_at, bound_at = start_at - timedelta(minutes=10), start_at + timedelta(minutes=5)
            store.tell(session, [Forecast(name, "local", made_at, start_at, bound_at)])
            store.score(session, {name: start_at + timedelta(seconds=late_s)})
    (told,) = centre.ok("stranger", "GET", "/forecast/accuracy", params={"days": 7})["items"]
    assert (told["pool"], told["jobs"], told["median_error_s"], told["foretold"]) == ("local", 3, 120.0, 3)
    assert abs(told["coverage"] - 2 / 3) < 0.001


def test_an_operator_asks_what_more_machines_would_do(centre):
    change = {"name": "old", "more_cards": 4, "order_now": "easy"}
    found = centre.ok("operator", "POST", "/admin/plans/log", params=change, content=LOG)
    assert (found["name"], found["jobs"], found["cards_now"], found["cards_then"]) == ("old", 10, 4, 8)
    assert found["then"]["p90_s"] < found["now"]["p90_s"] == found["recorded"]["p90_s"]
    assert [(tenant["tenant"], tenant["jobs"]) for tenant in found["tenants"]] == [("g0", 5), ("g1", 5)]
    assert centre.error("operator", "POST", "/admin/plans", json={"pool": "local"})[1]["code"] == "nothing_to_plan"
    assert centre.error("operator", "POST", "/admin/plans", json={"pool": "moon"})[1]["code"] == "no_such_pool"


def test_a_log_that_is_too_large_is_refused_before_it_is_read(centre, monkeypatch):
    monkeypatch.setattr("wutong.api.forecast.MOST_LOG_BYTES", 100)
    status, error = centre.error("operator", "POST", "/admin/plans/log", content=LOG)
    assert (status, error["code"]) == (413, "log_too_large")
