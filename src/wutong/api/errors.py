"""One shape for every error: problems of the rooms, refused input, unknown routes, a database that is away, and faults of our own."""

import math
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.types import Scope

from wutong.kit.errors import Problem, Unavailable
from wutong.kit.log import get_logger
from wutong.sdk.errors import ErrorBody
from wutong.sdk.wire import in_words

log = get_logger(__name__)

ERROR_RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorBody, "description": "Refused; `error.message` says what to do."},
    "5XX": {"model": ErrorBody, "description": "Our fault, or something we depend on is away."},
}

_HTTP_CODES = {400: "bad_request", 404: "no_such_route", 405: "method_not_allowed", 413: "too_large", 415: "unsupported_media_type"}
_HTTP_SENTENCES = {
    400: "The body cannot be read. Send JSON.",
    404: "There is nothing at this address. The routes are listed in /api/openapi.json.",
    405: "This address does not answer to this method. The routes are listed in /api/openapi.json.",
}


def add_handlers(app: FastAPI) -> None:
    """Let the application answer every error in the one shape."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _refused)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(DataError, _unstorable)
    for away in (OperationalError, InterfaceError, PoolTimeoutError):
        app.add_exception_handler(away, _database_away)


def answer(
    status: int, code: str, message: str, request_id: str, details: dict[str, Any] | None = None, headers: dict[str, str] | None = None
) -> JSONResponse:
    """Make an error response."""
    error = {"code": code, "message": message, "details": details or {}, "request_id": request_id}
    return JSONResponse({"error": error}, status, headers)


def problem_answer(problem: Problem, request_id: str) -> JSONResponse:
    """Make the response of a problem, with the headers its status promises."""
    headers = {}
    if problem.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if "retry_after_s" in problem.params:
        headers["Retry-After"] = str(problem.params["retry_after_s"])
    return answer(problem.status, problem.code, problem.sentence(), request_id, plain(problem.params), headers)


def tell(scope: Scope, problem: Problem, request_id: str) -> JSONResponse:  # noqa: ARG001 - the frame's own signature
    """Answer a problem that came up outside of any route."""
    return problem_answer(problem, request_id)


def plain(value: Any) -> Any:
    """Turn the parameters of a problem into what JSON can carry."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return str(value)


async def _problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)  # noqa: S101 - registered for this class only
    if error.status >= 500:
        log.error("problem", code=error.code, error=str(error), request_id=_id(request))
    return problem_answer(error, _id(request))


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class only
    fields = [{"field": _field(item["loc"]), "reason": in_words(item)} for item in error.errors()]
    first = fields[0] if fields else {"field": "body", "reason": "cannot be read"}
    details = {**first, "fields": fields}
    return answer(422, "invalid", f"{first['field']}: {first['reason']}.", _id(request), plain(details))


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only
    code = _HTTP_CODES.get(error.status_code, "bad_request" if error.status_code < 500 else "internal")
    message = _HTTP_SENTENCES.get(error.status_code, str(error.detail))
    return answer(error.status_code, code, message, _id(request), headers=dict(error.headers or {}))


async def _unstorable(request: Request, error: Exception) -> JSONResponse:
    log.warning("a value could not be stored", error=str(error)[:300], request_id=_id(request))
    message = "A value cannot be stored: a text with a NUL character, or a number that is too large. Take out the one, or send a smaller one."
    return answer(422, "invalid", message, _id(request), {"field": "", "reason": message})


async def _database_away(request: Request, error: Exception) -> JSONResponse:
    log.error("the database does not answer", error=str(error)[:300], request_id=_id(request))
    return problem_answer(Unavailable(what="The database"), _id(request))


def _field(location: tuple[int | str, ...]) -> str:
    parts = [str(part) for part in location if part not in ("body", "query", "path", "header")]
    return ".".join(parts) or "body"


def _id(request: Request) -> str:
    return str(request.scope.get("wutong.request_id", ""))
