"""An API process: builds the application and serves it on a socket that the supervisor holds open over restarts."""

import socket
import sys

import uvicorn

from wutong.api.main import create_app
from wutong.app.build import build_centre
from wutong.app.endpoints import Pulse, add_endpoints
from wutong.app.house import House, make_portal
from wutong.app.migrate import await_current
from wutong.app.startup import collect_seldom
from wutong.doorway.context import Context
from wutong.kit import log
from wutong.kit.settings import Settings

GRACE_SECONDS = 8
# Threads that wait for each other's rows (one organisation's balance) must not also wait 5 ms for their turn in the interpreter.
TURN_SECONDS = 0.0005


def run_api(fd: int | None) -> int:
    """Serve until SIGTERM, on an inherited listening socket or on the address of the settings."""
    settings = Settings()
    log.configure(settings.log_level, json=settings.log_json)
    centre = build_centre(settings, pool_size=settings.database_pool)
    sys.setswitchinterval(TURN_SECONDS)
    collect_seldom()
    pulse = Pulse(centre)
    context = Context(settings, centre.database, centre.engines, centre.blobs, health=pulse.checks)
    api = create_app(context)
    add_endpoints(api, centre, pulse)
    application = House(api, lambda: make_portal(context))
    await_current(centre.database)
    config = uvicorn.Config(
        application,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=30,
    )
    sockets = [socket.socket(fileno=fd)] if fd is not None else None
    centre.database.keep_small()
    uvicorn.Server(config).run(sockets)
    centre.close()
    return 0
