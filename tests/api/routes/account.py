"""What the routes of getting back into an account, and of its logins, tell each caller."""

from typing import Any

from tests.api.callers import PASSWORD, Door, Try, members_only

from wutong.identity.oidc.rules import Claims
from wutong.identity.oidc.service import put_login

_numbers = iter(range(1, 10**6))


def _login(door: Door) -> dict[str, Any]:
    claims = Claims(f"subject-{next(_numbers)}", "owner@example.cn", email_verified=True, name="Owner")
    with door.context.database.session() as session:
        put_login(session, door.people["owner"].person_id, "campus", claims, label="Campus", address="")
    return {"login_id": door.ok("owner", "GET", "/me/logins")["items"][-1]["id"]}


def _gone(door: Door) -> dict[str, Any]:
    return {"json": {"secret": "wtr_" + "0" * 38, "new_password": PASSWORD}}


ROUTES = {
    "PATCH /api/v1/me": members_only(operator=200, make=lambda door: {"json": {"language": "en", "zone": "Asia/Shanghai"}}),
    "POST /api/v1/password-resets": Try(
        202, 202, 202, 202, 202, 202, make=lambda door: {"json": {"email": "nobody@example.cn"}}, why="open to all, and tells nothing"
    ),
    "POST /api/v1/password-resets/use": Try(404, 404, 404, 404, 404, 404, make=_gone, why="the secret is the key"),
    "POST /api/v1/me/email": members_only(
        owner=202,
        colleague=202,
        viewer=202,
        stranger=202,
        operator=202,
        make=lambda door: {"json": {"new_email": f"n{next(_numbers)}@moved.example", "password": PASSWORD}},
    ),
    "POST /api/v1/email-changes/use": Try(
        404, 404, 404, 404, 404, 404, make=lambda door: {"json": {"secret": "wte_" + "0" * 38}}, why="the secret is the key"
    ),
    "POST /api/v1/sessions/close-others": members_only(operator=200),
    "GET /api/v1/me/logins": members_only(operator=200),
    "DELETE /api/v1/me/logins/{login_id}": Try(204, 404, 404, 404, 404, make=_login),
}
