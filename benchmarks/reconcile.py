"""A reconcile step when nothing changed: with 1,000 running runs and none, then 10,000 queued ones; and how quickly runs are handed over.

The engine is a quiet one in memory, so what is measured is ours: the database and our own time.
"""

import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rows import Row, show
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from wutong.app.migrate import migrate
from wutong.centre.engines.protocol import Absent, Accepted, Capabilities, Changes, Phase, RunSpec, Sighting, UsageBatch
from wutong.centre.reconciler import Reconciler
from wutong.centre.rules import Accelerator, Device, Node, NodeState, Policy, Pool, PoolState
from wutong.centre.service import Engines, add_pool, request_run
from wutong.kit.database import Database, normal_url
from wutong.kit.loops import drain

STEPS = 200
QUEUED, RUNNING = 10_000, 1_000
HANDED = 1_000

_FILL = """
    INSERT INTO centre_run (name, pool, engine, tenant, cards, phase, requested_at, version, restart, detail, submitted_at, started_at, seen_at,
                            tries, absent_count, forget, spec)
    SELECT :phase || '-' || n, 'npu', 'quiet', 'tnt_' || n % 186, 8, :phase, now(), 3, 0, '', now(), CASE WHEN :phase = 'running' THEN now() END,
           now() - n * interval '1 second', 0, 0, false, '{}'::jsonb
    FROM generate_series(1, :count) AS n"""


class QuietEngine:
    """Knows every run as it was put in the database, and never reports a change."""

    name = "quiet"

    def capabilities(self) -> Capabilities:
        return Capabilities("quiet", "1", 800, 19_200, 76_800_000, nodes=100, isolated=True)

    def submit(self, spec: RunSpec) -> Accepted:  # noqa: ARG002
        return Accepted()

    def changes(self, since: str) -> Changes:  # noqa: ARG002
        return Changes("1", ())

    def usage(self, since: str) -> UsageBatch:  # noqa: ARG002
        return UsageBatch("1", ())

    def observe(self, names: list[str]) -> dict[str, Sighting | Absent]:
        return {name: Sighting(name, Phase.RUNNING if name.startswith("running") else Phase.QUEUED) for name in names}


def rows() -> list[Row]:
    """Fill a database step by step and time the loop."""
    with scratch_database() as database:
        fill(database, "running", RUNNING)
        few = Reconciler(database, Engines([QuietEngine()]))
        few.step()
        alone = timed(few)
        fill(database, "queued", QUEUED)
        many = Reconciler(database, Engines([QuietEngine()]))
        many.step()
        full = timed(many)
        sweeping = timed(Reconciler(database, Engines([QuietEngine()]), Policy(sweep_s=0, sweep_age_s=1)), 40)
        rate = hand_over(database, many)
    return [
        Row(
            "reconcile step, nothing changed, 10,000 queued + 1,000 running",
            ms(full),
            ms(alone) + " with none queued",
            ratio(full, alone),
            "< 100 ms, ratio ~1",
        ),
        Row("the same step with a sweep of 100 runs", ms(sweeping), target="< 100 ms"),
        Row("runs handed to an engine", f"{rate:.0f}/s", target=">= 20/s"),
    ]


def fill(database: Database, phase: str, count: int) -> None:
    """Put runs in as if they had been submitted long ago."""
    with database.engine.begin() as connection:
        connection.execute(text(_FILL), {"phase": phase, "count": count})
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE centre_run"))


def timed(reconciler: Reconciler, steps: int = STEPS) -> list[float]:
    """Return the seconds each step took."""
    taken = []
    for _ in range(steps):
        begun = time.perf_counter()
        reconciler.step()
        taken.append(time.perf_counter() - begun)
    return taken


def hand_over(database: Database, reconciler: Reconciler) -> float:
    """Return how many requested runs a second become queued ones."""
    for number in range(HANDED):
        with database.session() as session:
            request_run(session, RunSpec(f"new-{number}", f"tnt_{number % 186}", ("true",), slots=8), pool="npu")
    begun = time.perf_counter()
    drain(reconciler.step)
    return HANDED / (time.perf_counter() - begun)


def ms(taken: list[float]) -> str:
    """Show median and 95th percentile."""
    return f"{statistics.median(taken) * 1000:.1f} ms (p95 {statistics.quantiles(taken, n=20)[18] * 1000:.1f})"


def ratio(ours: list[float], peer: list[float]) -> str:
    """Compare medians."""
    return f"{statistics.median(ours) / statistics.median(peer):.2f}x"


@contextmanager
def scratch_database() -> Iterator[Database]:
    """Make a migrated database with one pool, on the server of WUTONG_TEST_DATABASE_URL or on an embedded one."""
    with tempfile.TemporaryDirectory(prefix="wutong-reconcile-") as folder:
        server, url = None, os.environ.get("WUTONG_TEST_DATABASE_URL")
        if not url:
            from wutong.kit.postgres import EmbeddedPostgres

            server = EmbeddedPostgres(Path(folder) / "postgres")
            url = server.start()
        admin = create_engine(normal_url(url), isolation_level="AUTOCOMMIT")
        name = f"bench_{os.getpid()}_{secrets.token_hex(3)}"
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        database = Database(make_url(normal_url(url)).set(database=name).render_as_string(hide_password=False))
        try:
            migrate(database)
            with database.session() as session:
                kind = Accelerator("ascend910b", "Huawei", 320.0, 64, Device.NPU)
                nodes = [Node("npu", f"n{number:03}", 8, 192, 768_000, NodeState.UP) for number in range(100)]
                add_pool(session, kind, Pool("npu", "quiet", kind.name, "", PoolState.OPEN, 86_400), nodes, [])
            yield database
        finally:
            database.close()
            with admin.connect() as connection:
                connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
            admin.dispose()
            if server is not None:
                server.stop()


if __name__ == "__main__":
    show(rows())
