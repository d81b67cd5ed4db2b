"""Run events that could not be applied: kept with the reason and a time to try again."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from wutong.compute.jobs.rules import back_off
from wutong.compute.jobs.tables import EventAsideRow
from wutong.kit import clock

ASIDE: Any = EventAsideRow.__table__


def put(session: Session, seq: int, run_name: str, error: str) -> None:
    """Set an event aside, or count another failure of one that is."""
    tries = session.scalar(select(ASIDE.c.tries).where(ASIDE.c.seq == seq)) or 0
    row = {"seq": seq, "run_name": run_name, "error": error[:2000], "tries": tries + 1}
    row["next_at"] = clock.now() + timedelta(seconds=back_off(tries, first=5.0))
    keep = {name: row[name] for name in ("error", "tries", "next_at")}
    session.execute(insert(ASIDE).values(row).on_conflict_do_update(index_elements=["seq"], set_=keep))


def due(session: Session, now: datetime) -> int | None:
    """Return the event to try next."""
    seq: int | None = session.scalar(select(ASIDE.c.seq).where(ASIDE.c.next_at <= now).order_by(ASIDE.c.seq).limit(1))
    return seq


def drop(session: Session, seq: int) -> None:
    """Forget an event that was applied."""
    session.execute(delete(ASIDE).where(ASIDE.c.seq == seq))
