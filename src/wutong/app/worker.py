"""The worker process: brings the schema up to date, puts in what a centre begins with, then runs every background loop until it is told to stop."""

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

from wutong.app.build import build_centre, build_loops, seed
from wutong.app.migrate import await_database, migrate
from wutong.kit import log
from wutong.kit.loops import Runner, free_dead_leases
from wutong.kit.settings import Settings

logger = log.get_logger(__name__)

POOL_SIZE = 4


def run_worker() -> NoReturn:
    """Run until SIGTERM or SIGINT; a step that is still at it some seconds later is cut off, as a kill would."""
    settings = Settings()
    log.configure(settings.log_level, json=settings.log_json)
    # No more connections than these: a loop that waits for one costs nothing, a connection made for a single step more than the step.
    centre = build_centre(settings, pool_size=POOL_SIZE, max_overflow=0)
    await_database(centre.database)
    migrate(centre.database)
    seed(settings, centre.database)
    with centre.database.session() as session:
        free_dead_leases(session)
    runner = Runner(centre.database, build_loops(centre))

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 the signal's number and frame say nothing to us
        runner.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    logger.info("worker runs")
    runner.run()
    centre.close()
    sys.stderr.flush()
    os._exit(0)  # an ordinary exit would wait for every thread of every pool
