"""What the routes of jobs and money tell each caller."""

from datetime import timedelta
from typing import Any

from tests.api.callers import Door, Try, members_only

from wutong.kit import clock

_numbers = iter(range(1, 10**6))
JOB = {"name": "tried", "command": "true", "time_limit_s": 60}


def _job(door: Door) -> dict[str, Any]:
    return {"job_id": door.ok("owner", "POST", "/jobs", json=JOB)["id"]}


def _job_without_runs(door: Door) -> dict[str, Any]:
    """No loop has made an attempt of it yet, so that even its own people find none."""
    return {**_job(door), "params": {"run_name": "wutong-none-1"}}


def _offer(door: Door) -> str:
    body = {"name": f"work-{next(_numbers)}", "accelerator": "cpu-slot", "card_hours": 1, "price_fen": 10, "validity_days": 30}
    return str(door.ok("operator", "POST", "/admin/offers", json=body)["id"])


def _purchase(door: Door) -> dict[str, Any]:
    return {"json": {"offer_id": _offer(door)}}


def _order(door: Door) -> dict[str, Any]:
    return {"order_id": door.ok("owner", "POST", "/orders/packages", **_purchase(door))["id"]}


def _days(door: Door) -> dict[str, Any]:
    door.ok("operator", "PUT", "/admin/pools/local/reservation-terms", json={"fen_per_card_day": 10, "share_permille": 1000})
    day = (clock.now() + timedelta(days=10 + next(_numbers))).date().isoformat()
    return {"json": {"pool": "local", "cards": 1, "first_day": day, "last_day": day}}


def _reservation(door: Door) -> dict[str, Any]:
    return {"order_id": door.ok("owner", "POST", "/orders/reservations", **_days(door))["id"]}


def _budget(door: Door) -> dict[str, Any]:
    return {"json": {"limit_fen": 10**9}}


def _budgeted(door: Door) -> dict[str, Any]:
    door.ok("owner", "PUT", "/budgets", **_budget(door))
    return {}


ROUTES = {
    "POST /api/v1/jobs": members_only(owner=201, colleague=201, viewer=403, stranger=201, make=lambda door: {"json": JOB}),
    "GET /api/v1/jobs": members_only(),
    "GET /api/v1/jobs/{job_id}": Try(make=_job),
    "POST /api/v1/jobs/{job_id}/cancel": Try(200, 403, 403, make=_job),
    "GET /api/v1/jobs/{job_id}/attempts": Try(make=_job),
    "GET /api/v1/jobs/{job_id}/events": Try(make=_job),
    "GET /api/v1/jobs/{job_id}/logs": Try(make=_job),
    "GET /api/v1/jobs/{job_id}/charges": Try(make=_job),
    "GET /api/v1/jobs/{job_id}/usage": Try(404, 404, 404, make=_job_without_runs),
    "GET /api/v1/balance": members_only(),
    "GET /api/v1/topup-instructions": members_only(),
    "GET /api/v1/statement": members_only(),
    "POST /api/v1/estimate": members_only(make=lambda door: {"json": JOB}),
    "GET /api/v1/bills/{month}": members_only(make=lambda door: {"month": "2026-01"}, why="the stranger's own bill"),
    "GET /api/v1/orders": members_only(),
    "GET /api/v1/orders/{order_id}": Try(make=_order),
    "POST /api/v1/orders/packages": members_only(owner=201, colleague=403, viewer=403, stranger=201, make=_purchase),
    "POST /api/v1/orders/reservations": members_only(owner=201, colleague=403, viewer=403, stranger=201, make=_days),
    "POST /api/v1/orders/{order_id}/cancel": Try(200, 403, 403, make=_reservation),
    "GET /api/v1/payments": members_only(),
    "GET /api/v1/budgets": members_only(),
    "PUT /api/v1/budgets": members_only(colleague=403, viewer=403, make=_budget),
    "DELETE /api/v1/budgets": Try(204, 403, 403, 404, make=_budgeted),
    "GET /api/v1/notices": members_only(),
}
