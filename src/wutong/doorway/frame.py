"""The frame around every request: its id, the limit on its body, and the last resort when our own code fails."""

import re
import secrets
from collections.abc import Callable, MutableMapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wutong.kit.errors import Problem
from wutong.kit.log import get_logger

log = get_logger(__name__)

JSON_LIMIT_BYTES = 2 * 1024 * 1024
# Routes that take bytes rather than JSON check sizes themselves.
UNLIMITED = ("/api/v1/uploads", "/api/v1/admin/plans/log")
# A page's form that sends files without the help of scripts, and a file of a ticket; the latter has a limit of its own, told in better words.
FILE_LIMIT_BYTES = 100 * 1024 * 1024
# A version of 200,000 files, as a list of their paths and digests.
LIST_LIMIT_BYTES = 48 * 1024 * 1024
_LARGER = (
    (re.compile(r"/data/repo_[0-9a-z]{20}/file"), FILE_LIMIT_BYTES),
    (re.compile(r"/tickets|/(console/)?tickets/tick_[0-9a-z]{20}/(reply|answer)"), FILE_LIMIT_BYTES),
    (re.compile(r"/api/v1/(admin/)?tickets/tick_[0-9a-z]{20}/attachments"), FILE_LIMIT_BYTES),
    (re.compile(r"/api/v1/repos/repo_[0-9a-z]{20}/versions"), LIST_LIMIT_BYTES),
)
_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class TooLarge(Problem):
    """A body is over the limit of its route."""

    code = "too_large"
    status = 413
    message = "The request is over {limit_bytes} bytes. Send files as uploads."


class OurFault(Problem):
    """Our own code failed; what is told is how to ask for help."""

    code = "internal"
    status = 500
    message = "Something went wrong on our side. Quote {request_id} when you ask for help."


class Frame:
    """ASGI middleware, written plainly because it runs for every request. `tell` makes the door's answer of a problem and the request's id."""

    def __init__(self, app: ASGIApp, tell: Callable[[Scope, Problem, str], ASGIApp]) -> None:
        self._app = app
        self._tell = tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = _request_id(headers)
        scope["wutong.request_id"] = request_id
        started = False

        async def send_with_id(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        try:
            limit = _limit(scope)
            if limit is not None:
                if _announced(headers) > limit:
                    await self._tell(scope, TooLarge(limit_bytes=limit), request_id)(scope, receive, send_with_id)
                    return
                receive = _counted(receive, limit)
            await self._app(scope, receive, send_with_id)
        except Exception as error:
            log.exception("request failed", method=scope["method"], path=scope["path"], request_id=request_id, error=repr(error))
            if started:
                raise
            await self._tell(scope, OurFault(request_id=request_id), request_id)(scope, receive, send_with_id)


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    return given if _GIVEN_ID.fullmatch(given) else secrets.token_hex(8)


def _limit(scope: Scope) -> int | None:
    if scope["method"] in ("GET", "HEAD", "OPTIONS") or scope["path"].startswith(UNLIMITED):
        return None
    return next((limit for path, limit in _LARGER if path.fullmatch(scope["path"])), JSON_LIMIT_BYTES)


def _announced(headers: Headers) -> int:
    length = headers.get("content-length", "0")
    return int(length) if length.isdigit() else 0


def _counted(receive: Receive, limit_bytes: int) -> Receive:
    """Count bytes that were not announced."""
    seen = 0

    async def counting() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit_bytes:
            raise HTTPException(413, f"The request is over {limit_bytes} bytes. Send files as uploads.")
        return message

    return counting
