"""Signing in through another provider, and the reader's logins there.

A round trip begins and ends with no transaction open. The provider's page is reached by a link, never by the answer to a form, which the
Content-Security-Policy keeps on this portal.
"""

from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import Form, Query, Request, Response

from wutong.doorway.asking import Tx, needs
from wutong.identity import service
from wutong.identity.oidc.rules import FLOW_LIFE, Outcome
from wutong.kit.errors import Problem
from wutong.web.account.profile import SIGNED_IN, account_form
from wutong.web.entrance import inside, keep_visit, open_for
from wutong.web.view import Pages, View, Visit, Visiting

pages = Pages()

STATE_COOKIE = "wutong_oidc"
Text = Annotated[str, Form(max_length=2000)]
Sent = Annotated[str, Query(max_length=4000)]


@pages.get("/oidc/{name}")
async def begin(visit: Visiting, name: str, next: Sent = "/overview") -> Response:  # noqa: A002 - the name in links
    """Send the browser to a provider."""
    start = await run_sync(lambda: visit.context.logins.begin(name, redirect_uri=_callback(visit, name), return_to=inside(next)))
    response = Response(status_code=303, headers={"Location": start.url})
    return _keep_state(visit, response, start.state)


@pages.get("/oidc/{name}/callback")
async def finish(visit: Visiting, request: Request, name: str, code: Sent = "", state: Sent = "", error: Sent = "") -> Response:  # noqa: ARG001 - the flow knows it
    """Take what the provider sent back."""
    cookie = request.cookies.get(STATE_COOKIE, "")

    def work() -> Response:
        view = View(visit, None)
        try:
            done = visit.context.logins.finish(code=code, state=state, cookie=cookie, error=error, address=visit.address, device=visit.device)
        except Problem as refused:
            return keep_visit(view, view.page("entrance/sign_in.html", refused.status, email="", next="/overview", problem=refused))
        if done.outcome is Outcome.PASSWORD_NEEDED:
            return keep_visit(view, view.page("account/link.html", email=done.email, link=done.link))
        if done.secret is None:
            view.toast("You can sign in with {email} from now on.", email=done.email)
            return view.go(inside(done.return_to))
        return open_for(view, done.secret, done.return_to)

    response = await run_sync(work)
    response.delete_cookie(STATE_COOKIE, path="/oidc")
    return response


@pages.post("/oidc/link")
async def link(visit: Visiting, link: Text = "", email: Text = "", password: Text = "") -> Response:
    """Make a login one's own by the password of the account that has its address."""

    def work() -> Response:
        view = View(visit, None)
        try:
            done = visit.context.logins.link(link, password, address=visit.address, device=visit.device)
        except Problem as refused:
            return view.page("account/link.html", refused.status, email=email, link=link, problem=refused)
        return open_for(view, done.secret or "", done.return_to)

    return await run_sync(work)


@pages.post("/account/logins/{name}/add")
async def add_login(visit: Visiting, name: str) -> Response:
    """Show the way to a provider, to add a login there to one's account."""

    def work() -> tuple[Response, str]:
        with visit.context.database.session() as tx:
            view = visit.present(tx, SIGNED_IN)
        start = visit.context.logins.begin(name, redirect_uri=_callback(visit, name), return_to="/account", person_id=view.who.person_id)
        label = dict(visit.context.logins.providers()).get(name, name)
        return view.page("account/add_login.html", url=start.url, label=label), start.state

    response, state = await run_sync(work)
    return _keep_state(visit, response, state)


@pages.post("/account/logins/{login_id}/remove")
def remove_login(tx: Tx, view: Annotated[View, needs()], login_id: str) -> Response:
    """Forget a login; without a password the last one stays."""
    done = view.attempt(lambda: service.remove_login(tx, view.who, login_id))
    if isinstance(done, Problem):
        return account_form(tx, view, done)
    view.toast("The login is removed.")
    return view.go("/account")


def _callback(visit: Visit, name: str) -> str:
    return f"{visit.context.settings.portal}/oidc/{name}/callback"


def _keep_state(visit: Visit, response: Response, state: str) -> Response:
    life = int(FLOW_LIFE.total_seconds())
    response.set_cookie(STATE_COOKIE, state, max_age=life, path="/oidc", httponly=True, samesite="lax", secure=visit.secure)
    return response
