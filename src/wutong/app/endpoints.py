"""`/health` and `/metrics`, for load balancers, `wutong serve` and Prometheus. They stand here because only the app sees every room."""

import threading
from collections.abc import Iterable, Iterator

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from wutong import __version__
from wutong.app.build import Centre
from wutong.app.health import Health, check_health, free_bytes
from wutong.kit import clock

FRESH_SECONDS = 1.0


class Pulse:
    """The centre's health, looked at no more than once a second however many ask."""

    def __init__(self, centre: Centre) -> None:
        self._centre = centre
        self._lock = threading.Lock()
        self._seen: tuple[float, Health] | None = None

    def now(self) -> Health:
        """Return health as it is, or was a moment ago."""
        with self._lock:
            if self._seen is None or clock.monotonic() - self._seen[0] > FRESH_SECONDS:
                health = check_health(self._centre.database, self._centre.engines, self._centre.settings.home)
                self._seen = clock.monotonic(), health
            return self._seen[1]


class HealthMetrics(Collector):
    """Health as gauges."""

    def __init__(self, centre: Centre, pulse: Pulse) -> None:
        self._centre = centre
        self._pulse = pulse

    def collect(self) -> Iterable[Metric]:
        """Look, and give the figures."""
        yield from self._health()
        room = GaugeMetricFamily("wutong_disk_free_bytes", "Room on the disk of the centre's home.")
        room.add_metric([], free_bytes(self._centre.settings.home))
        yield room

    def _health(self) -> Iterator[Metric]:
        well = GaugeMetricFamily("wutong_check_ok", "1 where a health check is well, 0 where not.", labels=["check"])
        for check in self._pulse.now().checks:
            well.add_metric([check.name], int(check.ok))
        yield well


def add_endpoints(application: FastAPI, centre: Centre) -> None:
    """Mount the two pages."""
    pulse = Pulse(centre)
    registry = CollectorRegistry()
    registry.register(HealthMetrics(centre, pulse))

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
