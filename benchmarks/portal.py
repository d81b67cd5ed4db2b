"""The portal with a city's history behind it: what pages cost, what a first visit loads, what open live pages hold, how a long log scrolls.

`python benchmarks/portal.py [pages|live|browser ...]` runs parts alone. Server time is taken around the application in this process, so that
neither a client nor a network is in it. Other work on the machine lengthens it all the same; the processor time beside it, of this process and of the
database's, is what is left of it on a machine of its own.
"""

import asyncio
import gc
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import portal_browser
import portal_live
from city import JOBS, TENANTS, City, a_city
from idle import children
from rows import Row, show
from screenshots import PATHS
from sqlalchemy import event

from wutong.doorway.context import Context
from wutong.web.main import create_portal

ROUNDS, WORST = 20, 10
# What other pages have as parts of their own, searches, and places far down a list.
MORE = {
    "owner": [
        *("/jobs/part", "/jobs/{job_id}/part", "/overview/state", "/inbox/badge", "/announcements/now"),
        *("/jobs?state=succeeded", "/jobs?state=running", "/jobs?name=train-4", "/jobs?name=no-such-name", "/jobs?mine=1", "/jobs?after={far}"),
        *("/jobs?label=project=project-3", "/search?q=no-such-name", "/data?kind=output"),
        *("/bill?month={last}", "/bill/usage?by=project", "/bill/usage?by=flavour"),
    ],
    "operator": [
        *("/console/now", "/console/queue/part", "/wall/part", "/front/load"),
        *("/console/jobs?state=failed", "/console/jobs?tenant={tenant_id}", "/console/jobs?pool=city", "/console/tenants?search=77"),
        *("/console/utilisation?days=30", "/console/audit?action=job.submit", "/console/audit?kind=tenant"),
        *("/search?q=train-4", "/search?q=no-such-name"),
    ],
}


@dataclass(frozen=True)
class Cost:
    """What one page costs, seen by somebody."""

    path: str
    who: str
    p50_ms: float
    p95_ms: float
    ours_ms: float
    database_ms: float
    statements: int

    @property
    def on_processors_ms(self) -> float:
        """What it takes where nothing else runs: the processor time of this process and of the database's."""
        return self.ours_ms + self.database_ms


def rows() -> list[Row]:
    """Measure all of it."""
    return measure(list(PARTS))


def measure(parts: list[str]) -> list[Row]:
    """Measure parts, on one city."""
    with a_city() as city:
        found = [Row(f"a city of {TENANTS} organisations, {JOBS:,} jobs: filled in", f"{city.filled_s:.0f} s")]
        for part in parts:
            found += PARTS[part](city)
        return found


def pages(city: City) -> list[Row]:
    """Ask for every page again and again, in this process."""
    with city.context() as context:
        costs = sorted(_costs(context, city), key=lambda cost: -cost.on_processors_ms)
    slowest = max(costs, key=lambda cost: cost.p95_ms)
    most = max(costs, key=lambda cost: cost.statements)
    return [
        *(_row(cost) for cost in costs[:WORST]),
        Row(
            f"slowest of {len(costs)} pages and parts ({slowest.who} {slowest.path}): server time p95", f"{slowest.p95_ms:.0f} ms", target="<= 80 ms"
        ),
        Row(f"dearest of them ({costs[0].who} {costs[0].path}): processor time", f"{costs[0].on_processors_ms:.0f} ms"),
        Row(f"most statements a page ({most.who} {most.path})", str(most.statements), target="<= 12"),
    ]


def _row(cost: Cost) -> Row:
    times = f"{cost.p50_ms:.0f}, {cost.p95_ms:.0f} ms; {cost.ours_ms:.0f} + {cost.database_ms:.0f} ms; {cost.statements}"
    return Row(f"{cost.who} {cost.path}: p50, p95; processor ours + database; statements", times)


def _costs(context: Context, city: City) -> Iterator[Cost]:
    app = create_portal(context)
    gc.freeze()  # as a server does: what the imports left is never looked through again
    seen: list[str] = []
    event.listen(context.database.engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
    server = city.centre.pids()["postgres"]
    for who in PATHS:
        for path in [*PATHS[who], *MORE.get(who, [])]:
            where, secret = path.format(**city.named), city.settled.secret(who) or ""
            for _ in range(2):
                seen.clear()
                asyncio.run(get(app, where, secret))
            count, ours, theirs = len(seen), time.process_time(), _on_processors_s(server)
            took = sorted(_timed(app, where, secret) for _ in range(ROUNDS))
            ours_ms, database_ms = (1000 * each / ROUNDS for each in (time.process_time() - ours, _on_processors_s(server) - theirs))
            yield Cost(path, who, statistics.median(took), took[int(0.95 * len(took))], ours_ms, database_ms, count)


def _on_processors_s(server: int) -> float:
    """Return the processor time that a PostgreSQL server's connections have had, exactly; what it does of its own accord does not count."""
    found = 0
    for process in (Path(f"/proc/{pid}") for pid in children(server)):
        with suppress(OSError):  # gone meanwhile
            if b"[local]" in (process / "cmdline").read_bytes():
                found += int((process / "schedstat").read_text().split()[0])
    return found / 1e9


def _timed(app: Any, path: str, secret: str) -> float:
    began = time.perf_counter()
    asyncio.run(get(app, path, secret))
    return 1000 * (time.perf_counter() - began)


async def get(app: Any, path: str, secret: str) -> None:
    """Ask an application for a page, as a server would."""
    where, _, query = path.partition("?")
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    headers = [(b"host", b"127.0.0.1"), (b"cookie", f"wutong_session={secret}".encode()), (b"accept-encoding", b"gzip")]
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": where,
        "state": {},
    }
    scope |= {"raw_path": where.encode(), "query_string": quote(query, safe="=&").encode(), "root_path": "", "headers": headers}
    await app({**scope, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)}, receive, send)
    assert len(statuses) == 1, (path, statuses)
    assert statuses[0] in (200, 303), (path, statuses)


PARTS = {"pages": pages, "live": portal_live.rows_of, "browser": portal_browser.rows_of}


if __name__ == "__main__":
    show(measure(sys.argv[1:] or list(PARTS)))
