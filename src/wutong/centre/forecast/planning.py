"""What operators may ask of the planner: replay what the centre recorded, or a log they bring, as it is and as it might be."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from wutong.centre.catalogue import service as catalogue
from wutong.centre.catalogue.rules import NodeState
from wutong.centre.forecast import store
from wutong.centre.forecast.planner import Change
from wutong.centre.forecast.replaying import LONGEST_S, MOST_JOBS, PlanTask, PlanTooLarge
from wutong.kit import clock
from wutong.kit.errors import Invalid

MONTH = timedelta(days=30)


def plan_pool(session: Session, pool: str, change: Change, *, begin: datetime | None = None, end: datetime | None = None) -> PlanTask:
    """Return the replay of what was submitted to a pool in a span, the last 30 days by default; work it out with `replay_apart` outside."""
    name = catalogue.get_pool(session, pool).name
    nodes = [node for node in catalogue.list_nodes(session, name) if node.state is not NodeState.DOWN]
    cards, largest = sum(node.cards for node in nodes), max((node.cards for node in nodes), default=0)
    for field, moment in (("begin", begin), ("end", end)):
        if moment is not None and not 1970 < moment.year < 3000:
            raise Invalid(field=field, reason="Name a moment between 1971 and 2999.")
    last = end or clock.now()
    first = begin or last - MONTH
    if first >= last:
        raise Invalid(field="end", reason="Name a moment after the first one.")
    more_cards = change.more_cards + change.more_nodes * largest
    if cards + more_cards <= 0:
        raise Invalid(field="more_nodes", reason=f"Pool {name} has {cards} cards; leave some.")
    jobs = store.past(session, name, first, last, MOST_JOBS + 1)
    if len(jobs) > MOST_JOBS:
        raise PlanTooLarge(jobs=MOST_JOBS, seconds=LONGEST_S)
    return PlanTask(name, jobs, b"", cards, *change.plans(more_cards))


def plan_log(name: str, log: bytes, change: Change, *, cards: int = 0) -> PlanTask:
    """Return the replay of a log in Standard Workload Format, on so many cards, 0 for those that it names."""
    if change.more_nodes:
        raise Invalid(field="more_nodes", reason="A log does not say how large a node is; name more_cards.")
    return PlanTask(name, [], log, cards, *change.plans(change.more_cards))
