"""The audit trail of the whole centre: searched, paged, and given out as a table for other programs."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Response

from wutong.doorway.asking import Tx, needs
from wutong.doorway.paging import Paging
from wutong.identity import service as identity
from wutong.identity.rules import AuditEntry, AuditFilters, Permission
from wutong.kit.errors import Problem
from wutong.kit.paging import Page, PageRequest
from wutong.web import sheet
from wutong.web.changes import changes_of
from wutong.web.console import reading
from wutong.web.console.reading import Asked
from wutong.web.view import Pages, View

pages = Pages()

Audits = Annotated[View, needs(Permission.CENTRE_AUDIT)]
MOST_ROWS = 5000
HEAD = ("at", "tenant_id", "person_id", "person_name", "via", "address", "action", "kind", "object_id", "before", "after")


def asked_for(
    tenant: Asked = "",
    person: Asked = "",
    action: Asked = "",
    kind: Asked = "",
    object: Asked = "",  # noqa: A002 - the name in links
    address: Asked = "",
    since: Asked = "",
    until: Asked = "",
) -> dict[str, str]:
    """Gather what a search asks for."""
    names = {"tenant": tenant, "person": person, "action": action, "kind": kind, "object": object}
    return {**names, "address": address, "since": since, "until": until}


Search = Annotated[dict[str, str], Depends(asked_for)]


@pages.get("/console/audit")
def audit_page(tx: Tx, view: Audits, page: Paging, asked: Search) -> Response:
    """Search the trail, newest first."""
    found = view.attempt(lambda: identity.list_audit(tx, view.who, page, filters_of(view, asked)))
    problem = found if isinstance(found, Problem) else None
    shown: Page[AuditEntry] = Page([]) if isinstance(found, Problem) else found
    names = identity.tenant_names(tx, {entry.tenant_id for entry in shown.items if entry.tenant_id})
    values: dict[str, Any] = {"page": shown, "asked": asked, "tenants": names, "changes": changes_of}
    return view.page("console/audit.html", problem.status if problem else 200, **values, problem=problem)


@pages.get("/console/audit.csv")
def audit_table(tx: Tx, view: Audits, asked: Search) -> Response:
    """Give the newest entries of a search as comma-separated values."""
    filters, after = filters_of(view, asked), None
    rows: list[AuditEntry] = []
    while len(rows) < MOST_ROWS:
        part = identity.list_audit(tx, view.who, PageRequest(500, after), filters)
        rows += part.items
        after = part.next
        if after is None:
            break
    headers = {"Content-Disposition": 'attachment; filename="audit.csv"'}
    return Response(as_csv(rows), media_type="text/csv; charset=utf-8", headers=headers)


def filters_of(view: View, asked: Mapping[str, str]) -> AuditFilters:
    """Read the search; empty fields ask for anything."""
    word = {name: text.strip() or None for name, text in asked.items()}
    since, until = (reading.moment(asked[name], view.zone, field=name) for name in ("since", "until"))
    return AuditFilters(word["tenant"], word["kind"], word["object"], word["action"], word["person"], word["address"], since, until)


def as_csv(entries: list[AuditEntry]) -> str:
    """Write entries as a table to take away."""
    lines = (sheet.line(_cell(getattr(entry, name)) for name in HEAD) for entry in entries)
    return sheet.BYTE_ORDER_MARK + sheet.line(HEAD) + "".join(lines)


def _cell(value: object) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
