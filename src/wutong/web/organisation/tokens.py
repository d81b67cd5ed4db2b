"""The API tokens of all members, for those who manage them."""

from typing import Annotated

from fastapi import Response

from wutong.doorway.asking import Tx, needs
from wutong.doorway.paging import Paging
from wutong.identity import service
from wutong.identity.rules import Permission
from wutong.kit.errors import Problem
from wutong.kit.paging import PageRequest
from wutong.web.view import Pages, View

pages = Pages(prefix="/organisation")

Manages = Annotated[View, needs(Permission.MEMBERS_MANAGE)]


@pages.get("/tokens")
def tokens_page(tx: Tx, view: Manages, page: Paging) -> Response:
    """List living tokens with whose they are."""
    return _page(tx, view, page)


@pages.post("/tokens/{token_id}/revoke")
def revoke_token(tx: Tx, view: Manages, token_id: str) -> Response:
    """Revoke anybody's token."""
    done = view.attempt(lambda: service.revoke_token(tx, view.who, token_id))
    if isinstance(done, Problem):
        return _page(tx, view, PageRequest(), done)
    view.toast("The token is revoked; programs that used it are refused from now on.")
    return view.go("/organisation/tokens")


def _page(tx: Tx, view: View, page: PageRequest, problem: Problem | None = None) -> Response:
    tokens = service.list_tokens(tx, view.who, page)
    names = service.person_names(tx, {token.person_id for token in tokens.items})
    return view.page("organisation/tokens.html", 200 if problem is None else problem.status, tokens=tokens, names=names, problem=problem)
