"""The life of a ticket: whose turn it is, and what each side may do then. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from wutong.kit.errors import Conflict, Invalid

MOST_TEXT = 20_000
MOST_SUBJECT = 200


class TicketState(StrEnum):
    """Whose turn it is: the centre's (open, reopened), nobody's in particular (answered), the organisation's (waiting), or it is done (closed)."""

    OPEN = "open"
    ANSWERED = "answered"
    WAITING = "waiting"
    CLOSED = "closed"
    REOPENED = "reopened"


class Act(StrEnum):
    """What somebody does to a ticket: the organisation replies, the centre answers or asks back, either closes and reopens."""

    REPLY = "reply"
    ANSWER = "answer"
    ASK = "ask"
    CLOSE = "close"
    REOPEN = "reopen"


_OPEN_ACTS: Final = {Act.REPLY: TicketState.OPEN, Act.ANSWER: TicketState.ANSWERED, Act.ASK: TicketState.WAITING, Act.CLOSE: TicketState.CLOSED}
# What each act does in each state; what is not here is refused.
MOVES: Mapping[TicketState, Mapping[Act, TicketState]] = {
    TicketState.OPEN: _OPEN_ACTS,
    TicketState.ANSWERED: _OPEN_ACTS,
    TicketState.WAITING: _OPEN_ACTS,
    TicketState.REOPENED: {**_OPEN_ACTS, Act.REPLY: TicketState.REOPENED},
    TicketState.CLOSED: {Act.REPLY: TicketState.REOPENED, Act.REOPEN: TicketState.REOPENED},
}


@dataclass(frozen=True, slots=True)
class Ticket:
    """A thread of a tenant; `assignee_id` is the engineer who looks after it, `last_message` the id of its latest message."""

    id: str
    tenant_id: str
    person_id: str
    subject: str
    state: TicketState
    job_id: str | None
    assignee_id: str | None
    created_at: datetime
    updated_at: datetime
    last_message: int
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Message:
    """What somebody wrote; `staff` tells that it was somebody of the centre."""

    id: int
    ticket_id: str
    person_id: str
    name: str
    staff: bool
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class TicketFilters:
    """Which tickets to list. `text` fits part of the subject or of a message, or a whole id; `mine` are those the caller opened or looks after."""

    states: frozenset[TicketState] = frozenset()
    text: str = ""
    job_id: str | None = None
    mine: bool = False
    tenant_id: str | None = None
    assignee_id: str | None = None
    unassigned: bool = False


class TicketNotMovable(Conflict):
    """The ticket's state does not allow this."""

    code = "ticket_not_movable"
    message = "Ticket {id} is {state}, so it cannot be done now ({act}). Reopen it first, or look again."


class NotStaff(Invalid):
    """Only people of the centre look after tickets."""

    code = "not_staff"
    message = "{field}: Only somebody of the centre who answers tickets can look after one."


def after(ticket: Ticket, act: Act) -> TicketState:
    """Return the state an act leads to, or raise `TicketNotMovable`."""
    to = MOVES[ticket.state].get(act)
    if to is None:
        raise TicketNotMovable(id=ticket.id, state=ticket.state.value, act=act.value)
    return to


def clean_text(text: str, *, field: str = "text") -> str:
    """Return what somebody wrote without blank ends; refuse nothing at all, too much, and characters that cannot be kept."""
    kept = text.replace("\r\n", "\n").strip()
    if not 1 <= len(kept) <= MOST_TEXT or "\x00" in kept:
        raise Invalid(field=field, reason=f"Write 1 to {MOST_TEXT} characters.")
    return kept
