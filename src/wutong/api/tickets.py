"""Tickets, for the organisation that opened them and for the centre's people who answer."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

from fastapi import Query
from sqlalchemy.orm import Session

from wutong.api.auth import Router, Tx, needs
from wutong.desk.attachments import service as attachments
from wutong.desk.tickets import service
from wutong.desk.tickets.rules import Message, Ticket, TicketFilters, TicketState
from wutong.doorway.paging import Paging
from wutong.identity import service as identity
from wutong.identity.rules import Permission, Principal
from wutong.kit.paging import Page
from wutong.sdk import tickets as wire
from wutong.sdk.wire import Listed

router = Router(tag="help", prefix="/tickets")
staff_router = Router(tag="help", prefix="/admin/tickets")

Asks = Annotated[Principal, needs(Permission.TENANT_READ)]
Helps = Annotated[Principal, needs(Permission.CENTRE_HELP)]
States = Annotated[list[TicketState] | None, Query(max_length=5)]
Text = Annotated[str, Query(max_length=200, description="Part of a subject or of a message, or a whole id.")]
Id = Annotated[str | None, Query(max_length=100)]


@router.post("", status_code=201)
def open_ticket(tx: Tx, who: Asks, body: wire.NewTicket) -> wire.Ticket:
    """Open a ticket, about a job of the organisation or about anything."""
    return _one(tx, who, service.open_ticket(tx, who, subject=body.subject, text=body.text, job_id=body.job_id))


@router.get("")
def list_tickets(
    tx: Tx,
    who: Asks,
    page: Paging,
    state: States = None,
    text: Text = "",
    job_id: Id = None,
    *,
    mine: Annotated[bool, Query(description="Only those the caller opened.")] = False,
) -> Listed[wire.Ticket]:
    """List the organisation's tickets, those with the latest message first."""
    filters = TicketFilters(frozenset(state or ()), text, job_id, mine)
    found = service.list_tickets(tx, who, filters, page)
    return Listed[wire.Ticket](items=told(tx, who, found.items), next=found.next)


@router.get("/{ticket_id}")
def get_ticket(tx: Tx, who: Asks, ticket_id: str) -> wire.Ticket:
    """Read a ticket."""
    return _one(tx, who, service.get_ticket(tx, who, ticket_id))


@router.get("/{ticket_id}/messages")
def list_ticket_messages(tx: Tx, who: Asks, ticket_id: str, page: Paging) -> Listed[wire.Message]:
    """List what was written, the oldest first, with its files."""
    return _written(tx, service.list_messages(tx, who, ticket_id, page))


@router.post("/{ticket_id}/messages", status_code=201)
def reply(tx: Tx, who: Asks, ticket_id: str, body: wire.Reply) -> wire.Ticket:
    """Write for the organisation; a closed ticket is open again then."""
    return _one(tx, who, service.reply(tx, who, ticket_id, body.text))


@router.put("/{ticket_id}/state")
def change_ticket(tx: Tx, who: Asks, ticket_id: str, body: wire.TicketChange) -> wire.Ticket:
    """Close a ticket, or take it up again."""
    return _one(tx, who, (service.close if body.state == "closed" else service.reopen)(tx, who, ticket_id))


@router.post("/{ticket_id}/seen", status_code=204)
def mark_ticket_seen(tx: Tx, who: Asks, ticket_id: str) -> None:
    """Note that the caller has read a ticket to its end."""
    service.mark_seen(tx, who, ticket_id)


@staff_router.get("")
def list_all_tickets(
    tx: Tx,
    who: Helps,
    page: Paging,
    state: States = None,
    text: Text = "",
    tenant_id: Id = None,
    assignee_id: Id = None,
    *,
    mine: Annotated[bool, Query(description="Only those the caller looks after.")] = False,
    unassigned: Annotated[bool, Query(description="Only those nobody looks after.")] = False,
) -> Listed[wire.Ticket]:
    """List the tickets of all organisations, those with the latest message first."""
    filters = TicketFilters(frozenset(state or ()), text, None, mine, tenant_id, assignee_id, unassigned)
    found = service.list_all_tickets(tx, who, filters, page)
    return Listed[wire.Ticket](items=told(tx, who, found.items), next=found.next)


@staff_router.get("/helpers")
def list_helpers(tx: Tx, who: Helps) -> Listed[wire.Helper]:  # noqa: ARG001 - checked, not used
    """List the centre's people who answer tickets, by name."""
    return Listed[wire.Helper](items=[wire.Helper.model_validate(person) for person in identity.list_staff(tx)])


@staff_router.get("/{ticket_id}")
def get_any_ticket(tx: Tx, who: Helps, ticket_id: str) -> wire.Ticket:
    """Read a ticket of any organisation."""
    return _one(tx, who, service.get_ticket(tx, who, ticket_id, staff=True))


@staff_router.get("/{ticket_id}/messages")
def list_any_ticket_messages(tx: Tx, who: Helps, ticket_id: str, page: Paging) -> Listed[wire.Message]:
    """List what was written in a ticket of any organisation, the oldest first, with its files."""
    return _written(tx, service.list_messages(tx, who, ticket_id, page, staff=True))


@staff_router.post("/{ticket_id}/messages", status_code=201)
def answer(tx: Tx, who: Helps, ticket_id: str, body: wire.Answer) -> wire.Ticket:
    """Write for the centre. Whoever answers a ticket nobody looks after looks after it from then on."""
    return _one(tx, who, service.answer(tx, who, ticket_id, body.text, ask=body.ask))


@staff_router.put("/{ticket_id}/state")
def change_any_ticket(tx: Tx, who: Helps, ticket_id: str, body: wire.TicketChange) -> wire.Ticket:
    """Close a ticket of any organisation, or take it up again."""
    if body.state == "closed":
        return _one(tx, who, service.close(tx, who, ticket_id, staff=True))
    return _one(tx, who, service.reopen(tx, who, ticket_id, staff=True))


@staff_router.put("/{ticket_id}/assignee")
def assign(tx: Tx, who: Helps, ticket_id: str, body: wire.Assignment) -> wire.Ticket:
    """Name who of the centre looks after a ticket, or nobody."""
    return _one(tx, who, service.assign(tx, who, ticket_id, body.person_id))


@staff_router.post("/{ticket_id}/seen", status_code=204)
def mark_any_ticket_seen(tx: Tx, who: Helps, ticket_id: str) -> None:
    """Note that the caller has read a ticket of any organisation to its end."""
    service.mark_seen(tx, who, ticket_id, staff=True)


def told(tx: Session, who: Principal, tickets: Sequence[Ticket]) -> list[wire.Ticket]:
    """Return tickets as the API tells of them: with the names of people, and what is new to the caller."""
    names = identity.person_names(tx, {person for each in tickets for person in (each.person_id, each.assignee_id) if person})
    fresh = service.unseen(tx, who, tickets)
    return [
        wire.Ticket.model_validate(
            {
                **asdict(each),
                "person": names.get(each.person_id, ""),
                "assignee": names.get(each.assignee_id) if each.assignee_id else None,
                "unread": each.id in fresh,
            }
        )
        for each in tickets
    ]


def _one(tx: Session, who: Principal, ticket: Ticket) -> wire.Ticket:
    return told(tx, who, [ticket])[0]


def _written(tx: Session, found: Page[Message]) -> Listed[wire.Message]:
    files = attachments.attachments_of(tx, found.items)
    told = [wire.Message.model_validate({**asdict(each), "attachments": files.get(each.id, [])}) for each in found.items]
    return Listed[wire.Message](items=told, next=found.next)
