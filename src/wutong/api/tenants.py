"""The caller's organisation, and what the centre's staff do with all of them."""

from typing import Annotated

from fastapi import Query

from wutong.api.auth import Router, Tx, needs
from wutong.doorway.paging import Paging
from wutong.identity import service
from wutong.identity.rules import CentreRole, Permission, Principal, Tenant, TenantState, require_tenant
from wutong.kit.errors import NotFound
from wutong.kit.paging import Page
from wutong.sdk import tenants as wire
from wutong.sdk.wire import Listed

router = Router(tag="tenants")


@router.get("/tenant", response_model=wire.Tenant)
def get_tenant(tx: Tx, who: Annotated[Principal, needs(Permission.TENANT_READ)]) -> Tenant:
    """Read the caller's organisation."""
    return service.get_tenant(tx, require_tenant(who, Permission.TENANT_READ))


@router.get("/admin/tenants", response_model=Listed[wire.Tenant])
def list_tenants(
    tx: Tx, who: Annotated[Principal, needs(Permission.CENTRE_READ)], page: Paging, search: Annotated[str, Query(max_length=100)] = ""
) -> Page[Tenant]:
    """List all organisations of the centre, newest first; `search` fits part of a name, a code or an id."""
    return service.list_tenants(tx, who, page, search)


@router.get("/admin/tenants/{tenant_id}", response_model=wire.Tenant)
def read_tenant(tx: Tx, who: Annotated[Principal, needs(Permission.CENTRE_READ)], tenant_id: str) -> Tenant:  # noqa: ARG001 - checked, not used
    """Read any organisation of the centre."""
    return service.get_tenant(tx, tenant_id)


@router.put("/admin/tenants/{tenant_id}/state", response_model=wire.Tenant)
def set_tenant_state(tx: Tx, who: Annotated[Principal, needs(Permission.CENTRE_OPERATE)], tenant_id: str, body: wire.StateChange) -> Tenant:
    """Suspend an organisation (its members read and change nothing) or lift it."""
    return service.set_tenant_state(tx, who, tenant_id, TenantState(body.state), body.reason)


@router.put("/admin/roles", status_code=204)
def grant_centre_role(tx: Tx, who: Annotated[Principal, needs(Permission.CENTRE_OPERATE)], body: wire.CentreRoleGrant) -> None:
    """Give a person a role of the centre; nobody gives one to themselves."""
    person = service.find_person(tx, body.email)
    if person is None:
        raise NotFound(kind="person", id=body.email)
    service.grant_centre_role(tx, who, person.id, CentreRole(body.role))


@router.delete("/admin/roles/{person_id}/{role}", status_code=204)
def revoke_centre_role(tx: Tx, who: Annotated[Principal, needs(Permission.CENTRE_OPERATE)], person_id: str, role: CentreRole) -> None:
    """Take a role of the centre from a person, who is named by id or e-mail."""
    named = service.find_person(tx, person_id) if "@" in person_id else None
    service.revoke_centre_role(tx, who, named.id if named else person_id, role)
