"""A centre with a city's history in its database, to measure the portal on: what a real centre made once, multiplied by `city.sql`.

With WUTONG_BENCH_CITY=<folder> it is made there and kept for the next run.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from sqlalchemy import text

from wutong.app.build import build_centre
from wutong.app.trial import Account, TrialCentre
from wutong.centre.engines.fake import FakeEngine
from wutong.centre.registry import Engines
from wutong.doorway.context import Context
from wutong.kit.database import Database
from wutong.kit.postgres import EmbeddedPostgres
from wutong.kit.settings import Settings

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
from screenshots import Settled, settle

TENANTS, JOBS = 186, 50_000
LOG_LIMIT_MB = 128
FILLING = Path(__file__).with_name("city.sql")


@dataclass(frozen=True)
class City:
    """A centre at rest. `settled` holds sessions of the owner of the largest organisation and of an operator, and what paths name."""

    home: Path
    settled: Settled
    filled_s: float

    @property
    def centre(self) -> TrialCentre:
        """The centre, to be started."""
        return TrialCentre(self.home, slots=8, allow_unconfined_tenants=True, log_limit_mb=LOG_LIMIT_MB)

    @property
    def named(self) -> dict[str, str]:
        """What the paths of pages name, and places far down a list and a month back."""
        last_month = time.strftime("%Y-%m", time.gmtime(time.time() - 31 * 86400))
        return {**self.settled.objects, "far": f"job_05{JOBS // 2:018}", "last": last_month}

    @contextmanager
    def context(self) -> Iterator[Context]:
        """The centre as an API process has it, while the database alone runs and every engine is in memory."""
        server = EmbeddedPostgres(self.home / "postgres")
        server.start()
        names = {name: value for name, value in self.centre.environment.items() if name.startswith("WUTONG_")}
        with mock.patch.dict(os.environ, names):
            settings = Settings()
            built = build_centre(settings, pool_size=4)
        try:
            yield Context(settings, built.database, Engines([FakeEngine("local"), FakeEngine("city")]), built.blobs)
        finally:
            built.close()
            server.stop()


@contextmanager
def a_city() -> Iterator[City]:
    """Make a city, or take the one that was kept."""
    kept = os.environ.get("WUTONG_BENCH_CITY")
    if kept is None:
        with tempfile.TemporaryDirectory(dir="/tmp", prefix="wutong-city-") as folder:
            yield _made(Path(folder))
        return
    home, notes = Path(kept), Path(kept) / "city.json"
    if not notes.exists():
        home.mkdir(parents=True)
        city = _made(home)
        notes.write_text(json.dumps({**asdict(city.settled), "filled_s": city.filled_s}))
    told = json.loads(notes.read_text())
    settled = Settled(Account(**told["owner"]), told["operator"], told["objects"])
    yield City(home, settled, told["filled_s"])


def _made(home: Path) -> City:
    home.chmod(0o755)
    centre = TrialCentre(home, slots=8, allow_unconfined_tenants=True).start()
    try:
        settled = settle(centre)
    finally:
        centre.stop()
    began = time.monotonic()
    city = City(home, settled, 0.0)
    with city.context() as context:
        objects = _filled(context.database, settled)
    return City(home, Settled(settled.owner, settled.operator, objects), time.monotonic() - began)


def _filled(database: Database, settled: Settled) -> dict[str, str]:
    """Multiply what is there, and return what paths shall name: the largest organisation's longest job, a machine that many used."""
    with database.engine.begin() as connection:
        given = {"tenants": TENANTS, "jobs": JOBS, "home": settled.owner.tenant_id}
        for name, value in given.items():
            connection.execute(text("SELECT set_config(:name, :value, false)"), {"name": f"city.{name}", "value": str(value)})
        driver: Any = connection.connection.driver_connection
        driver.execute(FILLING.read_text())
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
        longest = "SELECT job_id, run_name FROM compute_charge WHERE tenant_id = :tenant GROUP BY 1, 2 ORDER BY count(*) DESC LIMIT 1"
        job_id, run_name = connection.execute(text(longest), {"tenant": settled.owner.tenant_id}).one()
    return {**settled.objects, "trained": settled.objects["job_id"], "job_id": job_id, "run_name": run_name, "pool": "city", "name": "node-03"}
