"""Getting in: signing in and its lock, sessions, API tokens, and telling who a request comes from."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from wutong.identity import access_store, keys, store
from wutong.identity.records import Credentials, JobClaims, SignedIn, TenantState, Token
from wutong.identity.roles import CENTRE_PERMISSIONS, CentreRole, Permission, Role
from wutong.identity.rules import (
    FAILURE_WINDOW,
    FAILURES_PER_ADDRESS,
    FAILURES_PER_EMAIL,
    JOB_SCOPES,
    SESSION_LIFE,
    TOUCH_EVERY,
    NoTenant,
    Principal,
    SignInLocked,
    check_scopes,
    clean_name,
    locked_until,
    normal_email,
    require,
)
from wutong.identity.trail import audit
from wutong.kit import clock
from wutong.kit.database import advisory_lock
from wutong.kit.errors import Invalid, NotFound, Unauthenticated
from wutong.kit.ids import new_id
from wutong.kit.paging import Page, PageRequest

CENTRE_HINT = "none"
KEEP_ATTEMPTS = timedelta(days=30)


def check_sign_in(session: Session, email: str, address: str) -> None:
    """Raise `SignInLocked` when too many attempts failed of late for this e-mail or from this address."""
    now = clock.now()
    since = now - FAILURE_WINDOW
    by_email = access_store.failures(session, email=email.strip().lower(), since=since, most=FAILURES_PER_EMAIL)
    by_address = access_store.failures_from(session, address=address, since=since, most=FAILURES_PER_ADDRESS)
    until = locked_until(by_email, by_address, now)
    if until is not None:
        seconds = max(1, -int(-(until - now).total_seconds() // 1))
        raise SignInLocked(retry_after_s=seconds, until=until.strftime("%H:%M:%S UTC"))


def find_credentials(session: Session, email: str) -> Credentials | None:
    """Return what a sign-in with this e-mail is checked against."""
    found = store.find_person_by_email(session, normal_email(email))
    return None if found is None else Credentials(found[0].id, found[0].email, found[1])


def record_sign_in(session: Session, email: str, ok: bool, address: str) -> None:  # noqa: FBT001 - the outcome
    """Write an attempt down. Attempts on one e-mail pass here one by one, and the lock is looked at again: guessing in parallel gains nothing."""
    email = email.strip().lower()[:254]
    advisory_lock(session, f"identity_sign_in:{email}")
    check_sign_in(session, email, address)
    access_store.add_sign_in(session, {"email": email, "address": address, "ok": ok, "at": clock.now()})


def open_session(session: Session, person_id: str, tenant_id: str | None = None, address: str = "", device: str = "") -> tuple[SignedIn, str]:
    """Open a session for a person whose sign-in was checked; returns its secret, once. Without a tenant it is the first one joined."""
    member_of = [member.tenant_id for member in store.memberships(session, person_id)]
    if tenant_id is not None and tenant_id not in member_of:
        raise NotFound(kind="organisation", id=tenant_id)
    now, secret = clock.now(), keys.new_secret(keys.SESSION)
    chosen = tenant_id or (member_of[0] if member_of else None)
    opened = SignedIn(new_id("ses"), person_id, chosen, address, now, now, now + SESSION_LIFE, device)
    access_store.add_session(session, {**{field: getattr(opened, field) for field in opened.__slots__}, "secret_hash": keys.digest(secret)})
    person = store.find_person(session, person_id)
    who = Principal(person_id, person.name if person else "", chosen, None, address=address)
    audit(session, who, "session.open", kind="session", id=opened.id)
    return opened, secret


def close_session(session: Session, who: Principal, session_id: str | None = None) -> None:
    """Close one of the caller's sessions, the present one when none is named."""
    closing = session_id or who.key_id
    if not access_store.close_session(session, who.person_id, closing, clock.now()):
        raise NotFound(kind="session", id=closing)
    audit(session, who, "session.close", kind="session", id=closing)


def close_other_sessions(session: Session, who: Principal) -> int:
    """Close every session of the caller but the one this request came with; returns how many were open."""
    closed = access_store.close_other_sessions(session, who.person_id, who.key_id, clock.now())
    audit(session, who, "session.close_others", kind="person", id=who.person_id, after={"closed": closed})
    return closed


def list_sessions(session: Session, who: Principal, page: PageRequest | None = None) -> Page[SignedIn]:
    """Page through the caller's open sessions."""
    return access_store.list_sessions(session, who.person_id, clock.now(), page or PageRequest())


def change_password(session: Session, who: Principal, password_hash: str) -> None:
    """Store another password and close the caller's other sessions. The door has checked the old one."""
    store.set_password(session, who.person_id, password_hash)
    access_store.close_other_sessions(session, who.person_id, who.key_id, clock.now())
    audit(session, who, "password.change", kind="person", id=who.person_id)


def authenticate(session: Session, secret: str, *, address: str = "", tenant_hint: str | None = None) -> Principal:
    """Tell who a secret belongs to: one indexed query. Raises `Unauthenticated`, or `NotFound` for a tenant that is not the caller's."""
    if not keys.is_whole(secret):
        raise Unauthenticated
    if secret.startswith(keys.TOKEN):
        return _by_token(session, secret, address, tenant_hint)
    return _by_session(session, secret, address, tenant_hint)


def job_principal(session: Session, claims: JobClaims, *, address: str = "") -> Principal:
    """Return who a job's token acts for: its person in its tenant, allowed what a job needs. The caller has seen that the run lives."""
    found = access_store.find_member(session, claims.person_id, claims.tenant_id)
    if found is None:
        raise Unauthenticated
    role, suspended = Role(found.role), found.state == TenantState.SUSPENDED
    return Principal(
        claims.person_id,
        found.name,
        claims.tenant_id,
        role,
        scopes=JOB_SCOPES,
        via="job",
        address=address,
        suspended=suspended,
        key_id=claims.run_name,
    )


def create_token(
    session: Session, who: Principal, *, name: str, scopes: frozenset[Permission] | None = None, expires_at: datetime | None = None
) -> tuple[Token, str]:
    """Make a token for the caller's tenant (for the centre when acting for none); returns its secret, once. It never has more than its maker."""
    if who.tenant_id is not None:
        require(who, Permission.TOKEN_MANAGE)
    elif not who.centre_roles:
        raise NoTenant(permission=Permission.TOKEN_MANAGE.value)
    if scopes is not None and who.tenant_id is not None and scopes & CENTRE_PERMISSIONS:
        raise Invalid(field="scopes", reason="A token of an organisation has no permissions of the centre. Make one acting for none.")
    now = clock.now()
    if expires_at is not None and expires_at <= now:
        raise Invalid(field="expires_at", reason="Choose a time to come.")
    secret = keys.new_secret(keys.TOKEN)
    token = Token(new_id("tok"), who.tenant_id, who.person_id, clean_name(name), secret[:8], check_scopes(scopes, who), now, expires_at, None, None)
    row = {field: getattr(token, field) for field in token.__slots__}
    scope_list = None if token.scopes is None else sorted(token.scopes)
    access_store.add_token(session, {**row, "scopes": scope_list, "secret_hash": keys.digest(secret)})
    after = {"name": token.name, "scopes": scope_list, "expires_at": expires_at.isoformat() if expires_at else None}
    audit(session, who, "token.create", kind="token", id=token.id, after=after)
    return token, secret


def list_tokens(session: Session, who: Principal, page: PageRequest | None = None, *, mine: bool = False) -> Page[Token]:
    """Page through the living tokens in the caller's tenant: one's own, or (unless `mine` is asked for) everybody's for who manages members."""
    whose = who.person_id if mine else _whose_tokens(who)
    return access_store.list_tokens(session, who.tenant_id, whose, page or PageRequest())


def revoke_token(session: Session, who: Principal, token_id: str) -> None:
    """Revoke one's own token, or anybody's of the tenant for those who manage members."""
    name = access_store.revoke_token(session, who.tenant_id, _whose_tokens(who), token_id, clock.now())
    if name is None:
        raise NotFound(kind="token", id=token_id)
    audit(session, who, "token.revoke", kind="token", id=token_id, before={"name": name})


def sweep(session: Session) -> bool:
    """Delete a batch of old attempts and dead sessions; True when there may be more. A loop's step."""
    return access_store.sweep(session, clock.now() - KEEP_ATTEMPTS, 1000) >= 1000


def _by_session(session: Session, secret: str, address: str, hint: str | None) -> Principal:
    now = clock.now()
    found = access_store.find_session(session, keys.digest(secret), hint, now)
    if found is None:
        raise Unauthenticated
    if hint and hint != CENTRE_HINT and found.member_of is None:
        raise NotFound(kind="organisation", id=hint)
    if now - found.last_used_at > TOUCH_EVERY:
        access_store.touch_session(session, found.id, now, now - TOUCH_EVERY, now + SESSION_LIFE)
    return _principal(found, centre=True, scopes=None, via="session", address=address)


def _by_token(session: Session, secret: str, address: str, hint: str | None) -> Principal:
    now = clock.now()
    found = access_store.find_token(session, keys.digest(secret), now)
    if found is None or (found.tenant_id is not None and found.member_of is None):
        raise Unauthenticated
    if hint and hint != (found.tenant_id or CENTRE_HINT):
        raise NotFound(kind="organisation", id=hint)
    if found.last_used_at is None or now - found.last_used_at > TOUCH_EVERY:
        access_store.touch_token(session, found.id, now, now - TOUCH_EVERY)
    scopes = None if found.scopes is None else frozenset(Permission(scope) for scope in found.scopes)
    return _principal(found, centre=found.tenant_id is None, scopes=scopes, via="token", address=address)


def _principal(found: Any, *, centre: bool, scopes: frozenset[Permission] | None, via: str, address: str) -> Principal:
    return Principal(
        person_id=found.person_id,
        name=found.person_name,
        tenant_id=found.member_of,
        role=None if found.role is None else Role(found.role),
        centre_roles=frozenset(CentreRole(role) for role in found.centre_roles or ()) if centre else frozenset(),
        scopes=scopes,
        via=via,
        address=address,
        suspended=found.state == TenantState.SUSPENDED,
        key_id=found.id,
    )


def _whose_tokens(who: Principal) -> str | None:
    return None if who.may(Permission.MEMBERS_MANAGE) else who.person_id
