"""What a page is made with: the reader, language, zone, and the ways to answer. `Pages` is the router whose routes get one.

@pages.get("/jobs")
def list_jobs(tx: Tx, view: Annotated[View, needs(Permission.JOB_READ)], ...) -> Response:
return view.page("jobs/list.html", jobs=...)
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, TypeVar
from urllib.parse import quote, unquote, urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy.orm import Session

from wutong.doorway.asking import COOKIE, SAFE, TENANT_COOKIE, Caller, Needs, address_of, in_one_hop, refuse_other_sites
from wutong.doorway.context import Context
from wutong.identity.rules import Permission, Principal, require
from wutong.kit.errors import Problem, Unauthenticated
from wutong.web import assets, csrf, figures, words
from wutong.web.render import render
from wutong.web.words import Words

T = TypeVar("T")
TOAST_COOKIE = "wutong_toast"
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")


@dataclass(frozen=True)
class Visit(Caller):
    """A request for a page, before it is known whose it is."""

    request: Request = field(kw_only=True)
    visit: str = field(kw_only=True)

    def present(self, session: Session, wanted: Needs) -> "View":
        """Give the route its view; without a session, those that need one send the reader to sign in."""
        who = None
        try:
            who = self.principal(session)
        except Unauthenticated:
            if not wanted.optional:
                raise
        if who is not None:
            require(who, *wanted.permissions)
        return View(self, who, session)


@dataclass
class View:
    """One page for one reader."""

    visit: Visit
    reader: Principal | None
    session: Session | None = None
    _toast: dict[str, str] | None = None

    @property
    def who(self) -> Principal:
        """The signed-in reader."""
        if self.reader is None:
            raise Unauthenticated
        return self.reader

    @property
    def context(self) -> Context:
        """What the process shares."""
        return self.visit.context

    @property
    def request(self) -> Request:
        """The request."""
        return self.visit.request

    @cached_property
    def words(self) -> Words:
        """The reader's language."""
        request = self.request
        return words.words_of(words.choose(request.cookies.get(words.COOKIE), request.headers.get("accept-language", "")))

    @cached_property
    def zone(self) -> ZoneInfo:
        """The reader's zone, as the browser told it."""
        return figures.zone_of(self.request.cookies.get(figures.ZONE_COOKIE))

    @cached_property
    def csrf_token(self) -> str:
        """What the page's forms carry."""
        return csrf.token_for(self.context.settings.key_file, self.visit.secret or self.visit.visit)

    @property
    def here(self) -> str:
        """The address of this page, to come back to; that of the last page for answers to forms."""
        url = self.request.url
        return url.path + (f"?{url.query}" if url.query else "") if self.request.method == "GET" else "/overview"

    @property
    def script_words(self) -> str:
        """What scripts say, in the reader's language."""
        return json.dumps({key: self.say(sentence) for key, sentence in assets.script_words().items()})

    @staticmethod
    def url(path: str, /, **query: Any) -> str:
        """Return an address of ours with what the query needs, leaving out what is empty."""
        kept = {name: value for name, value in query.items() if value not in (None, "", [])}
        return f"{path}?{urlencode(kept, doseq=True)}" if kept else path

    @property
    def partial(self) -> bool:
        """Whether a script of ours asks for a part of a page."""
        return "hx-request" in self.request.headers and "hx-boosted" not in self.request.headers

    def may(self, permission: str) -> bool:
        """Tell whether the reader may do something; pages show nobody what they may not do."""
        return self.reader is not None and self.reader.may(Permission(permission))

    def say(self, sentence: str, /, **params: Any) -> str:
        """Translate a sentence."""
        return self.words.say(sentence, **params)

    def page(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """Render a template; with the reader's view as `view` among its values."""
        kept = None if self.partial else self.request.cookies.get(TOAST_COOKIE)
        given = {"view": self, "flash": _flash(kept), **values}
        response = HTMLResponse(render(template, given, words=self.words, zone=self.zone, reader=self.reader), status)
        if kept is not None:
            response.delete_cookie(TOAST_COOKIE)
        if self._toast is not None and self.partial:
            response.headers["HX-Trigger"] = json.dumps({"toast": self._toast})
        return response

    def toast(self, sentence: str, /, *, kind: str = "good", **params: Any) -> None:
        """Say something in a corner of the page that comes next."""
        self._toast = {"text": self.say(sentence, **params), "kind": kind}

    def go(self, path: str, /, **query: Any) -> Response:
        """Send the reader on to another page of ours."""
        where = self.url(path, **query)
        asked = "hx-request" in self.request.headers
        response = Response(status_code=204, headers={"HX-Redirect": where}) if asked else RedirectResponse(where, 303)
        if self._toast is not None:
            response.set_cookie(TOAST_COOKIE, quote(json.dumps(self._toast)), max_age=30, httponly=True, samesite="lax", secure=self.visit.secure)
        return response

    def attempt(self, work: Callable[[], T]) -> T | Problem:
        """Do what may be refused, undoing it whole when it is; returns the problem then, for the form to show."""
        assert self.session is not None  # noqa: S101 - routes with a form have a transaction
        try:
            with self.session.begin_nested():
                return work()
        except Problem as refused:
            return refused

    def problem(self, problem: Problem) -> str:
        """Return a problem's sentence in the reader's language."""
        return self.words.problem(problem)


def _flash(kept: str | None) -> dict[str, str] | None:
    """Read what the page before wanted said; whatever else is in the cookie is left out."""
    try:
        found = json.loads(unquote(kept or "null"))
        return {"text": str(found["text"]), "kind": "bad" if found["kind"] == "bad" else "good"}
    except (ValueError, TypeError, KeyError):
        return None


async def visit(request: Request) -> Visit:
    """Gather what tells who is asking; a form must be from one of our own pages."""
    found = await unread_visit(request)
    if request.method not in SAFE:
        given = request.headers.get(csrf.HEADER)
        if given is None and request.headers.get("content-type", "").startswith(FORM_TYPES):
            given = str((await request.form()).get(csrf.FIELD, ""))
        check_token(found, given)
    return found


async def unread_visit(request: Request) -> Visit:
    """Gather the same before the form is read: for a route that first looks who sends a large one, and then checks its token itself."""
    if request.method not in SAFE:
        refuse_other_sites(request)
    bound, tenant = request.cookies.get(csrf.COOKIE, ""), request.cookies.get(TENANT_COOKIE)
    secret, secure = request.cookies.get(COOKIE), request.url.scheme == "https"
    return Visit(request.app.state.context, secret, address_of(request), tenant, secure, request=request, visit=bound or csrf.new_visit())


def check_token(visit: Visit, given: str | None) -> None:
    """Raise `FormExpired` unless a form's token belongs to whoever sent it."""
    csrf.check(visit.context.settings.key_file, visit.secret or visit.request.cookies.get(csrf.COOKIE, ""), given)


Visiting = Annotated[Visit, Depends(visit)]
Unread = Annotated[Visit, Depends(unread_visit)]


class Pages(APIRouter):
    """A router of pages: their functions name `Tx` and `needs(...)` as the API's do, and get a `View`."""

    def __init__(self, *, prefix: str = "") -> None:
        super().__init__(prefix=prefix, include_in_schema=False, default_response_class=HTMLResponse)

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        """Register a page."""
        super().add_api_route(path, in_one_hop(endpoint, Visiting, Visiting), **{**options, "response_model": None})


Anyone = Needs((), optional=True)
"""Marks the view of a page that anybody may read."""
