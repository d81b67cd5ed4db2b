"""What the routes of identity tell each caller."""

from typing import Any

from tests.api.callers import PASSWORD, Door, Try, credit_code, members_only, staff_only

_numbers = iter(range(1000, 10**6))


def _registration(door: Door) -> dict[str, Any]:
    number = next(_numbers)
    body = {"name": "New", "credit_code": credit_code(number), "kind": "institute", "person_name": "New", "email": f"n{number}@example.cn"}
    return {"json": {**body, "password": PASSWORD}}


def _invited(door: Door) -> dict[str, Any]:
    body = {"email": f"n{next(_numbers)}@example.cn", "role": "viewer"}
    return door.ok("owner", "POST", "/invitations", json=body)


def _acceptance(door: Door) -> dict[str, Any]:
    return {"json": {"secret": _invited(door)["secret"], "person_name": "New", "password": PASSWORD}}


def _newcomer(door: Door) -> dict[str, Any]:
    return door.ok("owner", "POST", "/invitations/accept", **_acceptance(door))


def _joined(door: Door) -> dict[str, Any]:
    return {"person_id": _newcomer(door)["person_id"]}


def _token(door: Door) -> dict[str, Any]:
    return {"token_id": door.ok("owner", "POST", "/tokens", json={"name": "of the owner"})["token"]["id"]}


def _session(door: Door) -> dict[str, Any]:
    body = {"email": "owner@example.cn", "password": PASSWORD}
    return {"session_id": door.ok("anonymous", "POST", "/sessions", json=body)["session_id"]}


def _grant(door: Door) -> dict[str, Any]:
    return {"json": {"email": _newcomer(door)["email"], "role": "subsidy"}}


def _granted(door: Door) -> dict[str, Any]:
    newcomer = _newcomer(door)
    door.ok("operator", "PUT", "/admin/roles", json={"email": newcomer["email"], "role": "subsidy"})
    return {"person_id": newcomer["person_id"], "role": "subsidy"}


def _state(door: Door) -> dict[str, Any]:
    return {"tenant_id": door.people["owner"].tenant_id, "json": {"state": "active", "reason": "tried"}}


ROUTES = {
    "POST /api/v1/tenants": Try(201, 201, 201, 201, 201, 201, make=_registration, why="open to all"),
    "POST /api/v1/sessions": Try(
        201, 201, 201, 201, 201, 201, make=lambda door: {"json": {"email": "owner@example.cn", "password": PASSWORD}}, why="open to all"
    ),
    "GET /api/v1/sessions": members_only(operator=200),
    # Each closes the session it came with; the test opens it again.
    "DELETE /api/v1/sessions": members_only(owner=204, colleague=204, viewer=204, stranger=204, operator=204),
    "DELETE /api/v1/sessions/{session_id}": Try(204, 404, 404, 404, 404, make=_session),
    "GET /api/v1/me": members_only(operator=200),
    "PUT /api/v1/me/password": Try(
        401, 401, 401, 401, 401, make=lambda door: {"json": {"old_password": "not the password", "new_password": "another long one"}}
    ),
    "GET /api/v1/members": members_only(),
    "PATCH /api/v1/members/{person_id}": Try(200, 403, 403, make=lambda door: {**_joined(door), "json": {"role": "member"}}),
    "DELETE /api/v1/members/{person_id}": Try(204, 403, 403, make=_joined),
    "GET /api/v1/invitations": members_only(colleague=403, viewer=403),
    "POST /api/v1/invitations": members_only(
        owner=201, colleague=403, viewer=403, stranger=201, make=lambda door: {"json": {"email": f"n{next(_numbers)}@example.cn"}}
    ),
    "DELETE /api/v1/invitations/{invitation_id}": Try(204, 403, 403, make=lambda door: {"invitation_id": _invited(door)["invitation"]["id"]}),
    "POST /api/v1/invitations/accept": Try(201, 201, 201, 201, 201, 201, make=_acceptance, why="the secret is the key"),
    "GET /api/v1/tokens": members_only(operator=200),
    "POST /api/v1/tokens": members_only(
        owner=201, colleague=201, viewer=403, stranger=201, operator=201, make=lambda door: {"json": {"name": "mine"}}
    ),
    "DELETE /api/v1/tokens/{token_id}": Try(204, 404, 404, 404, 404, make=_token),
    "GET /api/v1/audit": members_only(colleague=403, viewer=403, operator=200),
    "GET /api/v1/tenant": members_only(),
    "GET /api/v1/admin/tenants": staff_only(),
    "GET /api/v1/admin/tenants/{tenant_id}": staff_only(make=lambda door: {"tenant_id": door.people["owner"].tenant_id}),
    "PUT /api/v1/admin/tenants/{tenant_id}/state": staff_only(make=_state),
    "PUT /api/v1/admin/roles": staff_only(operator=204, make=_grant),
    "DELETE /api/v1/admin/roles/{person_id}/{role}": staff_only(operator=204, make=_granted),
    "GET /health/ready": Try(200, 200, 200, 200, 200, 200, why="open to all"),
    "GET /api/docs": Try(200, 200, 200, 200, 200, 200, why="open to all"),
    "GET /api/docs.css": Try(200, 200, 200, 200, 200, 200, why="open to all"),
    "GET /api/schemas/job.json": Try(200, 200, 200, 200, 200, 200, why="open to all"),
}
