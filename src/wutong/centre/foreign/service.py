"""What others may ask of foreign starts."""

from sqlalchemy.orm import Session

from wutong.centre.foreign import store
from wutong.centre.foreign.rules import ForeignStart


def foreign_after(session: Session, cursor: int, limit: int = 500) -> list[ForeignStart]:
    """Read the register after a cursor (a `seq`)."""
    return store.after(session, cursor, limit)


def list_foreign(session: Session, *, limit: int = 100) -> list[ForeignStart]:
    """Return what was registered, the latest first."""
    return store.latest(session, limit)
