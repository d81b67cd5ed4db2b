"""The organisation's profile, its members with their roles, and open invitations."""

from typing import Annotated, Any

from fastapi import Form, Response

from wutong.doorway.asking import TENANT_COOKIE, Tx, needs
from wutong.doorway.paging import Paging
from wutong.hub import service as hub
from wutong.identity import service
from wutong.identity.rules import Permission, Role
from wutong.kit.errors import Invalid, Problem
from wutong.kit.outbox import Outbox
from wutong.kit.paging import PageRequest
from wutong.web.view import Pages, View

pages = Pages(prefix="/organisation")

Reads = Annotated[View, needs(Permission.TENANT_READ)]
Manages = Annotated[View, needs(Permission.MEMBERS_MANAGE)]
Text = Annotated[str, Form(max_length=300)]


@pages.get("")
def organisation_page(tx: Tx, view: Reads, page: Paging) -> Response:
    """Show the organisation and who belongs to it."""
    return _page(tx, view, page)


@pages.post("/invitations")
def invite(tx: Tx, view: Manages, email: Text = "", role: Text = "") -> Response:
    """Invite an address; the link is shown this once, and mailed."""
    outbox = Outbox.of(view.context.settings)
    done = view.attempt(lambda: service.invite(tx, view.who, email, _role(role), outbox))
    if isinstance(done, Problem):
        return _page(tx, view, PageRequest(), done, form={"email": email, "role": role})
    invitation, secret = done
    return view.page("organisation/invited.html", invitation=invitation, link=outbox.link(f"/join?token={secret}"))


@pages.post("/invitations/{invitation_id}/withdraw")
def withdraw_invitation(tx: Tx, view: Manages, invitation_id: str) -> Response:
    """Withdraw an open invitation."""
    done = view.attempt(lambda: service.withdraw_invitation(tx, view.who, invitation_id))
    return _after(tx, view, done, view.say("The invitation is withdrawn."))


@pages.post("/members/{person_id}/role")
def change_role(tx: Tx, view: Manages, person_id: str, role: Text = "") -> Response:
    """Give a member another role."""
    done = view.attempt(lambda: service.change_role(tx, view.who, person_id, _role(role)))
    return _after(tx, view, done, view.say("The role is changed."))


@pages.post("/members/{person_id}/remove")
def remove_member(tx: Tx, view: Manages, person_id: str) -> Response:
    """Take a member out of the organisation."""
    done = view.attempt(lambda: service.remove_member(tx, view.who, person_id))
    return _after(tx, view, done, view.say("The member is removed; tokens created here no longer work."))


@pages.post("/leave")
def leave(tx: Tx, view: Reads, name: Text = "") -> Response:
    """Leave the organisation, whose name is typed so that nobody does it by mistake; the last owner cannot."""

    def work() -> None:
        if " ".join(name.split()) != service.get_tenant(tx, view.who.tenant_id or "").name:
            raise Invalid(field="name", reason="Type the organisation's name to leave it.")
        service.remove_member(tx, view.who, view.who.person_id)

    done = view.attempt(work)
    if isinstance(done, Problem):
        return _page(tx, view, PageRequest(), done)
    view.toast("You have left the organisation.")
    response = view.go("/account/organisations")
    response.delete_cookie(TENANT_COOKIE)
    return response


def _after(tx: Tx, view: View, done: Any, sentence: str) -> Response:
    if isinstance(done, Problem):
        return _page(tx, view, PageRequest(), done)
    view.toast(sentence)
    return view.go("/organisation")


def _page(tx: Tx, view: View, page: PageRequest, problem: Problem | None = None, form: dict[str, str] | None = None) -> Response:
    tenant_id = view.who.tenant_id or ""
    manages = view.may(Permission.MEMBERS_MANAGE)
    return view.page(
        "organisation/organisation.html",
        200 if problem is None else problem.status,
        tenant=service.get_tenant(tx, tenant_id),
        members=service.list_members(tx, view.who, page),
        invitations=service.list_invitations(tx, view.who) if manages else None,
        storage=hub.storage(tx, tenant_id) if view.may(Permission.DATA_READ) else None,
        roles=[role for role in Role if role is not Role.OWNER or view.who.role is Role.OWNER],
        form=form or {"email": "", "role": Role.MEMBER.value},
        problem=problem,
    )


def _role(text: str) -> Role:
    if text not in {role.value for role in Role}:
        raise Invalid(field="role", reason="Choose one of the roles.")
    return Role(text)
