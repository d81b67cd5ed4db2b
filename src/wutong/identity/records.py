"""The plain shapes this room hands out. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from wutong.identity.roles import CentreRole, Permission, Role


class TenantKind(StrEnum):
    """What sort of organisation a tenant is."""

    ENTERPRISE = "enterprise"
    UNIVERSITY = "university"
    INSTITUTE = "institute"
    GOVERNMENT = "government"
    OTHER = "other"


class TenantState(StrEnum):
    """Whether a tenant may change anything."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class Tenant:
    """An organisation that uses the centre."""

    id: str
    name: str
    credit_code: str
    kind: TenantKind
    state: TenantState
    state_reason: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signs in; may belong to several tenants."""

    id: str
    name: str
    email: str
    created_at: datetime
    language: str = "zh"
    zone: str = "Asia/Shanghai"


@dataclass(frozen=True, slots=True)
class Member:
    """A person in a tenant."""

    person_id: str
    tenant_id: str
    tenant_name: str
    name: str
    email: str
    role: Role
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a sign-in is checked against. The hash never leaves the door that checks it."""

    person_id: str
    email: str
    password_hash: str | None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """One open session of a person: where, on what, and since when."""

    id: str
    person_id: str
    tenant_id: str | None
    address: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    device: str = ""


@dataclass(frozen=True, slots=True)
class Token:
    """A person's API token for one tenant (or, without one, for the centre); `hint` is how its secret begins."""

    id: str
    tenant_id: str | None
    person_id: str
    name: str
    hint: str
    scopes: frozenset[Permission] | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Invitation:
    """An open door for one e-mail address into one tenant."""

    id: str
    tenant_id: str
    tenant_name: str
    email: str
    role: Role
    invited_by: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class StaffRole:
    """A role of the centre that a person holds; `granted_by` is the id of whoever gave it."""

    person: Person
    role: CentreRole
    granted_by: str
    granted_at: datetime


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to what, when, from where; `id` grows with time."""

    id: int
    at: datetime
    tenant_id: str | None
    person_id: str
    person_name: str
    via: str
    address: str
    action: str
    kind: str
    object_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class AuditFilters:
    """Which audit entries are wanted; None asks for any. `since` and `until` are moments, `address` where a call came from."""

    tenant_id: str | None = None
    kind: str | None = None
    object_id: str | None = None
    action: str | None = None
    person_id: str | None = None
    address: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class JobClaims:
    """What a token inside a job says: which run, whose, until when."""

    run_name: str
    tenant_id: str
    person_id: str
    expires_at: datetime
