"""The worker process: brings the schema up to date, puts in what a centre begins with, then runs every background loop until it is told to stop."""

import signal
from types import FrameType

from wutong.app.build import build_centre, build_loops, seed
from wutong.app.migrate import migrate
from wutong.kit import log
from wutong.kit.loops import Runner, free_dead_leases
from wutong.kit.settings import Settings

logger = log.get_logger(__name__)


def run_worker() -> int:
    """Run until SIGTERM or SIGINT."""
    settings = Settings()
    log.configure(settings.log_level, json=settings.log_json)
    centre = build_centre(settings, pool_size=3)
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
    return 0
