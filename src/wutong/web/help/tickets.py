"""Tickets of the reader's organisation: ask, read the answers, reply, close, reopen."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Form, Query, Response

from wutong.desk.tickets import service
from wutong.desk.tickets.rules import Ticket, TicketFilters, TicketState
from wutong.doorway.asking import Tx, needs
from wutong.doorway.paging import Paging
from wutong.identity import service as identity
from wutong.identity.rules import Permission
from wutong.kit.errors import Problem
from wutong.kit.paging import PageRequest
from wutong.web.view import Pages, View

pages = Pages(prefix="/tickets")

Asks = Annotated[View, needs(Permission.TENANT_READ)]
Short = Annotated[str, Query(max_length=200)]
Line = Annotated[str, Form(max_length=400)]
Area = Annotated[str, Form(max_length=25_000)]


@pages.get("")
def tickets_page(tx: Tx, view: Asks, page: Paging, state: Short = "", text: Short = "", mine: Short = "") -> Response:
    """List the organisation's tickets, those with the latest message first."""
    query = {"state": state, "text": text, "mine": mine}
    found = service.list_tickets(tx, view.who, filters_of(state, text, mine=bool(mine)), page)
    return view.page("help/tickets.html", **listed(tx, view, found.items), page=found, query=query, states=list(TicketState), staff=False)


@pages.get("/new")
def new_ticket_page(view: Asks, job_id: Short = "", subject: Short = "") -> Response:
    """Ask something."""
    return view.page("help/new.html", form={"subject": subject, "text": "", "job_id": job_id})


@pages.post("")
def open_ticket(tx: Tx, view: Asks, subject: Line = "", text: Area = "", job_id: Line = "") -> Response:
    """Open a ticket."""
    done = view.attempt(lambda: service.open_ticket(tx, view.who, subject=subject, text=text, job_id=job_id.strip() or None))
    if isinstance(done, Problem):
        return view.page("help/new.html", done.status, form={"subject": subject, "text": text, "job_id": job_id}, problem=done)
    view.toast("The ticket is submitted. You will be notified of the answer.")
    return view.go(f"/tickets/{done.id}")


@pages.get("/{ticket_id}")
def ticket_page(tx: Tx, view: Asks, page: Paging, ticket_id: str) -> Response:
    """Show a ticket with what was written."""
    return thread(tx, view, ticket_id, page)


@pages.get("/{ticket_id}/part")
def ticket_part(tx: Tx, view: Asks, page: Paging, ticket_id: str) -> Response:
    """Render again what was written."""
    return thread(tx, view, ticket_id, page, template="help/messages.html")


@pages.post("/{ticket_id}/reply")
def reply(tx: Tx, view: Asks, ticket_id: str, text: Area = "") -> Response:
    """Write more; a closed ticket is open again then."""
    return after(tx, view, ticket_id, lambda: service.reply(tx, view.who, ticket_id, text), view.say("Sent."), text=text)


@pages.post("/{ticket_id}/close")
def close(tx: Tx, view: Asks, ticket_id: str) -> Response:
    """Say that it is done with."""
    return after(tx, view, ticket_id, lambda: service.close(tx, view.who, ticket_id), view.say("The ticket is closed."))


@pages.post("/{ticket_id}/reopen")
def reopen(tx: Tx, view: Asks, ticket_id: str) -> Response:
    """Take it up again."""
    return after(tx, view, ticket_id, lambda: service.reopen(tx, view.who, ticket_id), view.say("The ticket is reopened."))


def filters_of(state: str, text: str, **more: Any) -> TicketFilters:
    """Read what is asked for; a state that is none asks for any."""
    states = frozenset(each for each in TicketState if each.value == state)
    return TicketFilters(states=states, text=text.strip(), **more)


def listed(tx: Tx, view: View, tickets: list[Ticket]) -> dict[str, Any]:
    """Return what a list shows beside the tickets: names, and which have something new."""
    people = {person for ticket in tickets for person in (ticket.person_id, ticket.assignee_id) if person}
    return {"names": identity.person_names(tx, people), "unseen": service.unseen(tx, view.who, tickets)}


def thread(
    tx: Tx,
    view: View,
    ticket_id: str,
    page: PageRequest,
    problem: Problem | None = None,
    *,
    text: str = "",
    staff: bool = False,
    template: str = "help/ticket.html",
    **more: Any,
) -> Response:
    """Show a ticket to its organisation, or to the centre's people; what was shown is seen."""
    ticket = service.get_ticket(tx, view.who, ticket_id, staff=staff)
    messages = service.list_messages(tx, view.who, ticket_id, page, staff=staff)
    if messages.next is None:
        service.mark_seen(tx, view.who, ticket_id, staff=staff)
    people = {person for person in (ticket.person_id, ticket.assignee_id) if person}
    return view.page(
        template,
        200 if problem is None else problem.status,
        ticket=ticket,
        messages=messages,
        names=identity.person_names(tx, people),
        base="/console/tickets" if staff else "/tickets",
        text=text,
        staff=staff,
        problem=problem,
        **more,
    )


def after(tx: Tx, view: View, ticket_id: str, work: Callable[[], Ticket], sentence: str, *, text: str = "") -> Response:
    """Do something to a ticket and come back to it."""
    done = view.attempt(work)
    if isinstance(done, Problem):
        return thread(tx, view, ticket_id, PageRequest(), done, text=text)
    view.toast(sentence)
    return view.go(f"/tickets/{ticket_id}")
