"""Errors as people see them: a page with the sentence and a way on, or a note in the corner when a script asked."""

import json
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy.exc import DataError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Scope

from wutong.doorway.asking import COOKIE, address_of
from wutong.kit.errors import Invalid, Problem, Unauthenticated, Unavailable
from wutong.kit.log import get_logger
from wutong.sdk.wire import in_words
from wutong.web import csrf
from wutong.web.view import View, Visit

log = get_logger(__name__)


class NoSuchPage(Problem):
    """Nothing is at this address."""

    code = "no_such_page"
    status = 404
    message = "There is no page at this address. It may have moved; the menu leads to everything."


class Refused(Problem):
    """The browser sent what no page of ours sends."""

    code = "bad_request"
    status = 400
    message = "This request cannot be read. Go back, load the page again and try once more."


def add_handlers(app: FastAPI) -> None:
    """Let the application answer every error as a page."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(DataError, _unstorable)
    for away in (OperationalError, InterfaceError, PoolTimeoutError):
        app.add_exception_handler(away, _database_away)


def tell(scope: Scope, problem: Problem, request_id: str) -> ASGIApp:
    """Answer a problem that came up outside of any page."""
    return answer(Request(scope), problem, request_id)


def answer(request: Request, problem: Problem, request_id: str = "") -> Response:
    """Make the answer of a problem."""
    request_id = request_id or str(request.scope.get("wutong.request_id", ""))
    if isinstance(problem, Unauthenticated) and request.method == "GET" and "hx-request" not in request.headers:
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/sign-in?next={quote(here, safe='')}", 303)
    view = _view(request)
    sentence = view.problem(problem)
    if "hx-request" in request.headers:
        where = {"HX-Redirect": "/sign-in"} if isinstance(problem, Unauthenticated) else {}
        toast = json.dumps({"toast": {"text": sentence, "kind": "bad"}})
        return HTMLResponse("", problem.status, {"HX-Trigger": toast, "HX-Reswap": "none", **where})
    values: dict[str, Any] = {"title": _TITLES.get(problem.status, "Something went wrong"), "sentence": sentence, "request_id": request_id}
    response = view.page("error.html", problem.status, **values, code=problem.code)
    if "retry_after_s" in problem.params:
        response.headers["Retry-After"] = str(problem.params["retry_after_s"])
    return response


_TITLES = {
    403: "You do not have access",
    404: "Nothing here",
    413: "Too large",
    422: "Please check the form",
    429: "Too many requests",
    500: "Our fault",
    503: "Temporarily unavailable",
}


def _view(request: Request) -> View:
    """Make a view of a reader who is not looked up: the page says nothing about them."""
    bound = request.cookies.get(csrf.COOKIE, "")
    return View(Visit(request.app.state.context, request.cookies.get(COOKIE), address_of(request), None, request=request, visit=bound), None)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - registered for this class only
    if error.status >= 500:
        log.error("problem", code=error.code, error=str(error), request_id=request.scope.get("wutong.request_id", ""))
    return answer(request, error)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class only
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path", "header"))
    return answer(request, Invalid(field=field or "form", reason=f"{in_words(first)}."))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only
    return answer(request, NoSuchPage() if error.status_code in (404, 405) else Refused())


async def _unstorable(request: Request, error: Exception) -> Response:
    log.warning("a value could not be stored", error=str(error)[:300])
    return answer(request, Refused())


async def _database_away(request: Request, error: Exception) -> Response:
    log.error("the database does not answer", error=str(error)[:300])
    return answer(request, Unavailable(what="The database"))
