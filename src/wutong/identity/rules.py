"""Who people are and what they may do: roles, permissions, the principal of a request, sign-in and its lock. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from wutong.identity.credit_code import normal_credit_code
from wutong.identity.records import (
    AuditEntry,
    AuditFilters,
    Credentials,
    Invitation,
    JobClaims,
    Member,
    Person,
    SignedIn,
    StaffRole,
    Tenant,
    TenantKind,
    TenantState,
    Token,
)
from wutong.identity.roles import (
    CENTRE_PERMISSIONS,
    CENTRE_ROLE_PERMISSIONS,
    READ_PERMISSIONS,
    ROLE_PERMISSIONS,
    TENANT_PERMISSIONS,
    CentreRole,
    Permission,
    Role,
)
from wutong.kit.errors import Conflict, Forbidden, Invalid, NotFound, TooMany, Unauthenticated

__all__ = [
    "CENTRE_PERMISSIONS",
    "CENTRE_ROLE_PERMISSIONS",
    "FAILURES_PER_ADDRESS",
    "FAILURES_PER_EMAIL",
    "FAILURE_WINDOW",
    "INVITATION_LIFE",
    "JOB_SCOPES",
    "ROLE_PERMISSIONS",
    "SESSION_LIFE",
    "TENANT_MOVES",
    "TENANT_PERMISSIONS",
    "TOUCH_EVERY",
    "AlreadyRegistered",
    "AuditEntry",
    "AuditFilters",
    "CentreOnly",
    "CentreRole",
    "Credentials",
    "Invitation",
    "InvitationGone",
    "JobClaims",
    "LastOwner",
    "Member",
    "NoTenant",
    "OutOfScope",
    "OwnRole",
    "OwnersOnly",
    "Permission",
    "Person",
    "Principal",
    "Role",
    "SignInLocked",
    "SignedIn",
    "StaffRole",
    "Tenant",
    "TenantKind",
    "TenantState",
    "TenantSuspended",
    "Token",
    "WrongCredentials",
    "check_password",
    "check_scopes",
    "clean_name",
    "locked_until",
    "normal_credit_code",
    "normal_email",
    "require",
    "require_tenant",
    "system_principal",
]

SESSION_LIFE = timedelta(days=14)
INVITATION_LIFE = timedelta(days=7)
TOUCH_EVERY = timedelta(minutes=1)
JOB_SCOPES = frozenset({Permission.JOB_READ, Permission.DATA_READ, Permission.DATA_WRITE})
"""What a job may do with the token it finds: read and push data, and look at jobs; never spend, invite or make further tokens."""
FAILURE_WINDOW = timedelta(minutes=15)
FAILURES_PER_EMAIL = 5
FAILURES_PER_ADDRESS = 30


# From each state, the states a tenant may move to.
TENANT_MOVES: dict[TenantState, frozenset[TenantState]] = {
    TenantState.ACTIVE: frozenset({TenantState.SUSPENDED}),
    TenantState.SUSPENDED: frozenset({TenantState.ACTIVE}),
}


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking: a person (or a loop of ours), in which tenant, as what, through which door.

    `scopes` None means everything the role allows. `via` is session, token, command or system;
    `key_id` is the session or token it came with.
    """

    person_id: str
    name: str
    tenant_id: str | None
    role: Role | None
    centre_roles: frozenset[CentreRole] = frozenset()
    scopes: frozenset[Permission] | None = None
    via: str = "session"
    address: str = ""
    suspended: bool = False
    key_id: str = ""

    def may(self, permission: Permission) -> bool:
        """Tell whether this principal may do something, in its tenant or for the centre."""
        if self.via == "system":
            return True
        if self.scopes is not None and permission not in self.scopes:
            return False
        if permission in CENTRE_PERMISSIONS:
            return any(permission in CENTRE_ROLE_PERMISSIONS[role] for role in self.centre_roles)
        if self.tenant_id is None or self.role is None:
            return False
        return permission in ROLE_PERMISSIONS[self.role] and (not self.suspended or permission in READ_PERMISSIONS)


def system_principal(name: str, tenant_id: str | None = None) -> Principal:
    """Return the principal of one of our own loops; it may everything."""
    return Principal(person_id="system", name=name, tenant_id=tenant_id, role=None, via="system")


class TenantSuspended(Forbidden):
    """The tenant is suspended: its members read, and change nothing."""

    code = "tenant_suspended"
    message = "Your organisation is suspended, so this is not allowed now ({permission}). Ask the centre what is needed to lift it."


class CentreOnly(Forbidden):
    """The permission is one of the centre's own people, who have it by other roles."""

    code = "centre_only"
    message = "Your role does not allow this ({permission}). It is for people of the centre with the role {roles}."


class OutOfScope(Forbidden):
    """The token was made for less, whatever the role of its maker."""

    code = "out_of_scope"
    message = "This token does not allow this ({permission}). Use one that was made with it, or sign in."


class OwnersOnly(Forbidden):
    """Administrators may much, but not make or unmake owners."""

    code = "owners_only"
    message = "Only owners make and unmake owners. Ask one of them."


class OwnRole(Forbidden):
    """Somebody wants to give a role of the centre to themselves: that takes two pairs of eyes."""

    code = "own_role"
    message = "Nobody gives a role of the centre to themselves. Ask another operator."


class NoTenant(Forbidden):
    """The caller acts for no tenant, and the thing belongs to tenants."""

    code = "no_tenant"
    message = "You are not acting for an organisation. Choose one with the X-Wutong-Tenant header, or join one."


def require(who: Principal, *permissions: Permission) -> None:
    """Raise `Forbidden` (or a kind of it that says more) unless the principal has every permission."""
    for permission in permissions:
        if who.may(permission):
            continue
        if permission in TENANT_PERMISSIONS and who.tenant_id is None:
            raise NoTenant(permission=permission.value)
        if who.suspended and who.role is not None and permission in ROLE_PERMISSIONS[who.role]:
            raise TenantSuspended(permission=permission.value)
        raise _why_not(who, permission)


def _why_not(who: Principal, permission: Permission) -> Forbidden:
    if who.scopes is not None and permission not in who.scopes:
        return OutOfScope(permission=permission.value)
    if permission in CENTRE_PERMISSIONS:
        roles = [role.value for role, may in CENTRE_ROLE_PERMISSIONS.items() if permission in may]
        return CentreOnly(permission=permission.value, roles=" or ".join(roles))
    return Forbidden(permission=permission.value)


def require_tenant(who: Principal, permission: Permission) -> str:
    """Return the id of the tenant the principal acts for, after checking the permission there."""
    require(who, permission)
    if who.tenant_id is None:
        raise NoTenant(permission=permission.value)
    return who.tenant_id


class WrongCredentials(Unauthenticated):
    """E-mail and password do not fit together; which of the two is wrong is not told."""

    code = "wrong_credentials"
    message = "E-mail or password is not right. Check both; after five failures sign-in pauses for a quarter of an hour."


class SignInLocked(TooMany):
    """Too many failures of late for this e-mail or address."""

    code = "sign_in_locked"
    message = "Too many failed sign-ins. Try again in {retry_after_s} seconds, at {until}."


class AlreadyRegistered(Conflict):
    """The organisation or e-mail is taken."""

    code = "already_registered"
    message = "{what} is registered already. {hint}"


class LastOwner(Conflict):
    """A tenant keeps at least one owner."""

    code = "last_owner"
    message = "{name} is the last owner. Make somebody else an owner first."


class InvitationGone(NotFound):
    """The invitation does not exist, was used, withdrawn, or is too old."""

    code = "invitation_gone"
    message = "This invitation is not valid any more. Ask for a new one."


_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_EMAIL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])")


def normal_email(text: str, *, field: str = "email") -> str:
    """Return the address in lower case, or raise `Invalid`. Two spellings that differ in case are one address."""
    email = text.strip().lower()
    if len(email) > 254 or not _EMAIL.fullmatch(email):
        raise Invalid(field=field, reason="Write an e-mail address such as li.hua@example.cn.")
    return email


def check_password(text: str, *, field: str = "password") -> str:
    """Return the password when it is long enough to be one, or raise `Invalid`."""
    if not 10 <= len(text) <= 200:
        raise Invalid(field=field, reason="Use a password of 10 to 200 characters.")
    return text


def clean_name(text: str, *, field: str = "name", most: int = 100) -> str:
    """Return a name without surrounding or doubled blanks; refuse empty, long and invisible ones."""
    name = " ".join(text.split())
    if not 1 <= len(name) <= most or not name.isprintable():
        raise Invalid(field=field, reason=f"Write a name of 1 to {most} visible characters.")
    return name


def locked_until(by_email: list[datetime], by_address: list[datetime], now: datetime) -> datetime | None:
    """Return when sign-in opens again, or None when it is open, given recent failures (newest first) since the last success."""
    ends = [
        failures[limit - 1] + FAILURE_WINDOW
        for failures, limit in ((by_email, FAILURES_PER_EMAIL), (by_address, FAILURES_PER_ADDRESS))
        if len(failures) >= limit and failures[limit - 1] + FAILURE_WINDOW > now
    ]
    return max(ends, default=None)


def check_scopes(scopes: frozenset[Permission] | None, who: Principal) -> frozenset[Permission] | None:
    """Return the scopes a token may get: never more than its maker has. Raises `Forbidden` for more."""
    if scopes is None:
        return who.scopes
    require(who, *sorted(scopes))
    return scopes
