"""What others may ask of the usage journal."""

from sqlalchemy.orm import Session

from wutong.centre.usage import store
from wutong.centre.usage.rules import MeterCheck, Usage


def usage_after(session: Session, cursor: int, limit: int = 500) -> list[Usage]:
    """Read the journal after a cursor (a `seq`)."""
    return store.after(session, cursor, limit)


def list_run_usage(session: Session, run_name: str) -> list[Usage]:
    """Return every line of one run, by window; the last of each window is its total."""
    return store.of_run(session, run_name)


def usage_totals(session: Session) -> tuple[int, int]:
    """Return how many runs used anything, and all card-milliseconds reported: to hold against what was rated."""
    return store.grand_totals(session)


def check_meter(session: Session) -> MeterCheck:
    """Count the reports that were kept aside; anything but zero wants a person to look."""
    return MeterCheck(*store.count_aside(session))
