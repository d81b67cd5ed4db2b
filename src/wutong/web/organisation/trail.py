"""The trail: who did what in the organisation, when and from where, with what changed."""

from typing import Annotated

from fastapi import Query, Response

from wutong.doorway.asking import Tx, needs
from wutong.doorway.paging import Paging
from wutong.identity import service
from wutong.identity.rules import AuditFilters, Permission
from wutong.kit.paging import MAX_LIMIT, PageRequest
from wutong.web.changes import changes_of
from wutong.web.view import Pages, View

pages = Pages(prefix="/organisation")

Short = Annotated[str, Query(max_length=100)]


@pages.get("/trail")
def trail_page(
    tx: Tx,
    view: Annotated[View, needs(Permission.AUDIT_READ)],
    page: Paging,
    person_id: Short = "",
    kind: Short = "",
    action: Short = "",
    object_id: Short = "",
) -> Response:
    """Show the trail, newest first, as the filters ask."""
    query = {"person_id": person_id, "kind": kind, "action": action.strip(), "object_id": object_id.strip()}
    chosen = {name: value or None for name, value in query.items()}
    filters = AuditFilters(view.who.tenant_id, chosen["kind"], chosen["object_id"], chosen["action"], chosen["person_id"])
    found = service.list_audit(tx, view.who, page, filters)
    members = service.list_members(tx, view.who, PageRequest(MAX_LIMIT)).items
    return view.page("organisation/trail.html", entries=found, members=members, kinds=kinds_of(view), query=query, changes=changes_of)


def kinds_of(view: View) -> dict[str, str]:
    """Return what the kinds of things in the trail are called."""
    say = view.say
    people = {
        "person": say("person"),
        "invitation": say("invitation"),
        "token": say("token"),
        "session": say("sign-in session"),
        "tenant": say("organisation"),
    }
    work = {"job": say("job"), "repo": say("data or model"), "version": say("version"), "upload": say("upload"), "environment": say("environment")}
    money = {"order": say("order"), "payment": say("payment"), "budget": say("budget")}
    return {**people, **work, **money, "secret": say("secret"), "ticket": say("ticket"), "webhook": say("webhook")}
