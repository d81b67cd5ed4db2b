"""Open pages that follow one log: what the API holds for them, and how long a line takes from its printing to where a browser has it."""

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import SplitResult, urlsplit

from city import City
from idle import weigh
from rows import Row

from wutong.app.trial import TrialCentre

LIVE_PAGES, LINES = 300, 60
PATIENCE_S = 300


def rows_of(city: City) -> list[Row]:
    """Start the centre, run a job that prints the time twice a second, and have its page open many times."""
    centre = city.centre.start()
    try:
        job_id = _submit(centre, city.settled.owner.token, f"for n in $(seq {LINES * 4}); do date +%s.%N; sleep 0.5; done")
        return _follow(centre, city.settled.owner.token, job_id)
    finally:
        centre.stop()


def _submit(centre: TrialCentre, token: str, command: str) -> str:
    body = {"name": "measured", "command": command, "flavour": "cpu.1", "time_limit_s": 3600}
    job_id = str(centre.call("POST", "/jobs", token=token, body=body)["id"])
    deadline = time.monotonic() + PATIENCE_S
    while centre.call("GET", f"/jobs/{job_id}", token=token)["state"] in ("waiting", "queued"):
        if time.monotonic() > deadline:
            raise TimeoutError(f"job {job_id} did not start")
        time.sleep(0.2)
    return job_id


def _follow(centre: TrialCentre, token: str, job_id: str) -> list[Row]:
    pid = centre.pids()["api-0"]
    asyncio.run(_pages(centre.url, token, job_id, 1, 2, lambda: 0.0))  # the portal is loaded when its first page is asked for
    before = weigh(pid)[0]
    delays, after = asyncio.run(_pages(centre.url, token, job_id, LIVE_PAGES, LINES, lambda: weigh(pid)[0]))
    ordered = sorted(1000 * delay for delay in delays)
    return [
        Row(f"{LIVE_PAGES} open live pages: more memory of the API", f"{after - before:.0f} MB", target="<= 150 MB"),
        Row("line of a log to a page: p50", f"{statistics.median(ordered):.0f} ms"),
        Row("line of a log to a page: p95", f"{ordered[int(0.95 * len(ordered))]:.0f} ms", target="<= 300 ms"),
    ]


async def _pages(url: str, secret: str, job_id: str, number: int, lines: int, memory: Callable[[], float]) -> tuple[list[float], float]:
    """Open pages; one reads the log whenever it is told of more, until it has enough lines. Returns their delays and the memory then."""
    where, cookie, topic = urlsplit(url), f"wutong_session={secret}", f"log:{job_id}:1:0"
    delays: list[float] = []

    async def read() -> None:
        # The first piece was printed before the page was there.
        offset, began = await _log(where, cookie, job_id, -1), time.time()
        async for told in _told(where, cookie, ("jobs", f"job:{job_id}", topic)):
            if told["topic"] == topic and int(told["data"].get("size", 0)) > offset[0]:
                offset = await _log(where, cookie, job_id, offset[0])
                now = time.time()
                delays.extend(now - float(line) for line in offset[1].split() if float(line) > began)
            if len(delays) >= lines:
                return

    async def keep_open() -> None:
        async for _ in _told(where, cookie, ("jobs", f"job:{job_id}", topic)):
            pass

    others = [asyncio.create_task(keep_open()) for _ in range(1, number)]
    await asyncio.sleep(min(5.0, number / 50))
    await asyncio.wait_for(read(), PATIENCE_S)
    held = memory()
    assert not [task for task in others if task.done()], "a page was closed"
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    return delays, held


async def _told(where: SplitResult, cookie: str, topics: tuple[str, ...]) -> AsyncIterator[dict[str, Any]]:
    """Yield what the stream of a page tells, as a browser reads it."""
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    head = f"GET /stream?topics={','.join(topics)} HTTP/1.1\r\nHost: {where.netloc}\r\nCookie: {cookie}\r\nAccept: text/event-stream\r\n\r\n"
    writer.write(head.encode())
    try:
        first = await reader.readline()
        assert b" 200 " in first, first
        while line := await reader.readline():
            if line.startswith(b"data:"):
                yield json.loads(line[5:])
    finally:
        writer.close()


async def _log(where: SplitResult, cookie: str, job_id: str, offset: int) -> tuple[int, str]:
    """Read what a log has grown by; returns where it ends now and what is new."""
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    path = f"/jobs/{job_id}/log?attempt=1&offset={max(0, offset)}"
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {where.netloc}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n".encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert b" 200 " in head.split(b"\r\n")[0], head
    assert b"chunked" not in head.lower(), head
    return max(0, offset) + len(body), body.decode()
