"""The desk: tickets of all organisations, for the centre's people who answer them."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Form, Query, Request, Response
from sqlalchemy.orm import Session

from wutong.desk.tickets import service
from wutong.desk.tickets.rules import Ticket, TicketState
from wutong.doorway.asking import Tx, needs
from wutong.doorway.paging import Paging
from wutong.identity import service as identity
from wutong.identity.rules import Permission
from wutong.kit.errors import Problem
from wutong.kit.paging import PageRequest
from wutong.web.help.sending import Sent, receive
from wutong.web.help.tickets import MOST_TYPED, filters_of, listed, show_file, show_picture, thread
from wutong.web.view import Pages, Unread, View

pages = Pages(prefix="/console/tickets")

Helps = Annotated[View, needs(Permission.CENTRE_HELP)]
Short = Annotated[str, Query(max_length=200)]
Line = Annotated[str, Form(max_length=400)]


@pages.get("")
def tickets_page(tx: Tx, view: Helps, page: Paging, state: Short = "", text: Short = "", mine: Short = "", unassigned: Short = "") -> Response:
    """List the tickets of all organisations, those with the latest message first."""
    query = {"state": state, "text": text, "mine": mine, "unassigned": unassigned}
    filters = filters_of(state, text, mine=bool(mine), unassigned=bool(unassigned))
    found = service.list_all_tickets(tx, view.who, filters, page)
    return view.page("help/tickets.html", **listed(tx, view, found.items), page=found, query=query, states=list(TicketState), staff=True)


@pages.get("/{ticket_id}")
def ticket_page(tx: Tx, view: Helps, page: Paging, ticket_id: str) -> Response:
    """Show a ticket with what was written."""
    return _thread(tx, view, ticket_id, page)


@pages.get("/{ticket_id}/part")
def ticket_part(tx: Tx, view: Helps, page: Paging, ticket_id: str) -> Response:
    """Render again what was written."""
    return thread(tx, view, ticket_id, page, staff=True, template="help/messages.html")


@pages.get("/{ticket_id}/files/{attachment_id}")
def file_page(tx: Tx, view: Helps, ticket_id: str, attachment_id: str) -> Response:
    """Show what can be shown of a file."""
    return show_file(tx, view, ticket_id, attachment_id, staff=True)


@pages.get("/{ticket_id}/files/{attachment_id}/picture")
def picture(tx: Tx, view: Helps, ticket_id: str, attachment_id: str) -> Response:
    """Send a picture as what it is by its own bytes."""
    return show_picture(tx, view, ticket_id, attachment_id, staff=True)


@pages.post("/{ticket_id}/answer")
async def answer(visit: Unread, request: Request, ticket_id: str) -> Response:
    """Write for the centre; with `ask` it is the organisation's turn then."""

    def told(tx: Session, view: View, sent: Sent) -> Response:
        text = sent.get("text", MOST_TYPED)

        def work() -> Ticket:
            written = service.answer(tx, view.who, ticket_id, sent.checked().get("text", MOST_TYPED), ask=bool(sent.get("ask")))
            sent.attach(tx, view, written, staff=True)
            return written

        return _after(tx, view, ticket_id, work, view.say("Sent."), text)

    return await receive(visit, request, Permission.CENTRE_HELP, lambda tx, who: service.get_ticket(tx, who, ticket_id, staff=True), told)


@pages.post("/{ticket_id}/assign")
def assign(tx: Tx, view: Helps, ticket_id: str, person_id: Line = "") -> Response:
    """Name who looks after it, or nobody."""
    return _after(tx, view, ticket_id, lambda: service.assign(tx, view.who, ticket_id, person_id or None), view.say("Saved."))


@pages.post("/{ticket_id}/close")
def close(tx: Tx, view: Helps, ticket_id: str) -> Response:
    """Say that it is done with."""
    return _after(tx, view, ticket_id, lambda: service.close(tx, view.who, ticket_id, staff=True), view.say("The ticket is closed."))


@pages.post("/{ticket_id}/reopen")
def reopen(tx: Tx, view: Helps, ticket_id: str) -> Response:
    """Take it up again."""
    return _after(tx, view, ticket_id, lambda: service.reopen(tx, view.who, ticket_id, staff=True), view.say("The ticket is reopened."))


def _thread(tx: Tx, view: View, ticket_id: str, page: PageRequest, problem: Problem | None = None, text: str = "") -> Response:
    ticket = service.get_ticket(tx, view.who, ticket_id, staff=True)
    tenant, helpers = identity.get_tenant(tx, ticket.tenant_id), identity.list_staff(tx)
    return thread(tx, view, ticket_id, page, problem, text=text, staff=True, tenant=tenant, helpers=helpers)


def _after(tx: Tx, view: View, ticket_id: str, work: Callable[[], Ticket], sentence: str, text: str = "") -> Response:
    done = view.attempt(work)
    if isinstance(done, Problem):
        return _thread(tx, view, ticket_id, PageRequest(), done, text)
    view.toast(sentence)
    return view.go(f"/console/tickets/{ticket_id}")
