"""All SQL of sign-in through providers."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from wutong.identity.oidc.rules import Flow, Login
from wutong.identity.oidc.tables import FlowRow, LinkRow, LoginRow


def add_flow(session: Session, state_hash: str, flow: Flow, expires_at: datetime) -> None:
    """Write a round trip down."""
    session.execute(insert(FlowRow).values({**asdict(flow), "state_hash": state_hash, "expires_at": expires_at}))


def take_flow(session: Session, state_hash: str, now: datetime) -> Flow | None:
    """Read a round trip that is not too old, and forget it, with all that are."""
    taken = session.scalar(delete(FlowRow).where(FlowRow.state_hash == state_hash, FlowRow.expires_at > now).returning(FlowRow))
    session.execute(delete(FlowRow).where(FlowRow.expires_at <= now))
    session.execute(delete(LinkRow).where(LinkRow.expires_at <= now))
    if taken is None:
        return None
    return Flow(taken.provider, taken.nonce, taken.verifier, taken.redirect_uri, taken.return_to, taken.person_id)


def find_login(session: Session, provider: str, subject: str) -> Login | None:
    """Read who has an account at a provider."""
    row = session.scalar(select(LoginRow).where(LoginRow.provider == provider, LoginRow.subject == subject))
    return None if row is None else _login(row)


def add_login(session: Session, login: Login) -> bool:
    """Write a login down; False when somebody has it."""
    added = insert(LoginRow).values(asdict(login)).on_conflict_do_nothing(index_elements=["provider", "subject"]).returning(LoginRow.id)
    return session.scalar(added) is not None


def touch_login(session: Session, login_id: str, email: str, now: datetime) -> None:
    """Note that a login was used, and what address the provider said."""
    session.execute(update(LoginRow).where(LoginRow.id == login_id).values(email=email, last_used_at=now))


def list_logins(session: Session, person_id: str) -> list[Login]:
    """Read a person's logins, first one first."""
    return [_login(row) for row in session.scalars(select(LoginRow).where(LoginRow.person_id == person_id).order_by(LoginRow.id))]


def remove_login(session: Session, person_id: str, login_id: str) -> bool:
    """Forget a login of a person."""
    gone = delete(LoginRow).where(LoginRow.person_id == person_id, LoginRow.id == login_id).returning(LoginRow.id)
    return session.scalar(gone) is not None


def add_link(session: Session, row: dict[str, Any]) -> None:
    """Write down a link that waits for a password."""
    session.execute(insert(LinkRow).values(row))


def find_link(session: Session, secret_hash: str, now: datetime) -> LinkRow | None:
    """Read a link that waits for a password."""
    return session.scalar(select(LinkRow).where(LinkRow.secret_hash == secret_hash, LinkRow.expires_at > now))


def take_link(session: Session, secret_hash: str) -> bool:
    """Use a link up; False when somebody else was quicker."""
    return session.scalar(delete(LinkRow).where(LinkRow.secret_hash == secret_hash).returning(LinkRow.secret_hash)) is not None


def _login(row: LoginRow) -> Login:
    return Login(row.id, row.person_id, row.provider, row.subject, row.email, row.added_at, row.last_used_at)
