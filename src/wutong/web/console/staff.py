"""The centre's own people: who holds which role, giving and taking roles."""

from typing import Annotated, Any

from fastapi import Response

from wutong.doorway.asking import Tx, needs
from wutong.identity import service as identity
from wutong.identity.rules import CentreRole, Permission
from wutong.kit.errors import Invalid, NotFound, Problem
from wutong.web.console.reading import Word
from wutong.web.view import Pages, View

pages = Pages()

Operates = Annotated[View, needs(Permission.CENTRE_OPERATE)]


@pages.get("/console/staff")
def staff_page(tx: Tx, view: Annotated[View, needs(Permission.CENTRE_READ)]) -> Response:
    """List who holds which role."""
    return view.page("console/staff.html", **_staff(tx, view))


@pages.post("/console/staff")
def grant(tx: Tx, view: Operates, email: Word = "", role: Word = "") -> Response:
    """Give somebody a role of the centre."""

    def work() -> object:
        person = identity.find_person(tx, email)
        if person is None:
            raise NotFound(kind="person", id=email)
        identity.grant_centre_role(tx, view.who, person.id, _role(role))
        return person

    done = view.attempt(work)
    if isinstance(done, Problem):
        return view.page("console/staff.html", done.status, **{**_staff(tx, view), "form": {"email": email, "role": role}}, problem=done)
    view.toast("The role is granted.")
    return view.go("/console/staff")


@pages.post("/console/staff/revoke")
def revoke(tx: Tx, view: Operates, person_id: Word = "", role: Word = "") -> Response:
    """Take a role from somebody."""
    done = view.attempt(lambda: identity.revoke_centre_role(tx, view.who, person_id, _role(role)))
    if isinstance(done, Problem):
        return view.page("console/staff.html", done.status, **_staff(tx, view), problem=done)
    view.toast("The role is revoked.")
    return view.go("/console/staff")


def _staff(tx: Tx, view: View) -> dict[str, Any]:
    held = identity.list_staff_roles(tx, view.who)
    names = identity.person_names(tx, {each.granted_by for each in held})
    return {"held": held, "names": names, "roles": list(CentreRole), "form": {}}


def _role(text: str) -> CentreRole:
    if text not in set(CentreRole):
        raise Invalid(field="role", reason="Choose one of the roles of the centre.")
    return CentreRole(text)
