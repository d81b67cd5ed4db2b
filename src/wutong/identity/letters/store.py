"""All SQL of letters."""

from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, func, insert, select, update
from sqlalchemy.orm import Session

from wutong.identity.letters.rules import Letter, LetterKind
from wutong.identity.letters.tables import LetterRow
from wutong.kit.database import notify

CHANNEL = "identity_letters"


def add(session: Session, row: dict[str, Any]) -> None:
    """Write down that a letter was asked for, and wake who writes it."""
    session.execute(insert(LetterRow).values(row))
    notify(session, CHANNEL)


def count_from(session: Session, address: str, since: datetime) -> int:
    """Count the letters asked for from an address."""
    query = select(func.count()).select_from(LetterRow).where(LetterRow.address == address, LetterRow.asked_at > since)
    return session.scalar(query) or 0


def count_written(session: Session, kind: LetterKind, *, since: datetime, email: str | None = None, person_id: str | None = None) -> int:
    """Count the letters with a link that were written to an address, or for a person."""
    whose = LetterRow.email == email if email is not None else LetterRow.person_id == person_id
    written = and_(LetterRow.kind == kind, whose, LetterRow.asked_at > since, LetterRow.secret_hash.is_not(None))
    return session.scalar(select(func.count()).select_from(LetterRow).where(written)) or 0


def take_unwritten(session: Session) -> Letter | None:
    """Lock the letter that has waited longest to be written."""
    query = select(LetterRow).where(LetterRow.written_at.is_(None)).order_by(LetterRow.asked_at).limit(1).with_for_update(skip_locked=True)
    row = session.scalar(query)
    return None if row is None else _letter(row)


def set_written(session: Session, letter_id: str, values: dict[str, Any]) -> None:
    """Note that a letter was written, or that there was nobody to write to."""
    session.execute(update(LetterRow).where(LetterRow.id == letter_id).values(values))


def find_open(session: Session, secret_hash: str, kind: LetterKind, now: datetime) -> Letter | None:
    """Read the letter whose link still works."""
    row = session.scalar(select(LetterRow).where(_open(secret_hash, kind, now)))
    return None if row is None else _letter(row)


def use(session: Session, secret_hash: str, kind: LetterKind, now: datetime) -> Letter | None:
    """Use a link up; None when it does not work any more. Two at once: one finds it used."""
    row = session.scalar(update(LetterRow).where(_open(secret_hash, kind, now)).values(used_at=now).returning(LetterRow))
    return None if row is None else _letter(row)


def withdraw_all(session: Session, person_id: str, kind: LetterKind, now: datetime) -> None:
    """Use up every other link of a kind that a person was sent."""
    session.execute(
        update(LetterRow).where(LetterRow.person_id == person_id, LetterRow.kind == kind, LetterRow.used_at.is_(None)).values(used_at=now)
    )


def sweep(session: Session, before: datetime, most: int) -> int:
    """Delete letters that are long over; returns how many."""
    old = select(LetterRow.id).where(LetterRow.expires_at < before).limit(most).scalar_subquery()
    return len(session.scalars(delete(LetterRow).where(LetterRow.id.in_(old)).returning(LetterRow.id)).all())


def _open(secret_hash: str, kind: LetterKind, now: datetime) -> Any:
    return and_(LetterRow.secret_hash == secret_hash, LetterRow.kind == kind, LetterRow.used_at.is_(None), LetterRow.expires_at > now)


def _letter(row: LetterRow) -> Letter:
    return Letter(row.id, LetterKind(row.kind), row.email, row.address, row.person_id)
