"""Builds the ASGI application of the JSON door from the routers of the nouns."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI

from wutong import __version__
from wutong.api.errors import add_handlers, tell
from wutong.api.nouns import ROUTERS
from wutong.doorway.context import Context, context_from_environment
from wutong.doorway.frame import Frame

DESCRIPTION = """The JSON API of a Wutong centre.

Send an API token as `Authorization: Bearer wtk_...`. People in several organisations choose one with the header `X-Wutong-Tenant`
(`none` acts for no organisation, as the centre's staff). Errors have one shape, `{"error": {"code", "message", "details", "request_id"}}`;
lists are `{"items": [...], "next": cursor}`. Amounts are integer fen, times are UTC.
"""


def create_app(context: Context | None = None) -> FastAPI:
    """Return the application; it serves with this context, or one built from the environment."""
    context = context or context_from_environment()
    app = FastAPI(
        title="Wutong",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=_lifespan,
        redirect_slashes=False,
    )
    app.state.context = context
    for router in ROUTERS:
        # `include_router` would build every route again at the first request, and match each request a second time.
        app.router.routes.extend(router.routes)
    add_handlers(app)
    app.add_middleware(Frame, tell=tell)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    current_default_thread_limiter().total_tokens = app.state.context.settings.api_threads
    yield
