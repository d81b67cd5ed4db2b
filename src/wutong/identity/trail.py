"""The audit trail: everything that changes state leaves a row, in the same transaction; the database refuses to change or remove one."""

from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from wutong.identity import store
from wutong.identity.records import AuditEntry, AuditFilters
from wutong.identity.roles import Permission
from wutong.identity.rules import Principal, require_tenant
from wutong.kit import clock
from wutong.kit.errors import Invalid, NotFound
from wutong.kit.paging import Page, PageRequest


def audit(
    session: Session,
    who: Principal,
    action: str,
    *,
    kind: str,
    id: str,  # noqa: A002 - the word callers know
    tenant_id: str | None = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Write down that `who` did `action` to the `kind` with this id. The tenant is the principal's unless another is named."""
    row = {
        "at": clock.now(),
        "tenant_id": tenant_id or who.tenant_id,
        "person_id": who.person_id,
        "person_name": who.name,
        "via": who.via,
        "address": who.address,
        "action": action,
        "kind": kind,
        "object_id": id,
        "before": before,
        "after": after,
    }
    store.add_audit(session, row)


def list_audit(session: Session, who: Principal, page: PageRequest, filters: AuditFilters | None = None) -> Page[AuditEntry]:
    """Page through the trail, newest first: of one's own tenant, or of the whole centre for its auditors."""
    filters = filters or AuditFilters()
    if page.after is not None and not (page.after.isascii() and page.after.isdigit() and len(page.after) < 19):
        raise Invalid(field="after", reason="Use the value of `next` of the page before.")
    if who.may(Permission.CENTRE_AUDIT):
        return store.list_audit(session, page, filters)
    tenant_id = require_tenant(who, Permission.AUDIT_READ)
    if filters.tenant_id not in (None, tenant_id):
        raise NotFound(kind="organisation", id=filters.tenant_id)
    return store.list_audit(session, page, replace(filters, tenant_id=tenant_id))
