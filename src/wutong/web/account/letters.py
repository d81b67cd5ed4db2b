"""The pages that links in mails lead to: another password, another address, joining an organisation."""

from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import Form, Query, Response

from wutong.doorway import entrance
from wutong.doorway.asking import Tx
from wutong.identity import service
from wutong.identity.letters.rules import LinkGone
from wutong.kit.errors import Problem
from wutong.web.entrance import keep_visit
from wutong.web.view import Anyone, Pages, View, Visiting

pages = Pages()

Text = Annotated[str, Form(max_length=300)]
Token = Annotated[str, Query(max_length=100)]


@pages.get("/reset")
def reset_page(tx: Tx, view: Annotated[View, Anyone], token: Token = "") -> Response:
    """Ask for the address, or with a link for another password."""
    if not token:
        return keep_visit(view, view.page("account/reset_ask.html", email="", asked=False))
    email = service.find_reset(tx, token)
    if email is None:
        gone = LinkGone()
        return keep_visit(view, view.page("account/reset_ask.html", gone.status, email="", asked=False, problem=gone))
    return keep_visit(view, view.page("account/reset.html", email=email, token=token))


@pages.post("/reset")
async def ask_reset(visit: Visiting, email: Text = "") -> Response:
    """Have a link mailed; the answer is the same whether or not somebody has the address."""

    def work() -> Response:
        view = View(visit, None)
        try:
            entrance.request_reset(visit, email=email)
        except Problem as refused:
            return view.page("account/reset_ask.html", refused.status, email=email, asked=False, problem=refused)
        return view.page("account/reset_ask.html", email=email, asked=True)

    return await run_sync(work)


@pages.post("/reset/use")
async def use_reset(visit: Visiting, token: Text = "", password: Text = "") -> Response:
    """Set another password."""

    def work() -> Response:
        view = View(visit, None)
        try:
            entrance.use_reset(visit, secret=token, password=password)
        except LinkGone as gone:
            return view.page("account/reset_ask.html", gone.status, email="", asked=False, problem=gone)
        except Problem as refused:
            return view.page("account/reset.html", refused.status, email="", token=token, problem=refused)
        view.toast("Your password is changed. Sign in with it.")
        return view.go("/sign-in")

    return await run_sync(work)


@pages.get("/email")
def email_page(view: Annotated[View, Anyone], token: Token = "") -> Response:
    """Ask to confirm the address that a link was mailed to: opening a link must change nothing, because mail programs open links too."""
    return keep_visit(view, view.page("account/email.html", token=token))


@pages.post("/email")
async def use_email(visit: Visiting, token: Text = "") -> Response:
    """Use the address from now on."""

    def work() -> Response:
        view = View(visit, None)
        try:
            person = entrance.use_email_change(visit, secret=token)
        except Problem as refused:
            return view.page("account/email.html", refused.status, token="", problem=refused)
        view.toast("Your address is {email} now.", email=person.email)
        return view.go("/account")

    return await run_sync(work)


@pages.get("/join")
def join_page(view: Annotated[View, Anyone], token: Token = "") -> Response:
    """Lead to the invitation."""
    return view.go(f"/invitation/{token}" if token.isalnum() or token.replace("_", "").isalnum() else "/sign-in")
