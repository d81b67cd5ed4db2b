"""One address for both doors: the JSON API under `/api`, health and metrics beside it, and the portal everywhere else.

The portal is loaded when the first page is asked for: a centre that is used by programs only never pays for it.
"""

import threading
from collections.abc import Callable

from anyio.to_thread import run_sync
from starlette.types import ASGIApp, Receive, Scope, Send

from wutong.app.startup import importing
from wutong.doorway.context import Context

OF_THE_API = ("/api/", "/health", "/metrics")


class House:
    """ASGI application that leads a request to its door."""

    def __init__(self, api: ASGIApp, portal: Callable[[], ASGIApp]) -> None:
        self._api = api
        self._make = portal
        self._portal: ASGIApp | None = None
        self._making = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; the process's start and end concern the API."""
        if scope["type"] != "http" or scope["path"].startswith(OF_THE_API):
            await self._api(scope, receive, send)
            return
        portal = self._portal
        if portal is None:
            portal = await run_sync(self._build)
        await portal(scope, receive, send)

    def _build(self) -> ASGIApp:
        with self._making:
            made = self._portal or self._make()
            self._portal = made
            return made


def make_portal(context: Context) -> ASGIApp:
    """Load the portal and build it."""
    with importing():
        from wutong.web.main import create_portal

        return create_portal(context)
