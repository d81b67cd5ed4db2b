"""What others may ask of the forecast. Nothing is worked out here: the teller has written it down."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from wutong.centre.catalogue.rules import Flavour
from wutong.centre.forecast import store
from wutong.centre.forecast.told import STALE, Forecast, ForecastAccuracy, Wait, clear_of, find_wait
from wutong.centre.maintenance import service as maintenance
from wutong.kit import clock

SMALL_S = 3600
"""The time limit of a small job, for which flavours are listed with their wait."""


def forecast_of(session: Session, run_names: Sequence[str]) -> dict[str, Forecast]:
    """Return what is foretold of waiting runs, by name. One is left out while too little is known of its pool, or nobody keeps forecasts up."""
    if not run_names:
        return {}
    found = store.told(session, run_names)
    if not found:
        return {}
    now = clock.now()
    looked = store.looked_at(session)
    fresh = {name: each for name, each in found.items() if each.pool in looked and now - looked[each.pool] <= STALE}
    return {name: each if each.start_at >= now else replace(each, start_at=now) for name, each in fresh.items()}


def expected_wait(session: Session, flavour: Flavour, *, nodes: int, time_limit_s: int) -> Wait | None:
    """Return how long a job would wait that is submitted now and stands last; None while too little is known."""
    return expected_waits(session, [flavour], nodes=nodes, time_limit_s=time_limit_s).get(flavour.name)


def expected_waits(session: Session, flavours: Iterable[Flavour], *, nodes: int = 1, time_limit_s: int = SMALL_S) -> dict[str, Wait]:
    """Return how long a job of each flavour would wait that is submitted now, by flavour; those are left out of which too little is known."""
    now = clock.now()
    outlooks, windows = store.outlooks(session), maintenance.list_maintenance(session)
    waits = {}
    for flavour in flavours:
        outlook = outlooks.get(flavour.pool)
        wait = outlook and find_wait(outlook, cards=flavour.cards * nodes, limit_s=time_limit_s, now=now)
        if wait:
            own = [window for window in windows if window.pool == flavour.pool]
            start_at = clear_of(own, now + timedelta(seconds=wait.wait_s), time_limit_s)
            wait_s = (start_at - now).total_seconds()
            waits[flavour.name] = Wait(wait_s, None if wait.bound_s is None else max(wait.bound_s, wait_s))
    return waits


def forecast_accuracy(session: Session, *, pool: str | None = None, days: int = 30) -> list[ForecastAccuracy]:
    """Return how good forecasts were over the last days, by pool; pools are left out where nothing waited."""
    now = clock.now()
    return store.accuracy(session, now - timedelta(days=days), now + timedelta(seconds=1), pool)  # what starts this moment counts


def forecast_accuracy_in(session: Session, begin: datetime, end: datetime) -> list[ForecastAccuracy]:
    """Return how good forecasts of what started in a span were, by pool; pools are left out where nothing waited."""
    return store.accuracy(session, begin, end, None)
