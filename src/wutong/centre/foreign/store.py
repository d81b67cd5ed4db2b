"""All SQL of foreign starts."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from wutong.centre.foreign.rules import ForeignStart
from wutong.centre.foreign.tables import ForeignStartRow
from wutong.kit import clock
from wutong.kit.database import notify

CHANNEL = "centre_foreign"
_FIELDS = [name for name in ForeignStart.__dataclass_fields__ if name != "seq"]


def add(session: Session, starts: Sequence[ForeignStart]) -> list[ForeignStart]:
    """Register starts, each once; returns those that are new. The caller holds the journal's lock."""
    if not starts:
        return []
    rows = [{**{name: getattr(start, name) for name in _FIELDS}, "registered_at": clock.now()} for start in starts]
    keep = insert(ForeignStartRow).values(rows).on_conflict_do_nothing(index_elements=["name"])
    new = set(session.scalars(keep.returning(ForeignStartRow.name)))
    if new:
        notify(session, CHANNEL)
    return [start for start in starts if start.name in new]


def after(session: Session, cursor: int, limit: int) -> list[ForeignStart]:
    """Read what was registered after a cursor (a `seq`)."""
    return [
        _start(row) for row in session.scalars(select(ForeignStartRow).where(ForeignStartRow.seq > cursor).order_by(ForeignStartRow.seq).limit(limit))
    ]


def latest(session: Session, limit: int) -> list[ForeignStart]:
    """Read what was registered, the latest first."""
    return [_start(row) for row in session.scalars(select(ForeignStartRow).order_by(ForeignStartRow.seq.desc()).limit(limit))]


def _start(row: ForeignStartRow) -> ForeignStart:
    return ForeignStart(**{name: getattr(row, name) for name in _FIELDS}, seq=row.seq)
