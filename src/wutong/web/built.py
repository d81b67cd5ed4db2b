"""Serves the built front end out of memory, packed once and not at each request: a first visit asks for a dozen files at the same moment."""

import functools
import gzip
import mimetypes
import re
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from wutong.web import assets

FOR_EVER = "public, max-age=31536000, immutable"
LARGEST_BYTES = 2**20
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
_TEXT = frozenset((".css", ".js", ".json", ".svg", ".txt"))


@dataclass(frozen=True, slots=True)
class Packed:
    """A file as it goes over the wire."""

    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]


class Built:
    """ASGI middleware that answers for the front end's text files; all else, and readers that ask for parts or do not unpack, go on."""

    def __init__(self, app: ASGIApp, headers: dict[str, str]) -> None:
        self._app = app
        self._headers = tuple((name.lower().encode(), value.encode()) for name, value in headers.items())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        found = _asked_for(scope)
        if found is None:
            await self._app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": [*self._headers, *found.headers]})
        await send({"type": "http.response.body", "body": found.body})


def _asked_for(scope: Scope) -> Packed | None:
    if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith(assets.URL):
        return None
    headers = Headers(scope=scope)
    if "gzip" not in headers.get("accept-encoding", "") or "range" in headers or "if-none-match" in headers:
        return None
    return packed(scope["path"].removeprefix(assets.URL))


def packed(name: str) -> Packed | None:
    """Return a built file packed, None where it is not there, not text, or large."""
    if _NAME.fullmatch(name) is None:
        return None
    path = assets.FOLDER / name
    if path.suffix not in _TEXT or not path.is_file() or path.stat().st_size > LARGEST_BYTES:
        return None
    return _pack(path)


@functools.lru_cache(maxsize=64)
def _pack(path: Path) -> Packed:
    # Names carry their content's hash, so what is kept stays true.
    body = gzip.compress(path.read_bytes(), compresslevel=9, mtime=0)
    kind = mimetypes.types_map[path.suffix]
    told = {
        "content-type": f"{kind}; charset=utf-8" if kind.startswith("text/") else kind,
        "content-encoding": "gzip",
        "content-length": str(len(body)),
        "cache-control": FOR_EVER,
        "vary": "Accept-Encoding",
    }
    return Packed(body, tuple((key.encode(), value.encode()) for key, value in told.items()))
