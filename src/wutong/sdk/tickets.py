"""Tickets on the wire, and the calls for them."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from pydantic import Field

from wutong.sdk.wire import Received, Sent

if TYPE_CHECKING:
    from wutong.sdk.client import Client  # the server imports the wire types, and does without the HTTP client

MOST_FILES = 5
MOST_FILE_BYTES = 16 * 1024 * 1024
TicketStateName = Literal["open", "answered", "waiting", "closed", "reopened"]


class NewTicket(Sent):
    """What help is needed with, and with which job, if it is about one."""

    subject: str = Field(min_length=1, max_length=200)
    text: str = Field(min_length=1, max_length=20_000)
    job_id: str | None = Field(None, max_length=100)


class Ticket(Received):
    """A thread. `unread` tells whether there is something the caller has not read, `assignee` who of the centre looks after it."""

    id: str
    tenant_id: str
    person_id: str
    person: str
    subject: str
    state: TicketStateName
    job_id: str | None
    assignee_id: str | None
    assignee: str | None
    unread: bool
    created_at: datetime
    updated_at: datetime
    closed_at: datetime | None


class Attachment(Received):
    """A file that goes with a message; `picture` tells that its bytes are a picture browsers show."""

    id: str
    ticket_id: str
    message_id: int
    name: str
    size_bytes: int
    sha256: str
    picture: bool
    at: datetime


class Message(Received):
    """What somebody wrote, with its files; `staff` tells that it was somebody of the centre."""

    id: int
    person_id: str
    name: str
    staff: bool
    text: str
    at: datetime
    attachments: list[Attachment] = Field(default_factory=list)


class Reply(Sent):
    """What the organisation writes."""

    text: str = Field(min_length=1, max_length=20_000)


class Answer(Sent):
    """What the centre writes; with `ask` it is the organisation's turn then."""

    text: str = Field(min_length=1, max_length=20_000)
    ask: bool = False


class TicketChange(Sent):
    """Close a ticket, or take it up again."""

    state: Literal["closed", "reopened"]


class Assignment(Sent):
    """Who of the centre looks after a ticket; nobody when empty."""

    person_id: str | None = Field(None, max_length=100)


class Helper(Received):
    """Somebody of the centre who answers tickets."""

    id: str
    name: str
    email: str


def base(*, staff: bool) -> str:
    """Return where tickets are: an organisation's own, or those of all for the centre's people."""
    return "/api/v1/admin/tickets" if staff else "/api/v1/tickets"


def open_ticket(client: "Client", ticket: NewTicket) -> Ticket:
    """Open a ticket."""
    return client.post("/api/v1/tickets", ticket, Ticket)


def list_tickets(
    client: "Client",
    *,
    staff: bool = False,
    state: list[str] | None = None,
    text: str | None = None,
    mine: bool | None = None,
    most: int | None = None,
) -> Iterator[Ticket]:
    """Go through tickets, those with the latest message first."""
    return client.pages(base(staff=staff), Ticket, most=most, state=state or None, text=text, mine=mine)


def get_ticket(client: "Client", ticket_id: str, *, staff: bool = False) -> Ticket:
    """Read a ticket."""
    return client.get(f"{base(staff=staff)}/{quote(ticket_id, safe='')}", Ticket)


def list_messages(client: "Client", ticket_id: str, *, staff: bool = False) -> Iterator[Message]:
    """Go through what was written, the oldest first."""
    return client.pages(f"{base(staff=staff)}/{quote(ticket_id, safe='')}/messages", Message)


def reply(client: "Client", ticket_id: str, text: str) -> Ticket:
    """Write for the organisation."""
    return client.post(f"/api/v1/tickets/{quote(ticket_id, safe='')}/messages", Reply(text=text), Ticket)


def answer(client: "Client", ticket_id: str, text: str, *, ask: bool = False) -> Ticket:
    """Write for the centre (operators, finance, subsidy)."""
    return client.post(f"/api/v1/admin/tickets/{quote(ticket_id, safe='')}/messages", Answer(text=text, ask=ask), Ticket)


def attach_file(client: "Client", ticket_id: str, path: Path, *, staff: bool = False) -> Attachment:
    """Attach a file to what the caller wrote last in a ticket."""
    with path.open("rb") as file:
        size = {"Content-Length": str(path.stat().st_size)}
        answer = client.send("POST", f"{_files(ticket_id, staff=staff)}", params={"name": path.name}, headers=size, content=file)
    return Attachment.model_validate_json(answer.content)


def download_attachment(client: "Client", ticket_id: str, attachment_id: str, target: Path, *, staff: bool = False) -> None:
    """Write a file of a ticket to `target`, which must not exist."""
    address = f"{_files(ticket_id, staff=staff)}/{quote(attachment_id, safe='')}"
    with client.stream("GET", address) as answer, target.open("xb") as file:
        for piece in answer.iter_bytes():
            file.write(piece)


def change_ticket(client: "Client", ticket_id: str, state: Literal["closed", "reopened"], *, staff: bool = False) -> Ticket:
    """Close a ticket, or take it up again."""
    return client.put(f"{base(staff=staff)}/{quote(ticket_id, safe='')}/state", TicketChange(state=state), Ticket)


def assign(client: "Client", ticket_id: str, person_id: str | None) -> Ticket:
    """Name who of the centre looks after a ticket, or nobody."""
    return client.put(f"/api/v1/admin/tickets/{quote(ticket_id, safe='')}/assignee", Assignment(person_id=person_id), Ticket)


def mark_seen(client: "Client", ticket_id: str, *, staff: bool = False) -> None:
    """Note that the caller has read a ticket to its end."""
    client.send("POST", f"{base(staff=staff)}/{quote(ticket_id, safe='')}/seen")


def _files(ticket_id: str, *, staff: bool) -> str:
    return f"{base(staff=staff)}/{quote(ticket_id, safe='')}/attachments"
