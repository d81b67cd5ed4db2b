"""The portal with a city's history behind it: what pages cost, what a first visit loads, what open live pages hold, how a long log scrolls."""

import asyncio
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

from idle import weigh
from rows import Row, show
from sqlalchemy import event, text

from wutong.app.build import build_centre
from wutong.app.trial import Account, TrialCentre
from wutong.doorway.context import Context
from wutong.kit.settings import Settings
from wutong.web.main import create_portal

TENANTS, JOBS, OWN = 186, 50_000, 5_000
ROUNDS, LIVE_PAGES, LINES = 40, 300, 60
LOG_BYTES = 100 * 1024 * 1024
CHROMIUM = os.environ.get("WUTONG_CHROMIUM") or shutil.which("chromium") or ""
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-dev-shm-usage")
# Columns that name a job or a run, by the tables that a settled job leaves rows in.
LEFT = {
    "compute_job": {"id": "job"},
    "compute_job_event": {"job_id": "job", "id": None},
    "compute_attempt": {"job_id": "job", "run_name": "run"},
    "compute_billed_job": {"job_id": "job"},
    "compute_billed_run": {"job_id": "job", "run_name": "run"},
    "centre_run": {"name": "run"},
}


def rows() -> list[Row]:
    """Fill a centre, then measure."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="wutong-portal-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        centre = TrialCentre(home, slots=8, allow_unconfined_tenants=True).start()
        try:
            account = centre.tenant("江城视觉", top_up_fen=10**9)
            job_id = _run(centre, account, "true")
            with _context(centre) as context:
                _fill(context, account, job_id)
                found = [*_pages(context, account, job_id)]
            found += _live(centre, account)
            found += _in_a_browser(centre, account) if CHROMIUM else [Row("in a browser", "left out: Chromium is not installed")]
            return found
        finally:
            centre.stop()


def _run(centre: TrialCentre, account: Account, command: str, *, settled: bool = True) -> str:
    body = {"name": "measured", "command": command, "flavour": "cpu.1", "time_limit_s": 3600}
    job_id = str(centre.call("POST", "/jobs", token=account.token, body=body)["id"])
    if settled:
        centre.await_settled(job_id, token=account.token, patience_s=300)
    return job_id


@contextmanager
def _context(centre: TrialCentre) -> Iterator[Context]:
    """The centre as a process of its own would see it."""
    with mock.patch.dict(os.environ, {name: value for name, value in centre.environment.items() if name.startswith("WUTONG_")}):
        settings = Settings()
        built = build_centre(settings, pool_size=4)
        try:
            yield Context(settings, built.database, built.engines, built.blobs)
        finally:
            built.close()


def _fill(context: Context, account: Account, job_id: str) -> None:
    """Copy what one settled job left until there are as many jobs as a full centre has after its first months."""
    with context.database.session() as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(
            text("""INSERT INTO identity_tenant SELECT (jsonb_populate_record(CAST(NULL AS identity_tenant), to_jsonb(t)
                || jsonb_build_object('id', 'ten_x' || n, 'name', 'Tenant ' || n, 'credit_code', 'X' || n))).*
                FROM identity_tenant t, generate_series(2, :tenants) AS n WHERE t.id = :tenant"""),
            {"tenants": TENANTS, "tenant": account.tenant_id},
        )
        run_name = session.scalars(text("SELECT run_name FROM compute_attempt WHERE job_id = :job"), {"job": job_id}).one()
        for table, named in LEFT.items():
            _copy(session, table, named, {"job": job_id, "run": run_name})
    with context.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def _copy(session: Any, table: str, named: dict[str, str | None], first: dict[str, str]) -> None:
    columns = list(session.scalars(text("SELECT column_name FROM information_schema.columns WHERE table_name = :table"), {"table": table}))
    kept = [column for column in columns if named.get(column, "") is not None]
    changed = [f"'{column}', left(t.{column}, 12) || lpad(n::text, 14, '0')" for column, what in named.items() if what]
    if "tenant_id" in columns:
        changed.append(f"'tenant_id', CASE WHEN n <= {OWN} THEN t.tenant_id ELSE 'ten_x' || (2 + n % {TENANTS - 1}) END")
    key, what = next((column, what) for column, what in named.items() if what)
    record = f"jsonb_populate_record(CAST(NULL AS {table}), to_jsonb(t) || jsonb_build_object({', '.join(changed)}))"
    names = ", ".join(kept)
    session.execute(
        text(
            f"INSERT INTO {table} ({names}) SELECT {', '.join(f'(r).{name}' for name in kept)}"
            f" FROM (SELECT {record} AS r FROM {table} t, generate_series(1, {JOBS}) AS n WHERE t.{key} = :first) AS made"
        ),
        {"first": first[what or ""]},
    )


def _pages(context: Context, account: Account, job_id: str) -> Iterator[Row]:
    app = create_portal(context)
    statements: list[str] = []
    event.listen(context.database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    paths = ["/overview", "/jobs", "/jobs?state=succeeded", f"/jobs/{job_id}", "/data", "/buy", "/bill", "/organisation", "/account"]
    worst_ms, most = 0.0, 0
    for path in paths:
        asyncio.run(_get(app, path, account.token))
        statements.clear()
        asyncio.run(_get(app, path, account.token))
        count = len(statements)
        took = sorted(_timed(app, path, account.token) for _ in range(ROUNDS))
        p95 = took[int(0.95 * len(took))]
        worst_ms, most = max(worst_ms, p95), max(most, count)
        yield Row(f"page {path.replace(job_id, '<id>')}: server p50; p95; statements", f"{statistics.median(took):.0f} ms; {p95:.0f} ms; {count}")
    yield Row(f"slowest page, {TENANTS} tenants, {JOBS:,} jobs: p95", f"{worst_ms:.0f} ms", target="<= 80 ms")
    yield Row("most statements a page", str(most), target="<= 12")


def _timed(app: Any, path: str, secret: str) -> float:
    began = time.perf_counter()
    asyncio.run(_get(app, path, secret))
    return 1000 * (time.perf_counter() - began)


async def _get(app: Any, path: str, secret: str) -> None:
    where, _, query = path.partition("?")
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    headers = [(b"host", b"127.0.0.1"), (b"cookie", f"wutong_session={secret}".encode()), (b"accept-encoding", b"gzip")]
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http", "path": where, "state": {}}
    scope |= {"raw_path": where.encode(), "query_string": query.encode(), "root_path": "", "headers": headers}
    await app({**scope, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)}, receive, send)
    assert statuses == [200], (path, statuses)


def _live(centre: TrialCentre, account: Account) -> list[Row]:
    """Open pages that follow one log, and time each line from its printing to where a browser would have it."""
    command = f"for n in $(seq {LINES}); do date +%s.%N; sleep 0.5; done"
    job_id = _run(centre, account, command, settled=False)
    while centre.call("GET", f"/jobs/{job_id}", token=account.token)["state"] != "running":
        time.sleep(0.2)
    pid = centre.pids()["api-0"]
    before = weigh(pid)[0]
    delays, after = asyncio.run(_follow(centre.url, account.token, job_id, lambda: weigh(pid)[0]))
    ordered = sorted(delays)
    p95 = 1000 * ordered[int(0.95 * len(ordered))]
    return [
        Row(f"{LIVE_PAGES} open live pages: more memory of the API", f"{after - before:.0f} MB", target="<= 150 MB"),
        Row("line of a log to a page: p50; p95", f"{1000 * statistics.median(ordered):.0f} ms; {p95:.0f} ms", target="p95 <= 300 ms"),
    ]


async def _follow(url: str, secret: str, job_id: str, memory: Any) -> tuple[list[float], float]:
    delays: list[float] = []
    parts = urlsplit(url)
    cookie = f"wutong_session={secret}"
    topic = f"log:{job_id}:1:0"

    async def page(number: int) -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(f"GET /stream?topics=jobs,job:{job_id},{topic} HTTP/1.1\r\nHost: {parts.netloc}\r\nCookie: {cookie}\r\n\r\n".encode())
        offset = 0
        while True:
            line = (await reader.readline()).decode()
            if line.startswith("data:") and number == 0:
                told = json.loads(line[5:])
                if told["topic"] == topic and told["data"].get("size", 0) > offset:
                    piece = await _read_log(parts, cookie, job_id, offset)
                    now = time.time()
                    delays.extend(now - float(each) for each in piece.decode().split() if offset)
                    offset += len(piece)
            if not line or (number == 0 and len(delays) >= LINES // 2):
                writer.close()
                return

    first = asyncio.create_task(page(0))
    others = [asyncio.create_task(page(number)) for number in range(1, LIVE_PAGES)]
    await asyncio.wait_for(first, 120)
    held = float(memory())
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    return delays, held


async def _read_log(parts: Any, cookie: str, job_id: str, offset: int) -> bytes:
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(f"GET /jobs/{job_id}/log?attempt=1&offset={offset} HTTP/1.0\r\nHost: {parts.netloc}\r\nCookie: {cookie}\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return answer.partition(b"\r\n\r\n")[2]


def _in_a_browser(centre: TrialCentre, account: Account) -> list[Row]:
    from playwright.sync_api import sync_playwright

    long_log = _run(centre, account, f"yes 'step 100 loss 0.1234 accuracy 0.9876 some more words of a log' | head -c {LOG_BYTES}")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        context = browser.new_context(base_url=centre.url, locale="zh-CN")
        context.add_cookies([{"name": "wutong_session", "value": account.token, "url": centre.url}])
        page = context.new_page()
        loaded, ready_ms = _first_load(page)
        shown_ms, frames = _long_log(context.new_page(), long_log)
        browser.close()
    return [
        Row("first load of the job list: bytes packed", f"{loaded / 1000:.0f} kB", target="<= 260 kB"),
        Row("first load of the job list: ready", f"{ready_ms:.0f} ms", target="<= 600 ms"),
        Row("log of 100 MB: first lines shown", f"{shown_ms:.0f} ms", target="<= 500 ms"),
        Row("log of 100 MB: frames a second while scrolling", f"{frames:.0f}", target=">= 50"),
    ]


def _first_load(page: Any) -> tuple[int, float]:
    sizes: list[float] = []
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.loadingFinished", lambda told: sizes.append(told["encodedDataLength"]))
    page.goto("/jobs", wait_until="load")
    ready = page.evaluate("() => performance.getEntriesByType('navigation')[0].loadEventEnd")
    page.wait_for_timeout(1000)
    return int(sum(sizes)), float(ready)


_SCROLL = """async () => {
  const box = document.querySelector('[data-island=logview] [data-lines], [data-island=logview] .log-scroll, [data-island=logview]');
  let frames = 0; const began = performance.now();
  while (performance.now() - began < 3000) { box.scrollTop += 400; frames += 1; await new Promise(requestAnimationFrame); }
  return 1000 * frames / (performance.now() - began);
}"""


def _long_log(page: Any, job_id: str) -> tuple[float, float]:
    began = time.perf_counter()
    page.goto(f"/jobs/{job_id}", wait_until="commit")
    while not page.evaluate("() => document.querySelector('[data-island=logview]')?.innerText.includes('step 100 loss')"):
        page.wait_for_timeout(10)
    shown = 1000 * (time.perf_counter() - began)
    return shown, float(page.evaluate(_SCROLL))


if __name__ == "__main__":
    show(rows())
