"""The portal with a city's history behind it: what pages cost, what a first visit loads, what open live pages hold, how a long log scrolls.

`python benchmarks/portal.py [pages|live|browser ...]` runs parts alone. Server time is taken around the application in this process, so that
neither a client nor a network is in it. Other work on the machine lengthens it all the same; the processor time beside it, of this process and of the
database's, is what is left of it on a machine of its own. Pages are asked for in turns, each once before any comes again: what a server keeps of one
statement or template has to last over all the others, and a short disturbance lengthens one visit each of many pages and not all of one's.
"""

import asyncio
import gc
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import portal_browser
import portal_live
import uvloop
from city import JOBS, TENANTS, City, a_city
from idle import children
from rows import Row, show
from screenshots import PATHS
from sqlalchemy import event

from wutong.app.startup import collect_seldom
from wutong.doorway.context import Context
from wutong.web.main import create_portal

WARM, WORST = 2, 10
# Twenty visits tell the dear pages, and these are asked for often enough for a 95th of 100.
FIRST, ROUNDS, DEAR_MS = 20, 60, 25
# What other pages have as parts of their own, searches, and places far down a list.
MORE = {
    "owner": [
        *("/jobs/part", "/jobs/{job_id}/part", "/overview/state", "/overview/more", "/inbox/badge", "/announcements/now"),
        *("/jobs?state=succeeded", "/jobs?state=running", "/jobs?name=train-4", "/jobs?name=no-such-name", "/jobs?mine=1", "/jobs?after={far}"),
        *("/jobs?label=project=project-3", "/search?q=no-such-name", "/data?kind=output"),
        *("/bill?month={last}", "/bill/usage?by=project", "/bill/usage?by=flavour"),
    ],
    "operator": [
        *("/console/now", "/console/hands", "/console/utilisation/heat", "/console/queue/part", "/wall/part", "/front/load"),
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


def _costs(context: Context, city: City) -> list[Cost]:
    app = create_portal(context)
    statements: list[str] = []
    event.listen(context.database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    server = city.centre.pids()["postgres"]
    every = [
        Page(path, who, path.format(**city.named), city.settled.secret(who) or "")
        for who in PATHS
        for path in [*PATHS[who], *MORE.get(who, [])]
        if "{attachment_id}" not in path or "attachment_id" in city.named  # cities that were kept from before have no file in a ticket
    ]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for page in every * WARM:
            statements.clear()
            runner.run(get(app, page.where, page.secret))
            page.statements = len(statements)
        gc.freeze()  # as a server does: what the imports left is never looked through again
        collect_seldom()
        for number in range(ROUNDS):
            dear = every if number < FIRST else [page for page in every if statistics.median(page.took_ms) > DEAR_MS]
            for page in dear:
                page.visit(partial(runner.run, get(app, page.where, page.secret)), server)
    return [page.cost() for page in every]


@dataclass
class Page:
    """A page as somebody asks for it, and what its visits took."""

    path: str
    who: str
    where: str
    secret: str
    statements: int = 0
    took_ms: list[float] = field(default_factory=list)
    ours_s: float = 0.0
    database_s: float = 0.0

    def visit(self, ask: Callable[[], object], server: int) -> None:
        """Ask for it once."""
        database, ours, began = _on_processors_s(server), time.process_time(), time.perf_counter()
        ask()
        self.took_ms.append(1000 * (time.perf_counter() - began))
        self.ours_s += time.process_time() - ours
        self.database_s += _on_processors_s(server) - database

    def cost(self) -> Cost:
        """Return what its visits cost."""
        *_, p95_ms = statistics.quantiles(self.took_ms, n=20, method="inclusive")
        ours_ms, database_ms = (1000 * each / len(self.took_ms) for each in (self.ours_s, self.database_s))
        return Cost(self.path, self.who, statistics.median(self.took_ms), p95_ms, ours_ms, database_ms, self.statements)


def _on_processors_s(server: int) -> float:
    """Return the processor time that a PostgreSQL server's connections have had, exactly; what it does of its own accord does not count."""
    found = 0
    for process in (Path(f"/proc/{pid}") for pid in children(server)):
        with suppress(OSError):  # gone meanwhile
            if b"[local]" in (process / "cmdline").read_bytes():
                found += int((process / "schedstat").read_text().split()[0])
    return found / 1e9


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
