"""Name, language, zone, password and e-mail address of the reader; which organisation they act for."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Final

from anyio.to_thread import run_sync
from fastapi import Form, Response

from wutong.doorway import entrance
from wutong.doorway.asking import Needs, Tx, needs
from wutong.identity import service
from wutong.kit.errors import Problem
from wutong.web import words
from wutong.web.entrance import YEAR_S
from wutong.web.view import Pages, View, Visit, Visiting

pages = Pages(prefix="/account")

Mine = Annotated[View, needs()]
Text = Annotated[str, Form(max_length=300)]
SIGNED_IN: Final = Needs(())
# Zones that people here are likely to be in; any other is kept when it is chosen already.
ZONES: Final = (
    "Asia/Shanghai",
    "Asia/Urumqi",
    "Asia/Hong_Kong",
    "Asia/Taipei",
    "Asia/Singapore",
    "Asia/Tokyo",
    "Europe/London",
    "Europe/Berlin",
    "UTC",
)


@pages.get("")
def account_page(tx: Tx, view: Mine) -> Response:
    """Show who one is here."""
    return account_form(tx, view)


@pages.post("/profile")
def set_profile(tx: Tx, view: Mine, name: Text = "", language: Text = "", zone: Text = "") -> Response:
    """Change name, language and zone."""
    done = view.attempt(lambda: service.set_profile(tx, view.who, name=name, language=language, zone=zone))
    if isinstance(done, Problem):
        return account_form(tx, view, done, {"name": name, "language": language, "zone": zone})
    view.toast("Your account is changed.")
    response = view.go("/account")
    response.set_cookie(words.COOKIE, done.language, max_age=YEAR_S, samesite="lax", secure=view.visit.secure)
    return response


@pages.post("/password")
async def change_password(visit: Visiting, old_password: Text = "", new_password: Text = "") -> Response:
    """Choose another password; other sessions are closed."""
    work = partial(entrance.change_password, visit, old=old_password, new=new_password)
    return await run_sync(_with_password, visit, work, View(visit, None).say("Your password is changed; your other sessions are signed out."))


@pages.post("/email")
async def change_email(visit: Visiting, password: Text = "", new_email: Text = "") -> Response:
    """Ask for another address; a link is mailed to it."""
    work = partial(entrance.request_email_change, visit, password=password, new_email=new_email)
    return await run_sync(
        _with_password, visit, work, View(visit, None).say("A mail with a link is on its way to the new address."), {"new_email": new_email}
    )


@pages.get("/organisations")
def organisations_page(tx: Tx, view: Mine) -> Response:
    """Show the organisations one belongs to, to act for another of them."""
    return view.page("account/organisations.html", memberships=service.memberships(tx, view.who))


def _with_password(visit: Visit, work: Callable[[], None], sentence: str, form: dict[str, str] | None = None) -> Response:
    """Do what asks for the password, which is compared with no transaction open; then show how it went."""
    problem: Problem | None = None
    try:
        work()
    except Problem as refused:
        problem = refused
    with visit.context.database.session() as tx:
        view = visit.present(tx, SIGNED_IN)
        if problem is not None:
            return account_form(tx, view, problem, form)
        view.toast(sentence)
        return view.go("/account")


def account_form(tx: Tx, view: View, problem: Problem | None = None, form: dict[str, str] | None = None) -> Response:
    """Show the account, with what was typed when that was refused."""
    person = service.get_person(tx, view.who.person_id)
    kept = {"name": person.name, "language": person.language, "zone": person.zone, "new_email": ""}
    zones = [*ZONES] if person.zone in ZONES else [person.zone, *ZONES]
    logins = service.list_logins(tx, view.who)
    return view.page(
        "account/account.html",
        200 if problem is None else problem.status,
        person=person,
        form=kept | (form or {}),
        zones=[(zone, zone) for zone in zones],
        languages=list(words.LANGUAGES.items()),
        logins=logins,
        labels=dict(view.context.logins.providers()),
        problem=problem,
    )
