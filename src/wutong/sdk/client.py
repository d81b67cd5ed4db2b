"""The HTTP client: one connection pool, one request function that turns errors into exceptions, pages into iterators."""

import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2
from pydantic import BaseModel

from wutong.sdk.errors import ErrorDetail, Unreachable, error_from
from wutong.sdk.wire import Listed

M = TypeVar("M", bound=BaseModel)

TRIES = 5
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
_SAFE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_AGAIN = frozenset({429, 502, 503, 504})


class Client:
    """Speaks with one centre as one person. Keeps connections alive; may be used from several threads."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        tenant: str | None = None,
        timeout_s: float = 30.0,
        tries: int = TRIES,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        headers = {"Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if tenant:
            headers["X-Wutong-Tenant"] = tenant
        self.url = url.rstrip("/")
        self.tries = tries
        self.http = httpx2.Client(base_url=self.url, headers=headers, timeout=timeout_s, transport=transport, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def get(self, path: str, model: type[M], **params: Any) -> M:
        """Read one thing."""
        return model.model_validate_json(self.send("GET", path, params=params).content)

    def post(self, path: str, body: BaseModel | Mapping[str, Any] | None, model: type[M], *, key: str | None = None) -> M:
        """Send a body and read the answer; with an idempotency key it is repeated safely when the answer is lost."""
        return model.model_validate_json(self.send("POST", path, body=body, key=key).content)

    def put(self, path: str, body: BaseModel | Mapping[str, Any], model: type[M]) -> M:
        """Replace something and read the answer."""
        return model.model_validate_json(self.send("PUT", path, body=body).content)

    def patch(self, path: str, body: BaseModel | Mapping[str, Any], model: type[M]) -> M:
        """Change something and read the answer."""
        return model.model_validate_json(self.send("PATCH", path, body=body).content)

    def delete(self, path: str) -> None:
        """Remove something."""
        self.send("DELETE", path)

    def pages(self, path: str, model: type[M], *, limit: int = 100, most: int | None = None, **params: Any) -> Iterator[M]:
        """Go through a list, page after page, at most `most` items."""
        after: str | None = None
        given = 0
        page_of: type[Listed[M]] = Listed[model]  # type: ignore[valid-type]
        while True:
            page = self.get(path, page_of, limit=limit, after=after, **params)
            for item in page.items:
                if most is not None and given >= most:
                    return
                given += 1
                yield item
            after = page.next
            if after is None:
                return

    def send(
        self,
        method: str,
        path: str,
        *,
        body: BaseModel | Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        content: Any = None,
        key: str | None = None,
    ) -> httpx2.Response:
        """Send a request and return a successful answer, or raise an `ApiError`.

        Only what can be repeated without doing it twice (reads, PUT, DELETE, anything with an idempotency key) is tried again.
        """
        extra = dict(headers or {})
        if key:
            extra["Idempotency-Key"] = key
        if body is not None:
            extra["Content-Type"] = "application/json"
            content = _json(body)
        wanted = {name: value for name, value in (params or {}).items() if value is not None}
        tries = self.tries if (method in _SAFE or key) and not hasattr(content, "read") else 1
        return self._send(method, path, wanted, extra, content, tries)

    @contextmanager
    def stream(
        self, method: str, path: str, *, params: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[httpx2.Response]:
        """Open a streamed answer (downloads, followed logs); errors are raised before the block begins."""
        wanted = {name: value for name, value in (params or {}).items() if value is not None}
        try:
            with self.http.stream(method, path, params=wanted, headers=dict(headers or {})) as response:
                if response.is_error:
                    raise error_from(response.status_code, response.read())
                yield response
        except httpx2.TransportError as error:
            raise self._unreachable(error) from error

    def _send(self, method: str, path: str, params: dict[str, Any], headers: dict[str, str], content: Any, tries: int) -> httpx2.Response:
        for last in range(tries - 1, -1, -1):
            try:
                response = self.http.request(method, path, params=params, headers=headers, content=content)
            except httpx2.TransportError as error:
                if not last:
                    raise self._unreachable(error) from error
                self._pause(tries - last, None)
                continue
            if response.is_success or response.is_redirect:
                return response
            if not last or response.status_code not in _AGAIN:
                raise error_from(response.status_code, response.content)
            self._pause(tries - last, response.headers.get("Retry-After"))
        raise AssertionError("unreachable: the last try returns or raises")

    def _pause(self, tried: int, retry_after: str | None) -> None:
        if retry_after and retry_after.isdigit() and int(retry_after) <= LONGEST_PAUSE_S:
            time.sleep(int(retry_after))
            return
        time.sleep(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (tried - 1)) * random.uniform(0.5, 1.0))  # noqa: S311 - spreads retries

    def _unreachable(self, error: Exception) -> Unreachable:
        message = f"The centre at {self.url} does not answer ({type(error).__name__}). Check the address and your network."
        return Unreachable(ErrorDetail(code="unreachable", message=message), 0)


def _json(body: BaseModel | Mapping[str, Any]) -> bytes:
    if isinstance(body, BaseModel):
        return body.model_dump_json(exclude_unset=True).encode()
    import json

    return json.dumps(dict(body)).encode()
