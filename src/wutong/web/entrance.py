"""Coming in and going: register, sign in, accept an invitation, sign out; which language, which organisation."""

from typing import Annotated
from urllib.parse import urlsplit

from anyio.to_thread import run_sync
from fastapi import Form, Query, Response

from wutong.doorway import entrance
from wutong.doorway.asking import COOKIE, TENANT_COOKIE, Tx, needs
from wutong.identity import service
from wutong.identity.rules import SESSION_LIFE, TenantKind
from wutong.kit.errors import Problem
from wutong.web import csrf, words
from wutong.web.view import Anyone, Pages, View, Visiting

pages = Pages()

Text = Annotated[str, Form(max_length=300)]
Next = Annotated[str, Form(max_length=2000)]
YEAR_S = 365 * 24 * 3600
HOME = "/overview"


def inside(path: str) -> str:
    """Return a path of ours, whatever somebody wrote into a link to us."""
    parts = urlsplit(path)
    ours = path.startswith("/") and not path.startswith(("//", "/\\")) and not parts.netloc and not parts.scheme
    return path if ours and "\\" not in path and path.isprintable() else HOME


def keep_visit(view: View, response: Response) -> Response:
    """Let the browser keep the visit that the form's token belongs to."""
    response.set_cookie(csrf.COOKIE, view.visit.visit, httponly=True, samesite="lax", secure=view.visit.secure)
    return response


def open_for(view: View, secret: str, where: str) -> Response:
    """Give the browser its session and go on."""
    response = view.go(inside(where))
    life = int(SESSION_LIFE.total_seconds())
    response.set_cookie(COOKIE, secret, max_age=life, httponly=True, samesite="lax", secure=view.visit.secure)
    response.delete_cookie(csrf.COOKIE)
    return response


@pages.get("/sign-in")
def sign_in_page(view: Annotated[View, Anyone], next: Annotated[str, Query(max_length=2000)] = HOME) -> Response:  # noqa: A002 - the name in links
    """Ask for e-mail and password."""
    if view.reader is not None:
        return view.go(inside(next))
    return keep_visit(view, view.page("entrance/sign_in.html", email="", next=inside(next)))


@pages.post("/sign-in")
async def sign_in(visit: Visiting, email: Text, password: Text, next: Next = HOME) -> Response:  # noqa: A002 - the name in links
    """Open a session, or say why not."""

    def work() -> Response:
        view = View(visit, None)
        try:
            _, secret = entrance.sign_in(visit, email=email, password=password)
        except Problem as refused:
            return view.page("entrance/sign_in.html", refused.status, email=email, next=inside(next), problem=refused)
        return open_for(view, secret, next)

    return await run_sync(work)


@pages.get("/sign-up")
def sign_up_page(view: Annotated[View, Anyone]) -> Response:
    """Ask what an organisation registers with."""
    return keep_visit(view, view.page("entrance/sign_up.html", form={}, kinds=list(TenantKind)))


@pages.post("/sign-up")
async def sign_up(
    visit: Visiting, name: Text, credit_code: Text, person_name: Text, email: Text, password: Text, kind: Text = TenantKind.ENTERPRISE.value
) -> Response:
    """Register an organisation with its first owner, who is signed in at once."""
    form = {"name": name, "credit_code": credit_code, "person_name": person_name, "email": email, "kind": kind}

    def work() -> Response:
        view = View(visit, None)
        try:
            entrance.register(visit, **form, password=password)
            _, secret = entrance.sign_in(visit, email=email, password=password)
        except Problem as refused:
            return view.page("entrance/sign_up.html", refused.status, form=form, kinds=list(TenantKind), problem=refused)
        view.toast("Welcome. Your organisation is registered.")
        return open_for(view, secret, "/overview")

    return await run_sync(work)


@pages.get("/invitation/{secret}")
def invitation_page(view: Annotated[View, Anyone], secret: str) -> Response:
    """Ask a newcomer for a name and a password."""
    return keep_visit(view, view.page("entrance/invitation.html", form={"secret": secret, "person_name": ""}))


@pages.post("/invitation")
async def accept_invitation(visit: Visiting, secret: Text, person_name: Text = "", password: Text = "") -> Response:
    """Join an organisation; somebody new is signed in at the next page."""

    def work() -> Response:
        view = View(visit, None)
        try:
            entrance.accept_invitation(visit, secret=secret, person_name=person_name or None, password=password or None)
        except Problem as refused:
            form = {"secret": secret, "person_name": person_name}
            return view.page("entrance/invitation.html", refused.status, form=form, problem=refused)
        view.toast("You are a member now. Sign in with your e-mail address.")
        return view.go("/sign-in")

    return await run_sync(work)


@pages.post("/sign-out")
def sign_out(tx: Tx, view: Annotated[View, needs()]) -> Response:
    """Close the session."""
    service.close_session(tx, view.who)
    response = view.go("/")
    response.delete_cookie(COOKIE)
    response.delete_cookie(TENANT_COOKIE)
    return response


@pages.post("/language")
async def choose_language(visit: Visiting, language: Text, next: Next = HOME) -> Response:  # noqa: A002 - the name in links
    """Switch the language of the pages."""
    response = View(visit, None).go(inside(next))
    if language in words.LANGUAGES:
        response.set_cookie(words.COOKIE, language, max_age=YEAR_S, samesite="lax", secure=visit.secure)
    return response


@pages.post("/acting-for")
def choose_tenant(tx: Tx, view: Annotated[View, needs()], tenant_id: Text, next: Next = HOME) -> Response:  # noqa: A002 - the name in links
    """Act for another of one's organisations, or for none as the centre's staff."""
    known = {membership.tenant_id for membership in service.memberships(tx, view.who)} | {"none"}
    response = view.go(inside(next))
    if tenant_id in known:
        response.set_cookie(TENANT_COOKIE, tenant_id, max_age=YEAR_S, httponly=True, samesite="lax", secure=view.visit.secure)
    return response
