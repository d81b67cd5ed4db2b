"""The page of a job through its life on a fake machine: queue, log, numbers, cost, attempts, what it made."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from tests.compute.jobs.jobskit import OutputEngine
from tests.web.conftest import Portal, statements
from tests.web.test_jobs import submitted

from wutong.centre import service as centre
from wutong.centre.engines.fake import Script
from wutong.centre.engines.protocol import EndReason
from wutong.centre.meter import Meter
from wutong.centre.reconciler import Reconciler
from wutong.compute.billing.settler import Settler
from wutong.compute.environments import store as environment_store
from wutong.compute.environments.rules import EnvironmentState
from wutong.compute.jobs.collector import Collector
from wutong.compute.jobs.preparer import Preparer
from wutong.compute.jobs.requests import DataMount, OutputSpec
from wutong.compute.jobs.rules import Job
from wutong.compute.jobs.tracker import Tracker
from wutong.kit import loops
from wutong.kit.clock import FakeClock

LINES = "".join(f"line {number} <b>\x1b[31mred\x1b[0m\n" for number in range(300))


@dataclass
class Machine:
    """A fake machine behind the portal, whose loops work when time is moved."""

    portal: Portal
    engine: OutputEngine
    clock: FakeClock
    steps: list[Any]

    def advance(self, seconds: float) -> None:
        """Let time pass, then let the loops work."""
        for step in (0.0, seconds, 0.0):
            self.engine.advance(step)
            self.clock.advance(step)
            for _ in range(20):
                if sum(loops.drain(each) for each in self.steps) == 0:
                    break

    def name(self, job: Job, attempt: int = 1) -> str:
        """Return the run name of an attempt."""
        return f"{self.portal.context.settings.centre}-{job.id}-{attempt}"

    def numbers(self, job: Job, *rows: dict[str, float]) -> None:
        """Leave lines of numbers among the outputs of the first attempt."""
        folder = self.engine.outputs / self.name(job)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def fake(fake_clock: FakeClock, portal: Portal, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """The portal's centre with a machine that does what scripts say."""
    context = portal.context
    engine = OutputEngine("local", 4, cpus=4, memory_mb=8192)
    engine.outputs = context.settings.home / "outputs"
    engine.default = Script(seconds=60, output=LINES.encode())
    engines = centre.Engines([engine])
    monkeypatch.setitem(context.__dict__, "engines", engines)
    path = context.settings.home / "environments" / "python"
    path.mkdir(parents=True)
    with context.database.session() as session:
        found = environment_store.find(session, "", "python-3.11")
        assert found is not None
        environment_store.move(session, found, {"state": EnvironmentState.READY, "path": str(path)})
    database, limits = context.database, context.job_limits
    steps = [
        Preparer(database, limits, context.blobs, threads=0).step,
        Reconciler(database, engines).step,
        Tracker(database).step,
        Meter(database, engines).step,
        Collector(database, limits, engines, context.blobs).step,
        Settler(database).step,
    ]
    return Machine(portal, engine, fake_clock, steps)


def test_a_queued_job_tells_its_place_in_the_queue(fake: Machine):
    portal = fake.portal
    fake.engine.hold()
    submitted(portal, flavour="cpu.4")
    job = submitted(portal, flavour="cpu.4")
    fake.advance(1)
    page = portal.browser("owner").get(f"/jobs/{job.id}").text
    assert "Position 2 in the queue." in page
    assert "1 runs are ahead." in page
    assert "前面有 1 个。" in portal.browser("owner", "zh").get(f"/jobs/{job.id}").text
    fake.engine.go_dark()
    assert "queued" in portal.browser("owner").get(f"/jobs/{job.id}").text


def test_a_running_job_shows_log_numbers_and_cost(fake: Machine):
    portal = fake.portal
    job = submitted(portal, time_limit_s=3600)
    fake.advance(0)
    fake.numbers(job, {"step": 10, "loss": 2.5}, {"step": 20, "loss": 0.5})
    fake.advance(30)
    browser = portal.browser("owner")
    page = browser.get(f"/jobs/{job.id}").text
    assert "line 299 &lt;b&gt;" in page
    assert "line 99 " not in page
    assert "If it runs to its time limit" in page
    assert f"log:{job.id}:1:0" in page
    assert f"/jobs/{job.id}/metrics?name=loss" in page
    seen = browser.get(f"/jobs/{job.id}/metrics?name=loss").json()
    assert (seen["x"], seen["series"], seen["time"]) == ([10, 20], [{"name": "loss", "y": [2.5, 0.5]}], False)
    browser.get(f"/jobs/{job.id}/metrics?name=nothing", status=404)
    assert "data-island" in browser.get(f"/jobs/{job.id}/charts").text


def test_the_log_is_read_in_pieces_and_as_a_file(fake: Machine):
    portal = fake.portal
    job = submitted(portal)
    fake.advance(0)
    fake.advance(10)
    browser = portal.browser("owner")
    piece = browser.get(f"/jobs/{job.id}/log?offset=5&limit=7")
    assert piece.content == LINES.encode()[5:12]
    assert (piece.headers["x-log-size"], piece.headers["x-log-complete"]) == (str(len(LINES)), "false")
    fake.advance(120)
    rest = browser.get(f"/jobs/{job.id}/log?offset={len(LINES)}")
    assert (rest.content, rest.headers["x-log-size"], rest.headers["x-log-complete"]) == (b"", str(len(LINES)), "true")
    whole = browser.get(f"/jobs/{job.id}/log/download")
    assert whole.content == LINES.encode()
    assert whole.headers["content-disposition"] == f'attachment; filename="{job.id}-1.log"'
    portal.browser("stranger").get(f"/jobs/{job.id}/log", status=404)


def test_attempts_are_told_with_their_causes(fake: Machine):
    portal = fake.portal
    job = submitted(portal, tries=2)
    fake.advance(0)
    fake.engine.end(fake.name(job), EndReason.FAILED, "It ended with exit code 3.", 3)
    fake.advance(5)
    fake.advance(5)
    page = portal.browser("owner").get(f"/jobs/{job.id}").text
    assert "Attempt 2" in page
    assert "the command failed" in page
    assert "It is tried again" in page
    assert "以退出码 3 结束。" in portal.browser("owner", "zh").get(f"/jobs/{job.id}").text
    assert "Attempt 2 has begun." in portal.browser("owner").get(f"/jobs/{job.id}/part?shown=1").text
    portal.browser("owner").get(f"/jobs/{job.id}?attempt=1")


def test_what_a_job_made_is_linked_and_what_it_was_made_from(fake: Machine):
    portal = fake.portal
    first = submitted(portal, name="train", outputs=OutputSpec(model="road-net"))
    fake.advance(0)
    fake.numbers(first, {"loss": 0.25})
    fake.advance(90)
    fake.advance(1)
    browser = portal.browser("owner")
    page = browser.get(f"/jobs/{first.id}").text
    assert "road-net@1" in page
    assert "/data/repo_" in page
    assert "0.25" in page
    assert "Cancel the job" not in page
    second = submitted(portal, name="evaluate", models=(DataMount("road-net@1"),))
    page = browser.get(f"/jobs/{second.id}").text
    assert f'<a href="/jobs/{first.id}">' in page


def test_a_page_of_any_state_asks_little(fake: Machine):
    portal = fake.portal
    job = submitted(portal, outputs=OutputSpec(model="m"))
    browser = portal.browser("owner")
    for seconds in (0, 30, 90, 1):
        fake.advance(seconds)
        fake.numbers(job, {"loss": 1.0})
        for path in ("", "/part", "/charts"):
            with statements(portal) as seen:
                browser.get(f"/jobs/{job.id}{path}")
            assert len(seen) <= 12, (seconds, path, [statement.strip()[:80] for statement in seen])
    assert "succeeded" in browser.get(f"/jobs/{job.id}").text
