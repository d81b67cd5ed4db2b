"""Signing up and in, and what people do with their own access: sessions, tokens, members, invitations, the trail."""

from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import Query, Response
from sqlalchemy.orm import Session

from wutong.api.auth import COOKIE, Asking, Caller, Router, Tx, Visitor, needs
from wutong.doorway import entrance
from wutong.doorway.paging import Paging
from wutong.identity import service
from wutong.identity.rules import (
    SESSION_LIFE,
    AuditEntry,
    AuditFilters,
    Invitation,
    Member,
    Permission,
    Principal,
    Role,
    SignedIn,
    Token,
)
from wutong.kit.outbox import Outbox
from wutong.kit.paging import Page
from wutong.sdk import identity as wire
from wutong.sdk import tenants as tenant_wire
from wutong.sdk.wire import Listed

router = Router(tag="identity")

Me = Annotated[Principal, needs()]


@router.post("/tenants", status_code=201)
async def register_tenant(asking: Visitor, body: wire.Registration) -> wire.Registered:
    """Sign an organisation up, with its first owner."""
    return await run_sync(_register, asking, body)


@router.post("/sessions", status_code=201)
async def sign_in(asking: Visitor, body: wire.SignIn, response: Response) -> wire.Opened:
    """Open a session. The secret comes in the body and as a cookie; use either."""
    opened = await run_sync(_sign_in, asking, body)
    life = int(SESSION_LIFE.total_seconds())
    response.set_cookie(COOKIE, opened.secret, max_age=life, httponly=True, samesite="lax", secure=asking.secure)
    return opened


@router.get("/sessions", response_model=Listed[wire.SignedIn])
def list_sessions(tx: Tx, who: Me, page: Paging) -> Page[SignedIn]:
    """List the caller's open sessions."""
    return service.list_sessions(tx, who, page)


@router.delete("/sessions", status_code=204)
def sign_out(tx: Tx, who: Me, response: Response) -> None:
    """Close the session this request came with."""
    service.close_session(tx, who)
    response.delete_cookie(COOKIE)


@router.delete("/sessions/{session_id}", status_code=204)
def close_session(tx: Tx, who: Me, session_id: str) -> None:
    """Close another session of the caller."""
    service.close_session(tx, who, session_id)


@router.get("/me")
def get_me(tx: Tx, who: Me) -> wire.Me:
    """Tell who the caller is, in which organisation, and what it may do there."""
    return tell_me(tx, who)


@router.patch("/me")
def change_me(tx: Tx, who: Me, body: wire.ProfileChange) -> wire.Me:
    """Change one's name, language or time zone; what is not given stays."""
    service.set_profile(tx, who, name=body.name, language=body.language, zone=body.zone)
    return tell_me(tx, who)


def tell_me(tx: Session, who: Principal) -> wire.Me:
    """Return the caller as the API tells of it."""
    person = service.get_person(tx, who.person_id)
    return wire.Me.model_validate(
        {
            "person_id": who.person_id,
            "name": person.name,
            "email": person.email,
            "tenant_id": who.tenant_id,
            "role": who.role,
            "centre_roles": sorted(who.centre_roles),
            "permissions": sorted(permission for permission in Permission if who.may(permission)),
            "suspended": who.suspended,
            "via": who.via,
            "language": person.language,
            "zone": person.zone,
            "memberships": service.memberships(tx, who),
        }
    )


@router.put("/me/password", status_code=204)
async def change_password(asking: Asking, body: wire.PasswordChange) -> None:
    """Choose another password; the caller's other sessions are closed."""
    await run_sync(_change_password, asking, body)


@router.get("/members", response_model=Listed[wire.Member])
def list_members(tx: Tx, who: Annotated[Principal, needs(Permission.TENANT_READ)], page: Paging) -> Page[Member]:
    """List the members of the caller's organisation."""
    return service.list_members(tx, who, page)


@router.patch("/members/{person_id}", response_model=wire.Member)
def change_role(tx: Tx, who: Annotated[Principal, needs(Permission.MEMBERS_MANAGE)], person_id: str, body: wire.RoleChange) -> Member:
    """Give a member another role. Only owners make and unmake owners."""
    return service.change_role(tx, who, person_id, Role(body.role))


@router.delete("/members/{person_id}", status_code=204)
def remove_member(tx: Tx, who: Annotated[Principal, needs(Permission.TENANT_READ)], person_id: str) -> None:
    """Take a member out of the organisation, or leave it. The last owner cannot."""
    service.remove_member(tx, who, person_id)


@router.get("/invitations", response_model=Listed[wire.Invitation])
def list_invitations(tx: Tx, who: Annotated[Principal, needs(Permission.MEMBERS_MANAGE)], page: Paging) -> Page[Invitation]:
    """List the open invitations of the organisation."""
    return service.list_invitations(tx, who, page)


@router.post("/invitations", status_code=201)
async def invite(asking: Asking, body: wire.NewInvitation) -> wire.Invited:
    """Invite an e-mail address. The secret that accepts is mailed there, and is in the answer, once."""
    outbox = Outbox.of(asking.context.settings)
    invitation, secret = await asking.ask(lambda tx, who: service.invite(tx, who, body.email, Role(body.role), outbox), Permission.MEMBERS_MANAGE)
    return wire.Invited(invitation=wire.Invitation.model_validate(invitation), secret=secret)


@router.delete("/invitations/{invitation_id}", status_code=204)
def withdraw_invitation(tx: Tx, who: Annotated[Principal, needs(Permission.MEMBERS_MANAGE)], invitation_id: str) -> None:
    """Withdraw an open invitation."""
    service.withdraw_invitation(tx, who, invitation_id)


@router.post("/invitations/accept", status_code=201)
async def accept_invitation(asking: Visitor, body: wire.Acceptance) -> wire.Member:
    """Join an organisation by an invitation's secret."""
    return await run_sync(_accept, asking, body)


@router.get("/tokens", response_model=Listed[wire.Token])
def list_tokens(tx: Tx, who: Me, page: Paging) -> Page[Token]:
    """List living API tokens: one's own, or everybody's for those who manage members."""
    return service.list_tokens(tx, who, page)


@router.post("/tokens", status_code=201)
def create_token(tx: Tx, who: Me, body: wire.NewToken) -> wire.TokenMade:
    """Make an API token; the answer holds its secret, once. It never may more than its maker."""
    scopes = None if body.scopes is None else frozenset(Permission(scope) for scope in body.scopes)
    token, secret = service.create_token(tx, who, name=body.name, scopes=scopes, expires_at=body.expires_at)
    return wire.TokenMade(token=wire.Token.model_validate(token), secret=secret)


@router.delete("/tokens/{token_id}", status_code=204)
def revoke_token(tx: Tx, who: Me, token_id: str) -> None:
    """Revoke an API token."""
    service.revoke_token(tx, who, token_id)


@router.get("/audit", response_model=Listed[wire.AuditEntry])
def list_audit(
    tx: Tx,
    who: Me,
    page: Paging,
    kind: Annotated[str | None, Query(max_length=100)] = None,
    object_id: Annotated[str | None, Query(max_length=100)] = None,
    action: Annotated[str | None, Query(max_length=100)] = None,
    person_id: Annotated[str | None, Query(max_length=100)] = None,
    tenant_id: Annotated[str | None, Query(max_length=100)] = None,
) -> Page[AuditEntry]:
    """Read the audit trail, newest first: the organisation's, or the whole centre's for its auditors."""
    return service.list_audit(tx, who, page, AuditFilters(tenant_id, kind, object_id, action, person_id))


def _register(asking: Caller, body: wire.Registration) -> wire.Registered:
    tenant, person = entrance.register(asking, **body.model_dump())
    return wire.Registered(tenant=tenant_wire.Tenant.model_validate(tenant), person_id=person.id)


def _sign_in(asking: Caller, body: wire.SignIn) -> wire.Opened:
    opened, secret = entrance.sign_in(asking, email=body.email, password=body.password, tenant_id=body.tenant_id)
    return wire.Opened(session_id=opened.id, secret=secret, tenant_id=opened.tenant_id, expires_at=opened.expires_at)


def _change_password(asking: Caller, body: wire.PasswordChange) -> None:
    entrance.change_password(asking, old=body.old_password, new=body.new_password)


def _accept(asking: Caller, body: wire.Acceptance) -> wire.Member:
    member = entrance.accept_invitation(asking, secret=body.secret, person_name=body.person_name, password=body.password)
    return wire.Member.model_validate(member)
