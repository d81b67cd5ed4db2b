"""What the routes of the centre's own people tell each caller, and those of the catalogue."""

from datetime import timedelta
from typing import Any

from tests.api.callers import Door, Try, members_only, staff_only

from wutong.kit import clock

_numbers = iter(range(1, 10**6))


def _payment(door: Door) -> dict[str, Any]:
    return {"json": {"tenant_id": door.people["owner"].tenant_id, "amount_fen": 100, "reference": f"bank-{next(_numbers)}"}}


def _proposal(door: Door) -> dict[str, Any]:
    """A payment that another of finance entered."""
    return {"proposal_id": door.with_second_finance().ok("second", "POST", "/admin/payments/proposals", json=_payment(door)["json"])["id"]}


def _own_proposal(door: Door) -> dict[str, Any]:
    return {"proposal_id": door.ok("operator", "POST", "/admin/payments/proposals", json=_payment(door)["json"])["id"]}


def _rejected(door: Door) -> dict[str, Any]:
    return {**_proposal(door), "json": {"reason": "not on the statement"}}


def _new_offer(door: Door) -> dict[str, Any]:
    body = {"name": f"offer-{next(_numbers)}", "accelerator": "cpu-slot", "card_hours": 10, "price_fen": 1000, "validity_days": 30}
    return {"json": body, "name": body["name"]}


def _offer(door: Door) -> dict[str, Any]:
    made = _new_offer(door)
    door.ok("operator", "POST", "/admin/offers", json=made["json"])
    return {"name": made["name"]}


def _secret(door: Door) -> dict[str, Any]:
    door.ok("owner", "PUT", "/secrets/TRIED", json={"value": "x"})
    return {"name": "TRIED"}


def _quota(door: Door) -> dict[str, Any]:
    return {"tenant_id": door.people["owner"].tenant_id, "json": {"quota_bytes": 10**12}}


def _new_maintenance(door: Door) -> dict[str, Any]:
    begins_at = clock.now() + timedelta(hours=1)
    times = {"begins_at": begins_at.isoformat(), "ends_at": (begins_at + timedelta(hours=1)).isoformat()}
    return {"json": {"pool": "local", "reason": "fans", **times}}


def _maintenance(door: Door) -> dict[str, Any]:
    return {"window_id": door.ok("operator", "POST", "/admin/maintenance", json=_new_maintenance(door)["json"])["id"]}


def _price(door: Door) -> dict[str, Any]:
    return {"json": {"flavour": "cpu.1", "fen_per_card_hour": 100}}


ROUTES = {
    "GET /api/v1/flavours": members_only(operator=200),
    "GET /api/v1/environments": members_only(),
    "GET /api/v1/environments/{name}": members_only(make=lambda door: {"name": "python-3.11"}, why="the centre's environments are everybody's"),
    "POST /api/v1/environments": Try(422, 422, 403, 422, make=lambda door: {"json": {"name": "mine", "lock": "not a lock at all ==="}}),
    "POST /api/v1/environments/{name}/build": members_only(viewer=403, make=lambda door: {"name": "python-3.11"}, why="as above"),
    "GET /api/v1/secrets": members_only(),
    "PUT /api/v1/secrets/{name}": members_only(
        viewer=403, make=lambda door: {"name": "TOKEN", "json": {"value": "x"}}, why="the stranger's own of the same name"
    ),
    "DELETE /api/v1/secrets/{name}": Try(204, 204, 403, 404, make=_secret),
    "GET /api/v1/offers": members_only(operator=200),
    "GET /api/v1/reservation-terms": members_only(operator=200),
    "POST /api/v1/admin/topups": staff_only(operator=201, make=_payment),
    "POST /api/v1/admin/refunds": staff_only(operator=201, make=_payment),
    "GET /api/v1/admin/payments": staff_only(make=lambda door: {"params": {"tenant_id": door.people["owner"].tenant_id}}),
    "GET /api/v1/admin/payments/proposals": staff_only(),
    "POST /api/v1/admin/payments/proposals": staff_only(operator=201, make=_payment),
    "POST /api/v1/admin/payments/proposals/{proposal_id}/approve": staff_only(make=_proposal),
    "POST /api/v1/admin/payments/proposals/{proposal_id}/reject": staff_only(make=_rejected),
    "POST /api/v1/admin/payments/proposals/{proposal_id}/withdraw": staff_only(make=_own_proposal),
    "GET /api/v1/admin/prices": staff_only(),
    "POST /api/v1/admin/prices": staff_only(operator=201, make=_price),
    "POST /api/v1/admin/offers": staff_only(operator=201, make=_new_offer),
    "DELETE /api/v1/admin/offers/{name}": staff_only(operator=204, make=_offer),
    "PUT /api/v1/admin/pools/{pool}/reservation-terms": staff_only(
        make=lambda door: {"pool": "local", "json": {"fen_per_card_day": 100, "share_permille": 500}}
    ),
    "GET /api/v1/admin/pools": staff_only(),
    "PUT /api/v1/admin/pools/{pool}/state": staff_only(make=lambda door: {"pool": "local", "json": {"state": "open"}}),
    "GET /api/v1/admin/nodes": staff_only(),
    "PUT /api/v1/admin/pools/{pool}/nodes/{name}/state": staff_only(make=lambda door: {"pool": "local", "name": "local", "json": {"state": "up"}}),
    "GET /api/v1/admin/pools/{pool}/nodes/{name}/history": staff_only(make=lambda door: {"pool": "local", "name": "local"}),
    "GET /api/v1/admin/comparisons": staff_only(),
    "GET /api/v1/maintenance": members_only(operator=200),
    "GET /api/v1/forecast/accuracy": members_only(operator=200),
    "POST /api/v1/admin/plans": staff_only(operator=422, make=lambda door: {"json": {"pool": "local"}}, why="nothing is recorded"),
    "POST /api/v1/admin/plans/log": staff_only(operator=422, make=lambda door: {"content": b"; not a job in it"}, why="nothing is recorded"),
    "GET /api/v1/admin/foreign-jobs": staff_only(),
    "GET /api/v1/admin/maintenance": staff_only(),
    "POST /api/v1/admin/maintenance": staff_only(operator=201, make=_new_maintenance),
    "DELETE /api/v1/admin/maintenance/{window_id}": staff_only(operator=204, make=_maintenance),
    "GET /api/v1/admin/utilisation": staff_only(),
    "POST /api/v1/admin/comparisons": staff_only(operator=404, make=lambda door: {"json": {}}),
    "PUT /api/v1/admin/flavours/{name}/enabled": staff_only(make=lambda door: {"name": "cpu.1", "json": {"enabled": True}}),
    "GET /api/v1/admin/capacity": staff_only(),
    "GET /api/v1/admin/jobs": staff_only(),
    "PUT /api/v1/admin/tenants/{tenant_id}/quota": staff_only(make=_quota),
    "GET /api/v1/admin/ledger-check": staff_only(),
    "GET /api/v1/admin/usage-totals": staff_only(),
}
