"""What others may ask of utilisation."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from wutong.centre.comparison.rules import day_of, span
from wutong.centre.utilisation import store
from wutong.centre.utilisation.heat import heat
from wutong.centre.utilisation.rules import HOUR, By, Group, Load, Slot, Waiting, check_span, hour_of
from wutong.centre.utilisation.tally import capacity_of
from wutong.kit import clock


def utilisation(session: Session, begin: datetime, end: datetime, by: By, group: Group, *, present: bool = True) -> list[Slot]:
    """Return what was used of what there was, by slot and key, the earliest first; slots in which a key had neither are left out.

    The present hour is told as far as it has gone and been reported, unless `present` is False: what was there of it is work to find out.
    Raises `Invalid` for a span too long to show.
    """
    check_span(begin, end, by, group)
    begin, end = hour_of(begin), hour_of(end - timedelta(microseconds=1)) + HOUR
    used, there = store.used(session, begin, end, by, group), store.capacity(session, begin, end, by, group)
    if present:
        _add_present(session, there, begin, end, by, group)
    keys = {*used, *(() if group is Group.TENANT else there)}
    slots = [Slot(at, key, used.get((at, key), 0), there.get((at, "" if group is Group.TENANT else key), 0)) for at, key in sorted(keys)]
    return [slot for slot in slots if slot.card_ms or slot.capacity_card_ms]


def used_by_tenant(session: Session, begin: datetime, end: datetime) -> dict[str, int]:
    """Return the card-milliseconds that each tenant used in the whole hours of a span; tenants that used none are left out."""
    return {tenant: card_ms for tenant, card_ms in store.used_by_tenant(session, hour_of(begin), hour_of(end)).items() if card_ms}


def pool_tenants(session: Session, pool: str, *, days: int = 30) -> set[str]:
    """Return the tenants that used a pool in the last days."""
    return store.tenants_of(session, pool, clock.now() - timedelta(days=days))


def waiting_by_pool(session: Session) -> dict[str, Waiting]:
    """Return how many runs wait in each pool where any does, and for how long the oldest has."""
    now = clock.now()
    found: dict[str, Waiting] = {}
    for pool, _, count, since in store.queue(session):
        before = found.get(pool, Waiting(0, 0.0))
        found[pool] = Waiting(before.runs + count, max(before.oldest_s, (now - since).total_seconds()))
    return found


def load(session: Session) -> Load:
    """Return how busy the centre is this moment."""
    now = clock.now()
    waiting = store.queue(session)
    oldest: dict[str, float] = {}
    for pool, _, _, since in waiting:
        oldest[pool] = max(oldest.get(pool, 0.0), (now - since).total_seconds())
    phases = store.recent_phases(session, now - timedelta(minutes=1))
    queued = {(pool, phase): count for pool, phase, count, _ in waiting}
    return Load(queued, oldest, store.node_states(session), phases.get("running", 0), phases.get("ended", 0))


def _add_present(session: Session, there: store.Sums, begin: datetime, end: datetime, by: By, group: Group) -> None:
    """Add what there has been of the present hour so far, which is written down only when it is over."""
    now = clock.now()
    hour = hour_of(now)
    if not begin <= hour < end:
        return
    at = span(day_of(hour))[0] if by is By.DAY else hour
    for (pool, node), card_ms in capacity_of(session, hour, now).items():
        key = {Group.POOL: pool, Group.NODE: f"{pool}/{node}", Group.TENANT: ""}[group]
        there[at, key] = there.get((at, key), 0) + card_ms


__all__ = ["heat", "load", "pool_tenants", "used_by_tenant", "utilisation", "waiting_by_pool"]
