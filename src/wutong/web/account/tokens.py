"""The reader's API tokens: made with what they may and until when; the secret is shown once."""

from datetime import datetime, timedelta
from typing import Annotated, Final

from fastapi import Form, Response

from wutong.doorway.asking import Tx, needs
from wutong.doorway.paging import Paging
from wutong.identity import service
from wutong.identity.rules import CENTRE_PERMISSIONS, TENANT_PERMISSIONS, Permission, Token
from wutong.kit import clock
from wutong.kit.errors import Invalid, Problem
from wutong.kit.paging import PageRequest
from wutong.web.view import Pages, View

pages = Pages(prefix="/account")

Mine = Annotated[View, needs()]
Text = Annotated[str, Form(max_length=200)]
Scopes = Annotated[list[str], Form(max_length=100)]
LIVES: Final = {"30": 30, "90": 90, "365": 365, "never": None}


@pages.get("/tokens")
def tokens_page(tx: Tx, view: Mine, page: Paging) -> Response:
    """List one's own tokens."""
    return _page(tx, view, page)


@pages.post("/tokens")
def create_token(tx: Tx, view: Mine, name: Text = "", life: Text = "90", whole: Text = "", scopes: Scopes = []) -> Response:  # noqa: B006 - never changed
    """Make a token."""

    def work() -> tuple[Token, str]:
        chosen = None if whole else _scopes(view, scopes)
        return service.create_token(tx, view.who, name=name, scopes=chosen, expires_at=_end(life))

    done = view.attempt(work)
    if isinstance(done, Problem):
        return _page(tx, view, PageRequest(), done, {"name": name, "life": life, "whole": whole, "scopes": scopes})
    return view.page("account/token_made.html", token=done[0], secret=done[1])


@pages.post("/tokens/{token_id}/revoke")
def revoke_token(tx: Tx, view: Mine, token_id: str) -> Response:
    """Revoke a token."""
    done = view.attempt(lambda: service.revoke_token(tx, view.who, token_id))
    if isinstance(done, Problem):
        return _page(tx, view, PageRequest(), done)
    view.toast("The token is revoked; programs that used it are refused from now on.")
    return view.go("/account/tokens")


def _page(tx: Tx, view: View, page: PageRequest, problem: Problem | None = None, form: dict[str, object] | None = None) -> Response:
    return view.page(
        "account/tokens.html",
        200 if problem is None else problem.status,
        tokens=service.list_tokens(tx, view.who, page, mine=True),
        offered=_offered(view),
        may_make=view.may(Permission.TOKEN_MANAGE) or (view.who.tenant_id is None and bool(view.who.centre_roles)),
        lives=LIVES,
        form=form or {"name": "", "life": "90", "whole": "1", "scopes": []},
        problem=problem,
    )


def _offered(view: View) -> list[Permission]:
    """Return what a token of the reader's may be made for: no more than they may themselves, in this organisation or for the centre."""
    of = CENTRE_PERMISSIONS if view.who.tenant_id is None else TENANT_PERMISSIONS
    return [permission for permission in Permission if permission in of and view.who.may(permission)]


def _scopes(view: View, texts: list[str]) -> frozenset[Permission]:
    chosen = frozenset(permission for permission in _offered(view) if permission.value in texts)
    if not chosen:
        raise Invalid(field="scopes", reason="Choose what the token may, or everything.")
    return chosen


def _end(life: str) -> datetime | None:
    if life not in LIVES:
        raise Invalid(field="life", reason="Choose how long the token lives.")
    days = LIVES[life]
    return None if days is None else clock.now() + timedelta(days=days)
