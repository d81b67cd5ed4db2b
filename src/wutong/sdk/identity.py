"""People and access on the wire, and the calls for them."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from wutong.sdk.tenants import CentreRoleName, Tenant, TenantKindName
from wutong.sdk.wire import Received, Sent

if TYPE_CHECKING:
    from wutong.sdk.client import Client  # the server imports the wire types, and does without the HTTP client

LanguageName = Literal["zh", "en"]
RoleName = Literal["owner", "admin", "finance", "member", "viewer"]
PermissionName = Literal[
    "tenant.read",
    "tenant.manage",
    "members.manage",
    "money.read",
    "money.spend",
    "budget.manage",
    "job.read",
    "job.submit",
    "job.manage",
    "data.read",
    "data.write",
    "data.publish",
    "token.manage",
    "audit.read",
    "centre.read",
    "centre.jobs",
    "centre.books",
    "centre.operate",
    "centre.finance",
    "centre.subsidy",
    "centre.audit",
    "centre.help",
]


class Registration(Sent):
    """What an organisation signs up with, and its first owner."""

    name: str = Field(min_length=1, max_length=100)
    credit_code: str = Field(description="Unified social credit code, 18 characters (GB 32100-2015).", max_length=40)
    kind: TenantKindName = "enterprise"
    person_name: str = Field(min_length=1, max_length=100)
    email: str = Field(max_length=254)
    password: str = Field(min_length=10, max_length=200)


class Registered(Received):
    """The new tenant, and the id of its owner, who may sign in now."""

    tenant: Tenant
    person_id: str


class SignIn(Sent):
    """E-mail, password, and the tenant to act for when it is not the first one joined."""

    email: str = Field(max_length=254)
    password: str = Field(max_length=200)
    tenant_id: str | None = None


class Opened(Received):
    """A session's secret, shown once; send it as a bearer token. Browsers get it as a cookie too."""

    session_id: str
    secret: str
    tenant_id: str | None
    expires_at: datetime


class SignedIn(Received):
    """One open session of the caller; `device` is the program and system it was opened from, as far as that is known."""

    id: str
    tenant_id: str | None
    address: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    device: str = ""


class Membership(Received):
    """One tenant the caller belongs to."""

    tenant_id: str
    tenant_name: str
    role: RoleName


class Me(Received):
    """Who the caller is, in which tenant, and what it may do there."""

    person_id: str
    name: str
    email: str
    tenant_id: str | None
    role: RoleName | None
    centre_roles: list[CentreRoleName]
    permissions: list[PermissionName]
    suspended: bool
    via: str
    language: LanguageName = "zh"
    zone: str = "Asia/Shanghai"
    memberships: list[Membership]


class ProfileChange(Sent):
    """What a person is called, reads and lives by; what is left out stays."""

    name: str | None = Field(None, min_length=1, max_length=100)
    language: LanguageName | None = None
    zone: str | None = Field(None, max_length=64, description="An IANA time zone, such as Asia/Shanghai.")


class PasswordChange(Sent):
    """The old password and the new one."""

    old_password: str = Field(max_length=200)
    new_password: str = Field(min_length=10, max_length=200)


class Member(Received):
    """A person in a tenant."""

    person_id: str
    tenant_id: str
    tenant_name: str
    name: str
    email: str
    role: RoleName
    joined_at: datetime


class RoleChange(Sent):
    """Another role for a member."""

    role: RoleName


class NewInvitation(Sent):
    """Whom to invite, as what."""

    email: str = Field(max_length=254)
    role: RoleName = "member"


class Invitation(Received):
    """An open invitation."""

    id: str
    tenant_id: str
    tenant_name: str
    email: str
    role: RoleName
    created_at: datetime
    expires_at: datetime


class Invited(Received):
    """A new invitation and the secret that accepts it, shown once."""

    invitation: Invitation
    secret: str


class Acceptance(Sent):
    """The secret of an invitation; a person new to the centre gives a name and chooses a password."""

    secret: str = Field(max_length=100)
    person_name: str | None = Field(None, max_length=100)
    password: str | None = Field(None, min_length=10, max_length=200)


class NewToken(Sent):
    """A token's name, what it may do (everything the maker may, when not said) and until when."""

    name: str = Field(min_length=1, max_length=100)
    scopes: list[PermissionName] | None = None
    expires_at: datetime | None = None


class Token(Received):
    """An API token, without its secret."""

    id: str
    tenant_id: str | None
    person_id: str
    name: str
    hint: str
    scopes: list[PermissionName] | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class TokenMade(Received):
    """A new token and its secret, shown once."""

    token: Token
    secret: str


class AuditEntry(Received):
    """Who did what to what, when, from where."""

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


def register(client: "Client", registration: Registration) -> Registered:
    """Sign an organisation up."""
    return client.post("/api/v1/tenants", registration, Registered)


def sign_in(client: "Client", email: str, password: str, tenant_id: str | None = None) -> Opened:
    """Open a session; use its secret as the token of another `Client`."""
    return client.post("/api/v1/sessions", {"email": email, "password": password, "tenant_id": tenant_id}, Opened)


def sign_out(client: "Client") -> None:
    """Close the session this client uses."""
    client.delete("/api/v1/sessions")


def me(client: "Client") -> Me:
    """Read who this client is."""
    return client.get("/api/v1/me", Me)


def change_me(client: "Client", change: ProfileChange) -> Me:
    """Change one's name, language or time zone."""
    return client.patch("/api/v1/me", change, Me)


def list_members(client: "Client") -> Iterator[Member]:
    """Go through the members of the tenant."""
    return client.pages("/api/v1/members", Member)


def change_role(client: "Client", person_id: str, role: RoleName) -> Member:
    """Give a member another role."""
    return client.patch(f"/api/v1/members/{person_id}", RoleChange(role=role), Member)


def remove_member(client: "Client", person_id: str) -> None:
    """Take a member out of the tenant."""
    client.delete(f"/api/v1/members/{person_id}")


def invite(client: "Client", email: str, role: RoleName = "member") -> Invited:
    """Invite an address."""
    return client.post("/api/v1/invitations", NewInvitation(email=email, role=role), Invited)


def list_invitations(client: "Client") -> Iterator[Invitation]:
    """Go through the open invitations of the tenant."""
    return client.pages("/api/v1/invitations", Invitation)


def withdraw_invitation(client: "Client", invitation_id: str) -> None:
    """Withdraw an open invitation of the tenant."""
    client.delete(f"/api/v1/invitations/{invitation_id}")


def accept_invitation(client: "Client", secret: str, person_name: str | None = None, password: str | None = None) -> Member:
    """Join a tenant by an invitation."""
    return client.post("/api/v1/invitations/accept", Acceptance(secret=secret, person_name=person_name, password=password), Member)


def create_token(client: "Client", name: str, scopes: list[PermissionName] | None = None, expires_at: datetime | None = None) -> TokenMade:
    """Make an API token."""
    return client.post("/api/v1/tokens", NewToken(name=name, scopes=scopes, expires_at=expires_at), TokenMade)


def list_tokens(client: "Client") -> Iterator[Token]:
    """Go through the living tokens the caller may see."""
    return client.pages("/api/v1/tokens", Token)


def revoke_token(client: "Client", token_id: str) -> None:
    """Revoke a token."""
    client.delete(f"/api/v1/tokens/{token_id}")


def list_audit(client: "Client", *, most: int | None = None, kind: str | None = None, object_id: str | None = None) -> Iterator[AuditEntry]:
    """Go through the audit trail, newest first."""
    return client.pages("/api/v1/audit", AuditEntry, most=most, kind=kind, object_id=object_id)
