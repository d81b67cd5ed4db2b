"""Organisations and the centre's roles on the wire, and what the centre's people do with them."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from wutong.sdk.wire import Received, Sent

if TYPE_CHECKING:
    from wutong.sdk.client import Client  # the server imports the wire types, and does without the HTTP client

CentreRoleName = Literal["operator", "finance", "subsidy", "auditor"]
TenantKindName = Literal["enterprise", "university", "institute", "government", "other"]


class Tenant(Received):
    """An organisation."""

    id: str
    name: str
    credit_code: str
    kind: TenantKindName
    state: Literal["active", "suspended"]
    state_reason: str = ""
    created_at: datetime


class StateChange(Sent):
    """Suspend a tenant or lift it, and why."""

    state: Literal["active", "suspended"]
    reason: str = Field("", max_length=500)


class CentreRoleGrant(Sent):
    """A role of the centre for a person, by e-mail."""

    email: str = Field(max_length=254)
    role: CentreRoleName


def list_tenants(client: "Client", search: str | None = None) -> Iterator[Tenant]:
    """Go through all tenants of the centre (centre staff)."""
    return client.pages("/api/v1/admin/tenants", Tenant, search=search)


def set_tenant_state(client: "Client", tenant_id: str, state: Literal["active", "suspended"], reason: str = "") -> Tenant:
    """Suspend a tenant or lift it (operators)."""
    return client.put(f"/api/v1/admin/tenants/{tenant_id}/state", StateChange(state=state, reason=reason), Tenant)


def grant_centre_role(client: "Client", email: str, role: CentreRoleName) -> None:
    """Give a person a role of the centre (operators)."""
    client.send("PUT", "/api/v1/admin/roles", body=CentreRoleGrant(email=email, role=role))


def revoke_centre_role(client: "Client", person_id: str, role: CentreRoleName) -> None:
    """Take a role of the centre from a person (operators)."""
    client.delete(f"/api/v1/admin/roles/{person_id}/{role}")
