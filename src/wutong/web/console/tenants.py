"""Organisations as the centre sees them: state, members, balance, storage, payments, jobs; suspending and lifting, quotas."""

from typing import Annotated, Any

from fastapi import Response

from wutong.compute.jobs import service as jobs
from wutong.compute.jobs.rules import JobFilters
from wutong.compute.orders import service as orders
from wutong.doorway.asking import Tx, needs
from wutong.doorway.paging import Paging
from wutong.hub import service as hub
from wutong.identity import service as identity
from wutong.identity.rules import Permission, TenantState
from wutong.kit.errors import Invalid, Problem
from wutong.kit.paging import PageRequest
from wutong.ledger import service as ledger
from wutong.web.console import reading
from wutong.web.console.reading import Asked, Line, Word
from wutong.web.view import Pages, View

pages = Pages()

Reads = Annotated[View, needs(Permission.CENTRE_READ)]
Operates = Annotated[View, needs(Permission.CENTRE_OPERATE)]
FEW = PageRequest(10)
MEMBERS = PageRequest(100)
GIB = 1024**3


@pages.get("/console/tenants")
def tenants_page(tx: Tx, view: Reads, page: Paging, search: Asked = "") -> Response:
    """List organisations, newest first; `search` fits part of a name, a whole code or id."""
    return view.page("console/tenants.html", page=identity.list_tenants(tx, view.who, page, search), search=search, total=identity.count_tenants(tx))


@pages.get("/console/tenants/{tenant_id}")
def tenant_page(tx: Tx, view: Reads, tenant_id: str) -> Response:
    """Show one organisation, as far as the reader's role goes."""
    return view.page("console/tenant.html", **_tenant(tx, view, tenant_id))


@pages.post("/console/tenants/{tenant_id}/state")
def set_state(tx: Tx, view: Operates, tenant_id: str, state: Word = "", reason: Line = "") -> Response:
    """Suspend an organisation with a reason, or lift it."""

    def work() -> object:
        if state not in set(TenantState):
            raise Invalid(field="state", reason="Choose active or suspended.")
        if state == TenantState.SUSPENDED and not reason.strip():
            raise Invalid(field="reason", reason="Say why: the organisation asks for it.")
        return identity.set_tenant_state(tx, view.who, tenant_id, TenantState(state), reason.strip()[:500])

    suspended = view.say("The organisation is suspended: its people read everything and change nothing.")
    sentence = suspended if state == TenantState.SUSPENDED else view.say("The organisation is active again.")
    return _done(tx, view, tenant_id, view.attempt(work), {"reason": reason}, sentence)


@pages.post("/console/tenants/{tenant_id}/quota")
def set_quota(tx: Tx, view: Operates, tenant_id: str, quota_gib: Word = "") -> Response:
    """Set how much an organisation may keep."""

    def work() -> object:
        identity.get_tenant(tx, tenant_id)
        return hub.set_quota(tx, view.who, tenant_id, reading.whole(quota_gib, field="quota_gib") * GIB)

    return _done(tx, view, tenant_id, view.attempt(work), {"quota_gib": quota_gib}, view.say("The quota is set."))


def _done(tx: Tx, view: View, tenant_id: str, done: object, form: dict[str, str], sentence: str) -> Response:
    if isinstance(done, Problem):
        if done.status == 404:
            raise done
        return view.page("console/tenant.html", done.status, **{**_tenant(tx, view, tenant_id), "form": form}, problem=done)
    view.toast(sentence)
    return view.go(f"/console/tenants/{tenant_id}")


def _tenant(tx: Tx, view: View, tenant_id: str) -> dict[str, Any]:
    tenant = identity.get_tenant(tx, tenant_id)
    books, sees_jobs = view.may(Permission.CENTRE_BOOKS), view.may(Permission.CENTRE_JOBS)
    return {
        "tenant": tenant,
        "members": identity.list_members_of(tx, view.who, tenant_id, MEMBERS),
        "storage": hub.storage(tx, tenant_id),
        "balance": ledger.balance(tx, tenant_id) if books else None,
        "payments": orders.list_payments(tx, view.who, FEW, tenant_id=tenant_id).items if books else [],
        "latest": jobs.list_all_jobs(tx, view.who, JobFilters(tenant_id=tenant_id), FEW).items if sees_jobs else [],
        "gib": GIB,
        "form": {},
    }
