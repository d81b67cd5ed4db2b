"""What others may ask of comparisons."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from wutong.centre.comparison import store
from wutong.centre.comparison.rules import Comparison, Difference, day_of
from wutong.kit import clock

WATCHED = timedelta(days=7)
_MOST = 500


@dataclass(frozen=True, slots=True)
class Alarm:
    """What the comparisons of the last days say: runs on which the accounts differ, over how many days, and how many days were compared."""

    differences: int
    days: int
    compared: int


def list_comparisons(session: Session, *, days: int = 7) -> list[Comparison]:
    """Return the newest comparison of each engine and day of the last days, the newest day first."""
    return store.latest(session, None, day_of(clock.now() - timedelta(days=days)))


def list_differences(session: Session, comparisons: Sequence[Comparison]) -> list[tuple[int, Difference]]:
    """Return what differed in these comparisons, at most some hundred rows, each with the comparison's id."""
    return store.differences(session, [each.id for each in comparisons], _MOST)


def comparison_alarm(session: Session) -> Alarm:
    """Add up what differs in the newest comparison of each day of the last week; anything but zero wants a person to look."""
    found = store.latest(session, None, day_of(clock.now() - WATCHED))
    return Alarm(sum(each.differences for each in found), sum(each.differences > 0 for each in found), len(found))
