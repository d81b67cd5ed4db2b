"""The trail: who did what in the organisation, when and from where, with what changed."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Query, Response

from wutong.doorway.asking import Tx, needs
from wutong.doorway.paging import Paging
from wutong.identity import service
from wutong.identity.rules import AuditEntry, AuditFilters, Permission
from wutong.kit.paging import MAX_LIMIT, PageRequest
from wutong.web import figures
from wutong.web.view import Pages, View

pages = Pages(prefix="/organisation")

Short = Annotated[str, Query(max_length=100)]


@dataclass(frozen=True, slots=True)
class Change:
    """One field of a thing before and after; None where it was or is not."""

    field: str
    before: str | None
    after: str | None


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


def changes_of(entry: AuditEntry) -> list[Change]:
    """Put before and after side by side, only what differs. Pure."""
    before, after = entry.before or {}, entry.after or {}
    return [
        Change(name, _written(before, name), _written(after, name))
        for name in [*before, *(name for name in after if name not in before)]
        if before.get(name) != after.get(name)
    ]


def _written(values: dict[str, Any], name: str) -> str | None:
    if name not in values or values[name] is None:
        return None
    value = values[name]
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    return figures.yuan(value) if name.endswith("_fen") and isinstance(value, int) else str(value)
