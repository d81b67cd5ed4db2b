"""How busy the centre is, as gauges for Prometheus: queue, nodes, PFLOPS, rates, and how long the meter and the settler take."""

import contextlib
from collections.abc import Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from wutong.centre import service as centre
from wutong.compute.billing import service as billing
from wutong.kit.database import Database


class OperationMetrics(Collector):
    """What operators watch. Nothing is told while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterable[Metric]:
        """Look, and give the figures."""
        with contextlib.suppress(SQLAlchemyError), self._database.session() as session:
            yield from [*_load(session), *_size(session), *_accounts(session)]


def _load(session: Session) -> Iterator[Metric]:
    load = centre.load(session)
    queued = GaugeMetricFamily("wutong_queue_length", "Runs that wait, by pool and how far they came.", labels=["pool", "state"])
    for (pool, phase), count in load.queued.items():
        queued.add_metric([pool, phase], count)
    oldest = GaugeMetricFamily("wutong_queue_oldest_seconds", "How long the run that waits longest has waited, by pool.", labels=["pool"])
    for pool, seconds in load.oldest_waiting_s.items():
        oldest.add_metric([pool], seconds)
    nodes = GaugeMetricFamily("wutong_nodes", "Nodes by pool and state.", labels=["pool", "state"])
    for (pool, state), count in load.nodes.items():
        nodes.add_metric([pool, state], count)
    rates = GaugeMetricFamily("wutong_runs_per_minute", "Runs that started and ended in the last minute.", labels=["what"])
    rates.add_metric(["starts"], load.starts_per_minute)
    rates.add_metric(["ends"], load.ends_per_minute)
    yield from (queued, oldest, nodes, rates)


def _size(session: Session) -> Iterator[Metric]:
    capacity = centre.capacity(session)
    pflops = GaugeMetricFamily("wutong_pflops", "PFLOPS of FP16 by pool.", labels=["pool", "use"])
    share = GaugeMetricFamily("wutong_utilisation_ratio", "Part of a pool's cards that is in use now.", labels=["pool"])
    for pool in capacity.pools:
        pflops.add_metric([pool.pool, "busy"], pool.busy_pflops)
        pflops.add_metric([pool.pool, "free"], pool.pflops - pool.busy_pflops)
        share.add_metric([pool.pool], pool.busy_cards / pool.cards if pool.cards else 0.0)
    yield from (pflops, share)


def _accounts(session: Session) -> Iterator[Metric]:
    differ = GaugeMetricFamily("wutong_accounts_differ", "Runs of the last week on which usage differs from the clusters' own accounts.")
    differ.add_metric([], centre.comparison_alarm(session).differences)
    lag = GaugeMetricFamily("wutong_charge_lag_seconds", "From the end of a run to its last charge, of the last five minutes.", labels=["of"])
    for name, seconds in billing.charge_lag(session).items():
        lag.add_metric([name], seconds)
    yield from (differ, lag)
