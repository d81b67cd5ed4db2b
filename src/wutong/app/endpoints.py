"""`/health` and `/metrics`, for load balancers, `wutong serve` and Prometheus. They stand here because only the app sees every room."""

import contextlib
import threading
from collections.abc import Iterable, Iterator

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from wutong import __version__
from wutong.app.build import Centre
from wutong.app.gauges import OperationMetrics
from wutong.app.health import Check, Health, check_health, free_bytes
from wutong.centre import service as centre
from wutong.compute.billing import service as billing
from wutong.compute.jobs import service as jobs
from wutong.identity.rules import system_principal
from wutong.kit import clock

FRESH_SECONDS = 1.0


class Pulse:
    """The centre's health, looked at no more than once a second however many ask."""

    def __init__(self, served: Centre) -> None:
        self._centre = served
        self._lock = threading.Lock()
        self._seen: tuple[float, Health] | None = None

    def now(self) -> Health:
        """Return health as it is, or was a moment ago."""
        with self._lock:
            if self._seen is None or clock.monotonic() - self._seen[0] > FRESH_SECONDS:
                health = check_health(self._centre.database, self._centre.engines, self._centre.settings.home)
                self._seen = clock.monotonic(), health
            return self._seen[1]

    def checks(self) -> tuple[Check, ...]:
        """Return what was looked at, one thing each."""
        return self.now().checks


class HealthMetrics(Collector):
    """Health as gauges."""

    def __init__(self, served: Centre, pulse: Pulse) -> None:
        self._centre = served
        self._pulse = pulse

    def collect(self) -> Iterable[Metric]:
        """Look, and give the figures."""
        yield from self._health()
        yield from self._jobs()
        room = GaugeMetricFamily("wutong_disk_free_bytes", "Room on the disk of the centre's home.")
        room.add_metric([], free_bytes(self._centre.settings.home))
        yield room

    def _jobs(self) -> Iterator[Metric]:
        """Count unfinished jobs and cards; nothing is told while the database is away."""
        with contextlib.suppress(SQLAlchemyError), self._centre.database.session() as session:
            alive = GaugeMetricFamily("wutong_jobs", "Unfinished jobs by state.", labels=["state"])
            for state, count in jobs.count_states(session, system_principal("metrics")).items():
                alive.add_metric([state.value], count)
            yield alive
            cards = GaugeMetricFamily("wutong_cards", "Accelerator cards by pool.", labels=["pool", "use"])
            for pool in centre.capacity(session).pools:
                cards.add_metric([pool.pool, "busy"], pool.busy_cards)
                cards.add_metric([pool.pool, "free"], pool.cards - pool.busy_cards)
            yield cards
            aside = GaugeMetricFamily("wutong_usage_unrated", "Usage records that wait to be rated, by reason.", labels=["reason"])
            for reason, count in billing.count_unrated(session).items():
                aside.add_metric([reason.value], count)
            yield aside

    def _health(self) -> Iterator[Metric]:
        well = GaugeMetricFamily("wutong_check_ok", "1 where a health check is well, 0 where not.", labels=["check"])
        for check in self._pulse.now().checks:
            well.add_metric([check.name], int(check.ok))
        yield well


def add_endpoints(application: FastAPI, served: Centre, pulse: Pulse) -> None:
    """Mount the two pages."""
    registry = CollectorRegistry()
    registry.register(HealthMetrics(served, pulse))
    registry.register(OperationMetrics(served.database))

    def get_health() -> JSONResponse:
        health = pulse.now()
        status = "ok" if health.ok else "degraded" if health.serves else "down"
        checks = {check.name: {"ok": check.ok, "detail": check.detail} for check in health.checks}
        body = {"status": status, "version": __version__, "checks": checks}
        return JSONResponse(body, status_code=200 if health.serves else 503)

    def get_metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    application.add_api_route("/health", get_health, include_in_schema=False)
    application.add_api_route("/metrics", get_metrics, include_in_schema=False)
