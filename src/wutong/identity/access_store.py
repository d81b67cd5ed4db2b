"""SQL of getting in: sessions, tokens, attempts to sign in."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, String, and_, bindparam, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from wutong.identity.records import SignedIn, Token
from wutong.identity.roles import Permission
from wutong.identity.tables import CentreRoleRow, MembershipRow, PersonRow, SessionRow, SignInRow, TenantRow, TokenRow
from wutong.kit.paging import Page, PageRequest, cut

_session, _token_table, _person = SessionRow.__table__, TokenRow.__table__, PersonRow.__table__
_member, _tenant, _centre_role = MembershipRow.__table__, TenantRow.__table__, CentreRoleRow.__table__


def _who_query(key: FromClause, tenant_id: ColumnElement[Any], alive: ColumnElement[bool], *more: str) -> Select[*tuple[Any, ...]]:
    """Build the one query of every request. Built once and over plain tables: building it anew each time took twice as long as running it."""
    roles = select(func.array_agg(_centre_role.c.role)).where(_centre_role.c.person_id == _person.c.id).correlate(_person).scalar_subquery()
    mine = and_(_member.c.person_id == key.c.person_id, _member.c.tenant_id == tenant_id)
    joined = key.join(_person, _person.c.id == key.c.person_id).outerjoin(_member, mine).outerjoin(_tenant, _tenant.c.id == _member.c.tenant_id)
    columns = (key.c.id, key.c.tenant_id, key.c.last_used_at, *(key.c[name] for name in more))
    who = (
        _person.c.id.label("person_id"),
        _person.c.name.label("person_name"),
        _member.c.tenant_id.label("member_of"),
        _member.c.role,
        _tenant.c.state,
    )
    return select(*columns, *who, roles.label("centre_roles")).select_from(joined).where(key.c.secret_hash == bindparam("secret_hash"), alive)


_now = bindparam("now", type_=_session.c.expires_at.type)
_hint = func.coalesce(bindparam("hint", type_=String()), _session.c.tenant_id)
_token_alive = and_(_token_table.c.revoked_at.is_(None), or_(_token_table.c.expires_at.is_(None), _token_table.c.expires_at > _now))
_FIND_SESSION = _who_query(_session, _hint, and_(_session.c.closed_at.is_(None), _session.c.expires_at > _now))
_FIND_TOKEN = _who_query(_token_table, _token_table.c.tenant_id, _token_alive, "scopes")


def find_session(session: Session, secret_hash: str, tenant_hint: str | None, now: datetime) -> Any:
    """Read who an open session belongs to, in the tenant hinted at or else the session's own."""
    return session.execute(_FIND_SESSION, {"secret_hash": secret_hash, "hint": tenant_hint, "now": now}).first()


def find_token(session: Session, secret_hash: str, now: datetime) -> Any:
    """Read who a living token belongs to."""
    return session.execute(_FIND_TOKEN, {"secret_hash": secret_hash, "now": now}).first()


def find_member(session: Session, person_id: str, tenant_id: str) -> Any:
    """Read name and role of a person in a tenant, and the tenant's state."""
    joined = _member.join(_person, _person.c.id == _member.c.person_id).join(_tenant, _tenant.c.id == _member.c.tenant_id)
    query = select(_person.c.name, _member.c.role, _tenant.c.state).select_from(joined)
    return session.execute(query.where(_member.c.person_id == person_id, _member.c.tenant_id == tenant_id)).first()


def touch_session(session: Session, session_id: str, now: datetime, before: datetime, expires_at: datetime) -> None:
    """Note that a session was used, unless another request is noting it just now."""
    due = select(SessionRow.id).where(SessionRow.id == session_id, SessionRow.last_used_at < before).with_for_update(skip_locked=True)
    session.execute(update(SessionRow).where(SessionRow.id == due.scalar_subquery()).values(last_used_at=now, expires_at=expires_at))


def touch_token(session: Session, token_id: str, now: datetime, before: datetime) -> None:
    """Note that a token was used, unless another request is noting it just now."""
    old = or_(TokenRow.last_used_at.is_(None), TokenRow.last_used_at < before)
    due = select(TokenRow.id).where(TokenRow.id == token_id, old).with_for_update(skip_locked=True)
    session.execute(update(TokenRow).where(TokenRow.id == due.scalar_subquery()).values(last_used_at=now))


def add_session(session: Session, row: dict[str, Any]) -> None:
    """Insert a session."""
    session.execute(insert(SessionRow).values(row))


def close_session(session: Session, person_id: str, session_id: str, now: datetime) -> bool:
    """Close an open session of a person."""
    wanted = and_(SessionRow.id == session_id, SessionRow.person_id == person_id, SessionRow.closed_at.is_(None))
    return session.execute(update(SessionRow).where(wanted).values(closed_at=now).returning(SessionRow.id)).first() is not None


def close_other_sessions(session: Session, person_id: str, kept_id: str, now: datetime) -> int:
    """Close every open session of a person but one; returns how many."""
    wanted = and_(SessionRow.person_id == person_id, SessionRow.id != kept_id, SessionRow.closed_at.is_(None))
    return len(session.scalars(update(SessionRow).where(wanted).values(closed_at=now).returning(SessionRow.id)).all())


def list_sessions(session: Session, person_id: str, now: datetime, page: PageRequest) -> Page[SignedIn]:
    """Page through a person's open sessions, newest first."""
    alive = and_(SessionRow.person_id == person_id, SessionRow.closed_at.is_(None), SessionRow.expires_at > now)
    query = select(SessionRow).where(alive).order_by(SessionRow.id.desc()).limit(page.limit + 1)
    if page.after:
        query = query.where(SessionRow.id < page.after)
    return cut([_signed_in(row) for row in session.scalars(query)], page)


def add_token(session: Session, row: dict[str, Any]) -> None:
    """Insert a token."""
    session.execute(insert(TokenRow).values(row))


def list_tokens(session: Session, tenant_id: str | None, person_id: str | None, page: PageRequest) -> Page[Token]:
    """Page through the living tokens of a tenant (None: the centre's), of one person when given; newest first."""
    query = select(TokenRow).where(_of(tenant_id, person_id), TokenRow.revoked_at.is_(None)).order_by(TokenRow.id.desc()).limit(page.limit + 1)
    if page.after:
        query = query.where(TokenRow.id < page.after)
    return cut([_token(row) for row in session.scalars(query)], page)


def revoke_token(session: Session, tenant_id: str | None, person_id: str | None, token_id: str, now: datetime) -> str | None:
    """Revoke a token and return its name; None when there is no such living one."""
    wanted = and_(_of(tenant_id, person_id), TokenRow.id == token_id, TokenRow.revoked_at.is_(None))
    return session.scalar(update(TokenRow).where(wanted).values(revoked_at=now).returning(TokenRow.name))


def revoke_tokens_of(session: Session, tenant_id: str, person_id: str, now: datetime) -> None:
    """Revoke all tokens a person made in a tenant."""
    session.execute(update(TokenRow).where(_of(tenant_id, person_id), TokenRow.revoked_at.is_(None)).values(revoked_at=now))


def add_sign_in(session: Session, row: dict[str, Any]) -> None:
    """Insert an attempt."""
    session.execute(insert(SignInRow).values(row))


def failures(session: Session, *, email: str, since: datetime, most: int) -> list[datetime]:
    """Read the times of the newest failures of an e-mail since its last success."""
    mine = and_(SignInRow.email == email, SignInRow.at > since)
    success = select(func.max(SignInRow.at)).where(mine, SignInRow.ok).scalar_subquery()
    query = select(SignInRow.at).where(mine, ~SignInRow.ok, or_(success.is_(None), SignInRow.at > success))
    return list(session.scalars(query.order_by(SignInRow.at.desc()).limit(most)))


def failures_from(session: Session, *, address: str, since: datetime, most: int) -> list[datetime]:
    """Read the times of the newest failures from an address; a success there forgives nothing."""
    query = select(SignInRow.at).where(SignInRow.address == address, SignInRow.at > since, ~SignInRow.ok)
    return list(session.scalars(query.order_by(SignInRow.at.desc()).limit(most)))


def sweep(session: Session, before: datetime, most: int) -> int:
    """Delete old attempts and long-dead sessions, at most so many of each; returns how many went."""
    attempts = select(SignInRow.id).where(SignInRow.at < before).limit(most).scalar_subquery()
    dead = select(SessionRow.id).where(SessionRow.expires_at < before).limit(most).scalar_subquery()
    gone: Sequence[Any] = session.execute(delete(SignInRow).where(SignInRow.id.in_(attempts)).returning(SignInRow.id)).all()
    ended: Sequence[Any] = session.execute(delete(SessionRow).where(SessionRow.id.in_(dead)).returning(SessionRow.id)).all()
    return len(gone) + len(ended)


def _of(tenant_id: str | None, person_id: str | None) -> Any:
    tenant = TokenRow.tenant_id.is_(None) if tenant_id is None else TokenRow.tenant_id == tenant_id
    return tenant if person_id is None else and_(tenant, TokenRow.person_id == person_id)


def _signed_in(row: SessionRow) -> SignedIn:
    return SignedIn(row.id, row.person_id, row.tenant_id, row.address, row.created_at, row.last_used_at, row.expires_at, row.device)


def _token(row: TokenRow) -> Token:
    scopes = None if row.scopes is None else frozenset(Permission(scope) for scope in row.scopes)
    times = (row.created_at, row.expires_at, row.last_used_at, row.revoked_at)
    return Token(row.id, row.tenant_id, row.person_id, row.name, row.hint, scopes, *times)
