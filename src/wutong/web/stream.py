"""`/stream?topics=a,b,c`: the one stream of a page, as server-sent events that say which of its topics moved."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated

from fastapi import Header, Query, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session

from wutong.compute.jobs import service as jobs
from wutong.compute.jobs.logs import LogSource
from wutong.identity.rules import Permission, Principal, require, require_tenant
from wutong.kit.errors import Invalid, Problem
from wutong.web.live import Key, Live, Page
from wutong.web.view import Pages, Visit, Visiting

pages = Pages()

MOST_TOPICS = 50
QUIET_S = 15.0
CHECK_S = 60.0
Finder = Callable[[], LogSource]


class NoSuchTopic(Invalid):
    """A page asked for news that there is not."""

    code = "no_such_topic"


@pages.get("/stream")
async def stream(
    visit: Visiting,
    topics: Annotated[str, Query(max_length=4000)],
    last_event_id: Annotated[str | None, Header(max_length=40)] = None,
) -> Response:
    """Tell what moves until the reader leaves or is signed out. One who comes back (`Last-Event-ID`) is told of every topic at once."""
    names = list(dict.fromkeys(name for name in topics.split(",") if name))
    if not 1 <= len(names) <= MOST_TOPICS:
        raise NoSuchTopic(field="topics", reason=f"Name 1 to {MOST_TOPICS} topics.")
    live: Live = visit.request.app.state.live
    wanted, logs = await visit.ask(lambda tx, who: _resolve(tx, who, visit, names))
    page = Page(wanted, asyncio.get_running_loop())
    if last_event_id is not None:
        for name in names:
            page.tell(name, {})
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(visit, live, page, logs), media_type="text/event-stream", headers=headers)


async def _events(visit: Visit, live: Live, page: Page, logs: dict[Key, Finder]) -> AsyncIterator[bytes]:
    number, checked = 0, asyncio.get_running_loop().time()
    live.open(page, logs)
    try:
        yield b"retry: 1000\nid: 0\n\n"
        while True:
            try:
                await asyncio.wait_for(page.rung.wait(), QUIET_S)
            except TimeoutError:
                yield b": still here\n\n"
            for line in page.take():
                number += 1
                yield f"id: {number}\ndata: {line}\n\n".encode()
            now = asyncio.get_running_loop().time()
            if now - checked > CHECK_S:
                checked = now
                if not await _still_signed_in(visit):
                    return
    finally:
        live.close(page)


async def _still_signed_in(visit: Visit) -> bool:
    try:
        await visit.ask(lambda _tx, _who: None)
    except Problem:
        return False
    return True


def _resolve(tx: Session, who: Principal, visit: Visit, names: list[str]) -> tuple[dict[Key, str], dict[Key, Finder]]:
    """Check that the reader may hear of each topic, and find out what tells of it."""
    wanted: dict[Key, str] = {}
    logs: dict[Key, Finder] = {}
    for name in names:
        kind, _, rest = name.partition(":")
        if kind == "centre" and not rest:
            require(who, Permission.CENTRE_READ)
            wanted["centre", ""] = name
        elif kind == "jobs" and not rest:
            wanted["jobs", require_tenant(who, Permission.JOB_READ)] = name
        elif kind == "notices" and not rest:
            wanted["notices", who.person_id] = name
        elif kind == "job":
            wanted["job", jobs.get_job(tx, who, rest).id] = name
        elif kind == "log":
            key, find = _log_of(tx, who, visit, rest)
            wanted[key], logs[key] = name, find
        else:
            raise NoSuchTopic(field="topics", reason=f"There is no topic {name}.")
    return wanted, logs


def _log_of(tx: Session, who: Principal, visit: Visit, named: str) -> tuple[Key, Finder]:
    job_id, _, place = named.partition(":")
    attempt, _, rank = place.partition(":")
    if not (attempt.isdigit() and rank.isdigit()):
        raise NoSuchTopic(field="topics", reason="Name a log as log:<job>:<attempt>:<rank>.")
    jobs.log_source(tx, who, job_id, attempt=int(attempt), rank=int(rank))

    def find() -> LogSource:
        with visit.context.database.session() as session:
            return jobs.log_source(session, who, job_id, attempt=int(attempt), rank=int(rank))

    return ("log", named), find
