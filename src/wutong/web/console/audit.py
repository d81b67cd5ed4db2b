"""The audit trail of the whole centre: searched, paged, and given out as a table for other programs."""

import csv
import io
import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Response

from wutong.doorway.asking import Tx, needs
from wutong.doorway.paging import Paging
from wutong.identity import service as identity
from wutong.identity.rules import AuditEntry, AuditFilters, Permission
from wutong.kit.errors import Problem
from wutong.kit.paging import Page, PageRequest
from wutong.web.console import reading
from wutong.web.console.reading import Asked
from wutong.web.view import Pages, View

pages = Pages()

Audits = Annotated[View, needs(Permission.CENTRE_AUDIT)]
MOST_ROWS = 5000
HEAD = ("at", "tenant_id", "person_id", "person_name", "via", "address", "action", "kind", "object_id", "before", "after")
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@pages.get("/console/audit")
def audit_page(
    tx: Tx,
    view: Audits,
    page: Paging,
    tenant: Asked = "",
    person: Asked = "",
    action: Asked = "",
    kind: Asked = "",
    object: Asked = "",  # noqa: A002 - the name in links
    address: Asked = "",
    since: Asked = "",
    until: Asked = "",
) -> Response:
    """Search the trail, newest first."""
    words = (tenant, person, action, kind, object, address, since, until)
    asked = dict(zip(("tenant", "person", "action", "kind", "object", "address", "since", "until"), words, strict=True))
    found = view.attempt(lambda: identity.list_audit(tx, view.who, page, filters_of(view, asked)))
    problem = found if isinstance(found, Problem) else None
    shown: Page[AuditEntry] = Page([]) if isinstance(found, Problem) else found
    names = identity.tenant_names(tx, {entry.tenant_id for entry in shown.items if entry.tenant_id})
    values: dict[str, Any] = {"page": shown, "asked": asked, "tenants": names, "changes": changes_of}
    return view.page("console/audit.html", problem.status if problem else 200, **values, problem=problem)


@pages.get("/console/audit.csv")
def audit_table(
    tx: Tx,
    view: Audits,
    tenant: Asked = "",
    person: Asked = "",
    action: Asked = "",
    kind: Asked = "",
    object: Asked = "",  # noqa: A002 - the name in links
    address: Asked = "",
    since: Asked = "",
    until: Asked = "",
) -> Response:
    """Give the newest entries of a search as comma-separated values, with the mark by which spreadsheets know UTF-8."""
    words = (tenant, person, action, kind, object, address, since, until)
    asked = dict(zip(("tenant", "person", "action", "kind", "object", "address", "since", "until"), words, strict=True))
    filters, after = filters_of(view, asked), None
    rows: list[AuditEntry] = []
    while len(rows) < MOST_ROWS:
        part = identity.list_audit(tx, view.who, PageRequest(500, after), filters)
        rows += part.items
        after = part.next
        if after is None:
            break
    headers = {"Content-Disposition": 'attachment; filename="audit.csv"'}
    return Response("\ufeff" + as_csv(rows), media_type="text/csv; charset=utf-8", headers=headers)


def filters_of(view: View, asked: Mapping[str, str]) -> AuditFilters:
    """Read the search; empty fields ask for anything."""
    word = {name: text.strip() or None for name, text in asked.items()}
    since, until = (reading.moment(asked[name], view.zone, field=name) for name in ("since", "until"))
    return AuditFilters(word["tenant"], word["kind"], word["object"], word["action"], word["person"], word["address"], since, until)


def changes_of(entry: AuditEntry) -> list[tuple[str, str, str]]:
    """Return what an entry changed: name, before, after; what stayed is left out."""
    before, after = entry.before or {}, entry.after or {}
    names = [*before, *(name for name in after if name not in before)]
    return [(name, _said(before.get(name)), _said(after.get(name))) for name in names if before.get(name) != after.get(name)]


def as_csv(entries: list[AuditEntry]) -> str:
    """Write entries as RFC 4180 has it; what a spreadsheet would take for a formula begins with a quote."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEAD)
    for entry in entries:
        writer.writerow([_cell(getattr(entry, name)) for name in HEAD])
    return text.getvalue()


def _cell(value: Any) -> str:
    text = "" if value is None else json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _said(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
