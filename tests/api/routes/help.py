"""What the routes of tickets, announcements, notices and webhooks tell each caller."""

from typing import Any

from tests.api.callers import Door, Try, members_only, staff_only

from wutong.desk.webhooks.rules import DeliveryState


def _ticket(door: Door) -> dict[str, Any]:
    made = door.ok("colleague", "POST", "/tickets", json={"subject": "Tried", "text": "Does this work?"})
    return {"ticket_id": made["id"]}


def _with(body: dict[str, Any], make: Any = _ticket) -> Any:
    return lambda door: {**make(door), "json": body}


def _with_file(door: Door) -> dict[str, Any]:
    made = _ticket(door)
    sent = door.ok("colleague", "POST", f"/tickets/{made['ticket_id']}/attachments?name=run.log", content=b"boom")
    return {**made, "attachment_id": sent["id"]}


def _file(door: Door) -> dict[str, Any]:
    return {**_ticket(door), "params": {"name": "运行日志.log"}, "content": b"boom"}


def _answered(door: Door) -> dict[str, Any]:
    made = _file(door)
    door.ok("operator", "POST", f"/admin/tickets/{made['ticket_id']}/messages", json={"text": "Try this."})
    return made


def _announced(door: Door) -> dict[str, Any]:
    body = {"title_zh": "通知", "title_en": "Notice", "audience": "everyone"}
    return {"announcement_id": door.ok("operator", "POST", "/admin/announcements", json=body)["id"]}


def _webhook(door: Door) -> dict[str, Any]:
    for each in door.ok("owner", "GET", "/webhooks")["items"]:
        door.ok("owner", "DELETE", f"/webhooks/{each['id']}")
    return {"webhook_id": door.ok("owner", "POST", "/webhooks", json={"url": "https://hooks.example/wutong"})["webhook"]["id"]}


def _failed(door: Door) -> dict[str, Any]:
    from sqlalchemy import text

    made = _webhook(door)
    delivery = door.ok("owner", "POST", f"/webhooks/{made['webhook_id']}/test")
    with door.context.database.session() as session:
        given_up = text("UPDATE desk_delivery SET state = :failed, next_at = NULL, done_at = now() WHERE id = :id")
        session.execute(given_up, {"failed": DeliveryState.FAILED, "id": delivery["id"]})
    return {**made, "delivery_id": delivery["id"]}


NEW_TICKET = {"json": {"subject": "Help", "text": "Please."}}
NEW_ANNOUNCEMENT = {"json": {"title_zh": "通知", "title_en": "Notice"}}
CHOICE = {"json": {"choices": [{"kind": "job_ended", "channel": "mail", "wanted": False}]}}
NEW_WEBHOOK = {"json": {"url": "https://hooks.example/wutong"}}
MANAGERS = {"colleague": 403, "viewer": 403}

ROUTES = {
    "POST /api/v1/tickets": members_only(owner=201, colleague=201, viewer=201, stranger=201, make=lambda door: NEW_TICKET),
    "GET /api/v1/tickets": members_only(),
    "GET /api/v1/tickets/{ticket_id}": Try(make=_ticket),
    "GET /api/v1/tickets/{ticket_id}/messages": Try(make=_ticket),
    "POST /api/v1/tickets/{ticket_id}/messages": Try(201, 201, 201, make=_with({"text": "More."})),
    "PUT /api/v1/tickets/{ticket_id}/state": Try(make=_with({"state": "closed"})),
    "POST /api/v1/tickets/{ticket_id}/seen": Try(204, 204, 204, make=_ticket),
    # A file goes with what its sender wrote last, which here the colleague did.
    "POST /api/v1/tickets/{ticket_id}/attachments": Try(409, 201, 409, make=_file),
    "GET /api/v1/tickets/{ticket_id}/attachments/{attachment_id}": Try(make=_with_file),
    "POST /api/v1/admin/tickets/{ticket_id}/attachments": staff_only(operator=201, make=_answered),
    "GET /api/v1/admin/tickets": staff_only(),
    "GET /api/v1/admin/tickets/helpers": staff_only(),
    "GET /api/v1/admin/tickets/{ticket_id}": staff_only(make=_ticket),
    "GET /api/v1/admin/tickets/{ticket_id}/messages": staff_only(make=_ticket),
    "POST /api/v1/admin/tickets/{ticket_id}/messages": staff_only(operator=201, make=_with({"text": "Yes.", "ask": True})),
    "PUT /api/v1/admin/tickets/{ticket_id}/state": staff_only(make=_with({"state": "closed"})),
    "PUT /api/v1/admin/tickets/{ticket_id}/assignee": staff_only(
        make=lambda door: {**_ticket(door), "json": {"person_id": door.people["operator"].person_id}}
    ),
    "POST /api/v1/admin/tickets/{ticket_id}/seen": staff_only(operator=204, make=_ticket),
    "GET /api/v1/admin/tickets/{ticket_id}/attachments/{attachment_id}": staff_only(make=_with_file),
    "GET /api/v1/announcements": Try(200, 200, 200, 200, 200, 200, why="visitors are told, too"),
    "POST /api/v1/announcements/{announcement_id}/dismiss": Try(204, 204, 204, 204, 204, make=_announced, why="announced to everybody"),
    "GET /api/v1/admin/announcements": staff_only(),
    "POST /api/v1/admin/announcements": staff_only(operator=201, make=lambda door: NEW_ANNOUNCEMENT),
    "PUT /api/v1/admin/announcements/{announcement_id}": staff_only(make=lambda door: _announced(door) | NEW_ANNOUNCEMENT),
    "DELETE /api/v1/admin/announcements/{announcement_id}": staff_only(operator=204, make=_announced),
    "GET /api/v1/me/notices": members_only(operator=200),
    "GET /api/v1/me/notices/unread": members_only(operator=200),
    "POST /api/v1/me/notices/read": members_only(operator=200, make=lambda door: {"json": {}}),
    "GET /api/v1/me/notice-choices": members_only(operator=200),
    "PUT /api/v1/me/notice-choices": members_only(operator=200, make=lambda door: CHOICE),
    "GET /api/v1/webhooks": members_only(**MANAGERS),
    "POST /api/v1/webhooks": members_only(owner=201, stranger=201, **MANAGERS, make=lambda door: NEW_WEBHOOK),
    "PATCH /api/v1/webhooks/{webhook_id}": Try(200, 403, 403, make=_with({"enabled": False}, _webhook)),
    "DELETE /api/v1/webhooks/{webhook_id}": Try(204, 403, 403, make=_webhook),
    "POST /api/v1/webhooks/{webhook_id}/secret": Try(200, 403, 403, make=_webhook),
    "POST /api/v1/webhooks/{webhook_id}/test": Try(202, 403, 403, make=_webhook),
    "GET /api/v1/webhooks/{webhook_id}/deliveries": Try(200, 403, 403, make=_webhook),
    "POST /api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/retry": Try(202, 403, 403, make=_failed),
}
