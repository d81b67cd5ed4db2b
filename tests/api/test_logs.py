"""Logs of attempts whose engine began again: each start has its own, and the answer says which it is and of how many."""

import pytest
from sqlalchemy import update

from wutong.centre.engines.fake import Script
from wutong.centre.engines.protocol import RunSpec
from wutong.centre.reconciler import Reconciler
from wutong.centre.service import request_run
from wutong.compute.jobs import store
from wutong.compute.jobs.tables import JobRow
from wutong.kit import clock
from wutong.sdk.jobs import COMPLETE, START, STARTS

JOB = {"name": "j", "command": "true", "flavour": "cpu.1", "time_limit_s": 600}


class Running:
    """A job whose run is at the engine; no loop but the reconciler runs."""

    def __init__(self, door):
        self.door = door
        (self.engine,) = door.context.engines
        self.engine.default = Script(seconds=60, output=b"begun\n", last_output=b"done\n")
        self.reconciler = Reconciler(door.context.database, door.context.engines)
        self.id = door.ok("owner", "POST", "/jobs", json=JOB)["id"]
        self.name = f"test-{self.id}-1"
        self.follow()
        with door.context.database.session() as session:
            store.add_attempts(session, [{"run_name": self.name, "job_id": self.id, "number": 1, "requested_at": clock.now()}])
            session.execute(update(JobRow).where(JobRow.id == self.id).values(state="queued", wait_reason=None, attempt=1))
            request_run(session, RunSpec(self.name, door.people["owner"].tenant_id, ("true",)), pool="local")
        self.advance(1)

    def follow(self):
        for _ in range(3):
            self.reconciler.step()

    def advance(self, seconds):
        self.follow()
        self.engine.advance(seconds)
        self.follow()

    def log(self, **params):
        answer = self.door.call("owner", "GET", f"/jobs/{self.id}/logs", params=params)
        assert answer.is_success, answer.text
        return answer.content, answer.headers[START], answer.headers[STARTS], answer.headers.get(COMPLETE)


@pytest.fixture
def running(centre):
    return Running(centre)


def test_a_requeue_begins_another_log(running):
    assert running.log() == (b"begun\n", "0", "1", "false")
    running.engine.requeue(running.name)
    running.advance(1)
    assert running.log() == (b"begun\n", "1", "2", "false")
    assert running.log(restart=0) == (b"begun\n", "0", "2", "true")
    assert running.log(restart=0, follow=True)[0] == b"begun\n"
    running.advance(60)
    assert running.log() == (b"begun\ndone\n", "1", "2", "true")
    assert running.log(follow=True)[0] == b"begun\ndone\n"


def test_a_start_that_never_was_is_not_found(running):
    status, error = running.door.error("owner", "GET", f"/jobs/{running.id}/logs", params={"restart": 1})
    assert (status, error["code"]) == (404, "not_found")


def test_a_log_is_not_complete_before_it_is_known_that_no_start_follows(running):
    """The engine has requeued the run and we have not heard of it yet: its first log has ended, but there is more to come."""
    running.engine.requeue(running.name)
    assert running.log() == (b"begun\n", "0", "1", "false")
