"""Tickets of the reader's organisation: ask, read the answers, reply, close, reopen."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session

from wutong.desk.attachments import service as attachments
from wutong.desk.attachments.rules import MOST_FILE_BYTES, MOST_FILES
from wutong.desk.tickets import service
from wutong.desk.tickets.rules import Ticket, TicketFilters, TicketState
from wutong.doorway.asking import Tx, needs
from wutong.doorway.paging import Paging
from wutong.hub import service as hub
from wutong.identity import service as identity
from wutong.identity.rules import Permission, require_tenant
from wutong.kit.errors import Problem
from wutong.kit.paging import PageRequest
from wutong.web.data.files import ALONE
from wutong.web.help.sending import Sent, receive
from wutong.web.view import Pages, Unread, View

pages = Pages(prefix="/tickets")

Asks = Annotated[View, needs(Permission.TENANT_READ)]
Short = Annotated[str, Query(max_length=200)]
MOST_TYPED = 25_000
LIMITS = {"most_files": MOST_FILES, "most_bytes": MOST_FILE_BYTES}


@pages.get("")
def tickets_page(tx: Tx, view: Asks, page: Paging, state: Short = "", text: Short = "", mine: Short = "") -> Response:
    """List the organisation's tickets, those with the latest message first."""
    query = {"state": state, "text": text, "mine": mine}
    found = service.list_tickets(tx, view.who, filters_of(state, text, mine=bool(mine)), page)
    return view.page("help/tickets.html", **listed(tx, view, found.items), page=found, query=query, states=list(TicketState), staff=False)


@pages.get("/new")
def new_ticket_page(view: Asks, job_id: Short = "", subject: Short = "") -> Response:
    """Ask something."""
    return view.page("help/new.html", form={"subject": subject, "text": "", "job_id": job_id}, **LIMITS)


@pages.post("")
async def open_ticket(visit: Unread, request: Request) -> Response:
    """Open a ticket."""
    return await receive(visit, request, Permission.TENANT_READ, lambda _tx, who: require_tenant(who, Permission.TENANT_READ), _open)


@pages.get("/{ticket_id}")
def ticket_page(tx: Tx, view: Asks, page: Paging, ticket_id: str) -> Response:
    """Show a ticket with what was written."""
    return thread(tx, view, ticket_id, page)


@pages.get("/{ticket_id}/part")
def ticket_part(tx: Tx, view: Asks, page: Paging, ticket_id: str) -> Response:
    """Render again what was written."""
    return thread(tx, view, ticket_id, page, template="help/messages.html")


@pages.get("/{ticket_id}/files/{attachment_id}")
def file_page(tx: Tx, view: Asks, ticket_id: str, attachment_id: str) -> Response:
    """Show what can be shown of a file."""
    return show_file(tx, view, ticket_id, attachment_id)


@pages.get("/{ticket_id}/files/{attachment_id}/picture")
def picture(tx: Tx, view: Asks, ticket_id: str, attachment_id: str) -> Response:
    """Send a picture as what it is by its own bytes."""
    return show_picture(tx, view, ticket_id, attachment_id)


@pages.post("/{ticket_id}/reply")
async def reply(visit: Unread, request: Request, ticket_id: str) -> Response:
    """Write more; a closed ticket is open again then."""

    def answer(tx: Session, view: View, sent: Sent) -> Response:
        text = sent.get("text", MOST_TYPED)

        def work() -> Ticket:
            written = service.reply(tx, view.who, ticket_id, sent.checked().get("text", MOST_TYPED))
            sent.attach(tx, view, written)
            return written

        return after(tx, view, ticket_id, work, view.say("Sent."), text=text)

    return await receive(visit, request, Permission.TENANT_READ, lambda tx, who: service.get_ticket(tx, who, ticket_id), answer)


@pages.post("/{ticket_id}/close")
def close(tx: Tx, view: Asks, ticket_id: str) -> Response:
    """Say that it is done with."""
    return after(tx, view, ticket_id, lambda: service.close(tx, view.who, ticket_id), view.say("The ticket is closed."))


@pages.post("/{ticket_id}/reopen")
def reopen(tx: Tx, view: Asks, ticket_id: str) -> Response:
    """Take it up again."""
    return after(tx, view, ticket_id, lambda: service.reopen(tx, view.who, ticket_id), view.say("The ticket is reopened."))


def _open(tx: Session, view: View, sent: Sent) -> Response:
    form = {"subject": sent.get("subject"), "text": sent.get("text", MOST_TYPED), "job_id": sent.get("job_id")}

    def work() -> Ticket:
        sent.checked()
        made = service.open_ticket(tx, view.who, subject=form["subject"], text=form["text"], job_id=form["job_id"].strip() or None)
        sent.attach(tx, view, made)
        return made

    done = view.attempt(work)
    if isinstance(done, Problem):
        return view.page("help/new.html", done.status, form=form, problem=done, **LIMITS)
    view.toast("The ticket is submitted. You will be notified of the answer.")
    return view.go(f"/tickets/{done.id}")


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
        files=attachments.attachments_of(tx, messages.items),
        **LIMITS,
        names=identity.person_names(tx, people),
        base="/console/tickets" if staff else "/tickets",
        text=text,
        staff=staff,
        problem=problem,
        **more,
    )


def show_file(tx: Tx, view: View, ticket_id: str, attachment_id: str, *, staff: bool = False) -> Response:
    """Show what can be shown of a file of a ticket; only its beginning is read, and no transaction is open meanwhile."""
    ticket = service.get_ticket(tx, view.who, ticket_id, staff=staff)
    found = attachments.get_attachment(tx, view.who, ticket_id, attachment_id, staff=staff)
    tx.commit()
    file = attachments.file_of(found)
    base = "/console/tickets" if staff else "/tickets"
    shown = hub.preview(view.context.blobs, file)
    return view.page("help/file.html", ticket=ticket, attachment=found, file=file, shown=shown, base=base, staff=staff)


def show_picture(tx: Tx, view: View, ticket_id: str, attachment_id: str, *, staff: bool = False) -> Response:
    """Send a picture of a ticket; anything else is not found."""
    found = attachments.get_attachment(tx, view.who, ticket_id, attachment_id, staff=staff)
    tx.commit()
    media_type, pieces = hub.open_picture(view.context.blobs, attachments.file_of(found))
    return StreamingResponse(pieces, 200, {**ALONE, "Content-Length": str(found.size_bytes)}, media_type)


def after(tx: Tx, view: View, ticket_id: str, work: Callable[[], Ticket], sentence: str, *, text: str = "") -> Response:
    """Do something to a ticket and come back to it."""
    done = view.attempt(work)
    if isinstance(done, Problem):
        return thread(tx, view, ticket_id, PageRequest(), done, text=text)
    view.toast(sentence)
    return view.go(f"/tickets/{ticket_id}")
