"""Where readers of journals stand. A cursor moves in the same transaction as what was done with the records it passes."""

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from wutong.kit import clock
from wutong.kit.errors import Conflict
from wutong.kit.tables import CursorRow


def read(session: Session, name: str) -> int:
    """Return the position of a reader, 0 before its first move."""
    return session.scalar(select(CursorRow.position).where(CursorRow.name == name)) or 0


def read_text(session: Session, name: str) -> str:
    """Return the foreign cursor of a reader (an engine's own), "" before its first move."""
    return session.scalar(select(CursorRow.text).where(CursorRow.name == name)) or ""


def advance(session: Session, name: str, *, before: int, after: int) -> None:
    """Move a reader from where it stood; raises `Conflict` when another worker moved it meanwhile."""
    if after < before:
        raise ValueError("a cursor never goes back")
    if before == 0:
        _create(session, name)
    moved = update(CursorRow).where(CursorRow.name == name, CursorRow.position == before).values(position=after, moved_at=clock.now())
    if session.execute(moved).rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict(reason=f"Another worker moved the cursor {name}.")


def set_text(session: Session, name: str, value: str) -> None:
    """Keep a foreign cursor."""
    row = {"name": name, "position": 0, "text": value, "moved_at": clock.now()}
    keep = {"text": value, "moved_at": clock.now()}
    session.execute(insert(CursorRow).values(row).on_conflict_do_update(index_elements=["name"], set_=keep))


def _create(session: Session, name: str) -> None:
    row = {"name": name, "position": 0, "text": "", "moved_at": clock.now()}
    session.execute(insert(CursorRow).values(row).on_conflict_do_nothing())
