"""Where readers of journals stand. A cursor moves in the same transaction as what was done with the records it passes."""

from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from wutong.kit import clock
from wutong.kit.errors import Conflict
from wutong.kit.tables import CursorRow

_CURSOR: Any = CursorRow.__table__
_NAMED = _CURSOR.c.name == bindparam("cursor")
_POSITION, _TEXT = select(_CURSOR.c.position).where(_NAMED), select(_CURSOR.c.text).where(_NAMED)
_ADVANCE = update(_CURSOR).where(_NAMED, _CURSOR.c.position == bindparam("before"))
_ADVANCE = _ADVANCE.values(position=bindparam("after"), moved_at=bindparam("now"))
_KEEP = insert(_CURSOR)
_KEEP = _KEEP.on_conflict_do_update(index_elements=["name"], set_={name: _KEEP.excluded[name] for name in ("text", "moved_at")})
_CREATE = insert(_CURSOR).on_conflict_do_nothing()


def read(session: Session, name: str) -> int:
    """Return the position of a reader, 0 before its first move."""
    return session.scalar(_POSITION, {"cursor": name}) or 0


def read_text(session: Session, name: str) -> str:
    """Return the foreign cursor of a reader (an engine's own), "" before its first move."""
    return session.scalar(_TEXT, {"cursor": name}) or ""


def advance(session: Session, name: str, *, before: int, after: int) -> None:
    """Move a reader from where it stood; raises `Conflict` when another worker moved it meanwhile."""
    if after < before:
        raise ValueError("a cursor never goes back")
    if before == 0:
        session.execute(_CREATE, {"name": name, "position": 0, "text": "", "moved_at": clock.now()})
    moved = session.execute(_ADVANCE, {"cursor": name, "before": before, "after": after, "now": clock.now()})
    if moved.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict(reason=f"Another worker moved the cursor {name}.")


def set_text(session: Session, name: str, value: str) -> None:
    """Keep a foreign cursor."""
    session.execute(_KEEP, {"name": name, "position": 0, "text": value, "moved_at": clock.now()})
