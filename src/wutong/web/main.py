"""Builds the portal's ASGI application: pages, built files, the headers every answer carries."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wutong.doorway.context import Context
from wutong.doorway.frame import Frame
from wutong.web import assets, errors
from wutong.web.built import FOR_EVER, Built
from wutong.web.live import Live
from wutong.web.nouns import PAGES

_ALLOWED = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "worker-src": "'self'",
    "manifest-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
POLICY = "; ".join(f"{what} {where}" for what, where in _ALLOWED.items())
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_OWN_SCRIPTS = f"script-src {_ALLOWED['script-src']}"


def create_portal(context: Context) -> FastAPI:
    """Return the application of the pages."""
    app = FastAPI(title="Wutong", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False, lifespan=_lifespan)
    app.state.context = context
    app.state.live = Live(context)
    for pages in PAGES:
        app.router.routes.extend(pages.routes)
    app.mount(assets.URL.rstrip("/"), StaticFiles(directory=assets.FOLDER, check_dir=False))
    errors.add_handlers(app)
    app.add_middleware(Headers)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    app.add_middleware(Frame, tell=errors.tell)
    app.add_middleware(Built, headers=HEADERS)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    current_default_thread_limiter().total_tokens = app.state.context.settings.api_threads
    yield


class Headers:
    """ASGI middleware that puts the security headers on every answer, and says how long it may be kept."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        static = scope["path"].startswith(assets.URL)
        policy = POLICY if static else _policy_of_pages()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", policy)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                kept = FOR_EVER if static and message["status"] == 200 else "no-store"
                headers.setdefault("Cache-Control", kept)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _policy_of_pages() -> str:
    """Allow the one script that stands in pages, by its content; the front end may be built anew beside a running centre."""
    try:
        return POLICY.replace(_OWN_SCRIPTS, f"{_OWN_SCRIPTS} {assets.theme_source()}")
    except assets.NotBuilt:
        return POLICY
