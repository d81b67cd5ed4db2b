"""Open pages hear of what concerns them, of nothing else, and cost little."""

import asyncio
import json
import threading
import time
from contextlib import suppress

import pytest

from wutong.compute.jobs import service as jobs
from wutong.compute.jobs.requests import JobRequest
from wutong.desk.notices.service import Fact, tell
from wutong.desk.rules import NoticeKind
from wutong.identity.service import authenticate
from wutong.web.live import Live, Page


@pytest.fixture
def submitted(portal):
    """Submit a job as somebody; returns its id."""

    def submit(name: str) -> str:
        with portal.context.database.session() as session:
            who = authenticate(session, portal.people[name].secret)
            request = JobRequest(name="a-job", command=("true",), flavour="cpu.1", environment="python-3.11", time_limit_s=60)
            return jobs.submit_job(session, who, request, limits=portal.context.job_limits).id

    return submit


def test_pages_hear_of_their_own_topics_only(portal, submitted):
    live = Live(portal.context)
    loop = asyncio.new_event_loop()
    tenant, other = portal.people["owner"].tenant_id, portal.people["stranger"].tenant_id
    mine, theirs = Page({("jobs", tenant): "jobs"}, loop), Page({("jobs", other): "jobs"}, loop)
    live._pages |= {("jobs", tenant): {mine}, ("jobs", other): {theirs}}
    live.look()
    submitted("owner")
    live.look()
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert [json.loads(line)["topic"] for line in mine.take()] == ["jobs"]
    assert theirs.take() == []
    live.look()
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert mine.take() == []
    loop.close()


def test_people_hear_of_their_own_notices_only(portal):
    live = Live(portal.context)
    loop = asyncio.new_event_loop()
    owner, other = portal.people["owner"], portal.people["stranger"]
    mine, theirs = Page({("notices", owner.person_id): "notices"}, loop), Page({("notices", other.person_id): "notices"}, loop)
    live._pages |= {("notices", owner.person_id): {mine}, ("notices", other.person_id): {theirs}}
    live._look_at_notices()
    with portal.context.database.session() as session:
        fact = Fact(NoticeKind.JOB_ENDED, "job:1", owner.tenant_id, [owner.person_id], {"job_id": "job_1", "job_name": "a-job", "state": "succeeded"})
        assert tell(session, [fact]) == 1
    live._look_at_notices()
    live._look_at_notices()
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert [json.loads(line)["topic"] for line in mine.take()] == ["notices"]
    assert theirs.take() == []
    loop.close()


def test_several_moves_that_were_not_told_are_one():
    loop = asyncio.new_event_loop()
    page = Page({}, loop)
    for size in (1, 2, 3):
        page.tell("log:x:1:0", {"size": size})
    assert [json.loads(line) for line in page.take()] == [{"topic": "log:x:1:0", "data": {"size": 3}}]
    loop.close()


def test_the_thread_ends_with_the_last_page(portal):
    live = Live(portal.context)
    loop = asyncio.new_event_loop()
    page = Page({("centre", ""): "centre"}, loop)
    live.open(page, {})
    assert live.count() == 1
    live.close(page)
    deadline = time.monotonic() + 30
    while any(thread.name == "live" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    loop.close()


@pytest.mark.parametrize(
    ("who", "topics", "status"),
    [
        ("anonymous", "jobs", 303),
        ("owner", "centre", 403),
        ("owner", "nothing", 422),
        ("owner", "log:no", 422),
        ("owner", "", 422),
        ("owner", "job:job_unknown", 404),
        ("operator", "jobs", 403),
    ],
)
def test_topics_that_one_may_not_hear_of_are_refused(portal, who, topics, status):
    portal.browser(who).get("/stream", params={"topics": topics}, status=status)


def test_a_stranger_does_not_hear_of_a_job(portal, submitted):
    job_id = submitted("owner")
    for topic in (f"job:{job_id}", f"log:{job_id}:1:0"):
        portal.browser("stranger").get("/stream", params={"topics": topic}, status=404)


def test_one_who_comes_back_is_told_of_everything(portal):
    """The stream is read through the application itself: the test client waits for an answer's end."""

    async def first_events() -> bytes:
        body, done = bytearray(), asyncio.Event()

        async def receive():
            await done.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            body.extend(message.get("body", b""))
            if body.count(b"data:") == 2:
                done.set()

        cookie = f"wutong_session={portal.people['owner'].secret}".encode()
        headers = [(b"host", b"testserver"), (b"cookie", cookie), (b"last-event-id", b"7")]
        scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http", "path": "/stream"}
        scope |= {"raw_path": b"/stream", "query_string": b"topics=jobs,notices", "root_path": "", "headers": headers, "client": ("127.0.0.1", 1)}
        with suppress(asyncio.CancelledError):
            await asyncio.wait_for(portal.app(scope | {"server": ("testserver", 80), "state": {}}, receive, send), 60)
        return bytes(body)

    told = asyncio.run(first_events())
    assert b'data: {"topic":"jobs","data":{}}' in told
    assert b'data: {"topic":"notices","data":{}}' in told
