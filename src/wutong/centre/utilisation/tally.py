"""Adds the usage journal up by the hour as it grows, and writes down for each hour that is over what the nodes had to give.

A batch is one transaction with the move of the cursor, so that a kill at any moment counts nothing twice.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from wutong.centre.utilisation import store
from wutong.centre.utilisation.rules import HOUR, add_up, hour_of, up_ms
from wutong.kit import clock, cursors
from wutong.kit.database import Database

CURSOR, HOURS = "centre.utilisation", "centre.capacity"
BATCH = 2000
_MOST_HOURS = 48


class Tally:
    """The loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def step(self) -> bool:
        """Add up one batch, and the capacity of hours that are over; True when there was any."""
        with self._database.session() as session:
            position = cursors.read(session, CURSOR)
            uses, after = store.uses_after(session, position, BATCH)
            if after != position:
                cursors.advance(session, CURSOR, before=position, after=after)
                store.add_used(session, add_up(uses))
        return self._close_hours() or after != position

    def _close_hours(self) -> bool:
        now = hour_of(clock.now())
        with self._database.session() as session:
            kept = cursors.read_text(session, HOURS)
            hour = datetime.fromisoformat(kept) if kept else min(store.first_hour(session) or now, now)
            last = min(now, hour + _MOST_HOURS * HOUR)
            if kept and hour >= last:
                return False
            while hour < last:
                store.keep_capacity(session, hour, capacity_of(session, hour, hour + HOUR))
                hour += HOUR
            cursors.set_text(session, HOURS, hour.isoformat())
        return True


def capacity_of(session: Session, begin: datetime, end: datetime) -> dict[tuple[str, str], int]:
    """Return the card time each node had to give in a span, by pool and name."""
    history = store.node_history(session, begin, end)
    return {key: cards * up_ms(before, changes, begin, end) for key, (cards, before, changes) in history.items()}
