"""What doors may ask of tickets. A tenant's people see the tenant's tickets, also while it is suspended.

The centre's people who help see those of all tenants, where a door says `staff`.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from wutong.compute.jobs import service as jobs
from wutong.desk.notices.service import Fact, tell
from wutong.desk.rules import NoticeKind
from wutong.desk.tickets import store
from wutong.desk.tickets.rules import MOST_SUBJECT, Act, Message, NotStaff, Ticket, TicketFilters, TicketNotMovable, TicketState, after, clean_text
from wutong.identity import service as identity
from wutong.identity.rules import Permission, Principal, clean_name, require, require_tenant
from wutong.kit import clock
from wutong.kit.errors import Invalid, NotFound
from wutong.kit.ids import new_id
from wutong.kit.paging import Page, PageRequest, cut

NO_FILTERS = TicketFilters()
MOST_COUNTED = 100


def open_ticket(session: Session, who: Principal, *, subject: str, text: str, job_id: str | None = None) -> Ticket:
    """Open a ticket of the caller's tenant, about one of its jobs or about anything."""
    tenant_id = require_tenant(who, Permission.TENANT_READ)
    subject, text = clean_name(subject, field="subject", most=MOST_SUBJECT), clean_text(text)
    if job_id is not None:
        jobs.get_job(session, who, job_id)
    now, ticket_id = clock.now(), new_id("tick")
    row = {"id": ticket_id, "tenant_id": tenant_id, "person_id": who.person_id, "subject": subject, "state": TicketState.OPEN, "job_id": job_id}
    store.add_ticket(session, {**row, "assignee_id": None, "created_at": now, "updated_at": now, "last_message": 0, "closed_at": None})
    identity.audit(session, who, "ticket.open", kind="ticket", id=ticket_id, after={"subject": subject, "job_id": job_id})
    ticket = _write(session, who, _find(session, ticket_id, tenant_id), text, {})
    _tell(session, who, ticket, "opened", [person.id for person in identity.list_staff(session)])
    return ticket


def get_ticket(session: Session, who: Principal, ticket_id: str, *, staff: bool = False) -> Ticket:
    """Return a ticket the caller may see, or raise `NotFound`."""
    return _find(session, ticket_id, _scope(who, staff=staff))


def list_messages(session: Session, who: Principal, ticket_id: str, page: PageRequest | None = None, *, staff: bool = False) -> Page[Message]:
    """Page through what was written, the oldest first."""
    page = page or PageRequest()
    ticket = get_ticket(session, who, ticket_id, staff=staff)
    return cut(store.list_messages(session, ticket.id, _number(page.after) or 0, page.limit + 1), page)


def last_message(session: Session, who: Principal, ticket_id: str, *, staff: bool = False) -> tuple[Ticket, Message]:
    """Return a ticket the caller may see, locked, and what was written in it last."""
    ticket = _find(session, ticket_id, _scope(who, staff=staff), lock=True)
    return ticket, store.get_message(session, ticket.last_message)


def list_tickets(session: Session, who: Principal, filters: TicketFilters = NO_FILTERS, page: PageRequest | None = None) -> Page[Ticket]:
    """Page through the tickets of the caller's tenant, those with the latest message first."""
    return _list(session, who, filters, page, require_tenant(who, Permission.TENANT_READ))


def list_all_tickets(session: Session, who: Principal, filters: TicketFilters = NO_FILTERS, page: PageRequest | None = None) -> Page[Ticket]:
    """Page through the tickets of all tenants, for the centre's people who help."""
    require(who, Permission.CENTRE_HELP)
    return _list(session, who, filters, page, None)


def reply(session: Session, who: Principal, ticket_id: str, text: str) -> Ticket:
    """Write for the tenant; a closed ticket is open again then."""
    ticket = _find(session, ticket_id, _scope(who, staff=False), lock=True)
    written = _write(session, who, ticket, clean_text(text), _moved(ticket, Act.REPLY))
    identity.audit(session, who, "ticket.reply", kind="ticket", id=ticket.id, tenant_id=ticket.tenant_id, after={"state": written.state})
    _tell(session, who, written, "replied", [ticket.assignee_id] if ticket.assignee_id else [person.id for person in identity.list_staff(session)])
    return written


def answer(session: Session, who: Principal, ticket_id: str, text: str, *, ask: bool = False) -> Ticket:
    """Write for the centre; with `ask` it is the tenant's turn then. Whoever answers a ticket nobody looks after looks after it from then on."""
    require(who, Permission.CENTRE_HELP)
    ticket = _find(session, ticket_id, None, lock=True)
    changes = _moved(ticket, Act.ASK if ask else Act.ANSWER)
    if ticket.assignee_id is None:
        changes["assignee_id"] = who.person_id
    written = _write(session, who, ticket, clean_text(text), changes, staff=True)
    identity.audit(session, who, "ticket.answer", kind="ticket", id=ticket.id, tenant_id=ticket.tenant_id, after={"state": written.state})
    _tell(session, who, written, "asked" if ask else "answered", _asking(session, written))
    return written


def assign(session: Session, who: Principal, ticket_id: str, person_id: str | None) -> Ticket:
    """Name the engineer who looks after a ticket, or nobody."""
    require(who, Permission.CENTRE_HELP)
    ticket = _find(session, ticket_id, None, lock=True)
    if person_id is not None and all(person.id != person_id for person in identity.list_staff(session)):
        raise NotStaff(field="person_id", reason="")
    if person_id == ticket.assignee_id:
        return ticket
    store.set_ticket(session, ticket.id, ticket.state, {"assignee_id": person_id})
    before, now = {"assignee_id": ticket.assignee_id}, {"assignee_id": person_id}
    identity.audit(session, who, "ticket.assign", kind="ticket", id=ticket.id, tenant_id=ticket.tenant_id, before=before, after=now)
    assigned = _find(session, ticket_id, None)
    _tell(session, who, assigned, "assigned", [person_id] if person_id else [])
    return assigned


def close(session: Session, who: Principal, ticket_id: str, *, staff: bool = False) -> Ticket:
    """Say that a ticket is done with, for either side."""
    ticket = _find(session, ticket_id, _scope(who, staff=staff), lock=True)
    closed = _move(session, who, ticket, Act.CLOSE, "ticket.close")
    _tell(session, who, closed, "closed", _asking(session, closed))
    return closed


def reopen(session: Session, who: Principal, ticket_id: str, text: str = "", *, staff: bool = False) -> Ticket:
    """Take a closed ticket up again, for either side."""
    ticket = _find(session, ticket_id, _scope(who, staff=staff), lock=True)
    moved = _move(session, who, ticket, Act.REOPEN, "ticket.reopen")
    if text:
        moved = _write(session, who, moved, clean_text(text), {}, staff=staff)
    _tell(session, who, moved, "reopened", [ticket.assignee_id] if ticket.assignee_id else [])
    return moved


def mark_seen(session: Session, who: Principal, ticket_id: str, *, staff: bool = False) -> None:
    """Note that the caller has read a ticket to its end."""
    ticket = get_ticket(session, who, ticket_id, staff=staff)
    store.mark_seen(session, ticket.id, who.person_id, ticket.last_message)


def unseen(session: Session, who: Principal, tickets: Collection[Ticket]) -> set[str]:
    """Return the ids of those tickets, which the caller was shown, that have messages the caller has not read."""
    return store.unseen(session, who.person_id, tickets) if tickets else set()


def count_unseen(session: Session, who: Principal, *, staff: bool = False) -> int:
    """Count the tickets that concern the caller and have something new, up to a hundred."""
    return store.count_unseen(session, who.person_id, tenant_id=_scope(who, staff=staff), most=MOST_COUNTED)


def count_unanswered(session: Session, who: Principal) -> tuple[int, datetime | None]:
    """Count the tickets of all tenants that wait for the centre, with the time of the oldest one's last message; for people who help."""
    require(who, Permission.CENTRE_HELP)
    return store.count_unanswered(session)


def _scope(who: Principal, *, staff: bool) -> str | None:
    """Return the tenant whose tickets the caller sees, None for those of all."""
    if staff:
        require(who, Permission.CENTRE_HELP)
        return None
    return require_tenant(who, Permission.TENANT_READ)


def _find(session: Session, ticket_id: str, tenant_id: str | None, *, lock: bool = False) -> Ticket:
    ticket = store.find_ticket(session, ticket_id, tenant_id, lock=lock)
    if ticket is None:
        raise NotFound(kind="ticket", id=ticket_id)
    return ticket


def _list(session: Session, who: Principal, filters: TicketFilters, page: PageRequest | None, tenant_id: str | None) -> Page[Ticket]:
    page = page or PageRequest()
    after_ = _number(page.after)
    found = store.list_tickets(session, filters, tenant_id=tenant_id, person_id=who.person_id, after=after_, limit=page.limit + 1)
    return cut(found, page, key="last_message")


def _moved(ticket: Ticket, act: Act) -> dict[str, Any]:
    return {"state": after(ticket, act), "closed_at": clock.now() if act is Act.CLOSE else None}


def _move(session: Session, who: Principal, ticket: Ticket, act: Act, action: str) -> Ticket:
    changes = _moved(ticket, act)
    if not store.set_ticket(session, ticket.id, ticket.state, {**changes, "updated_at": clock.now()}):
        raise TicketNotMovable(id=ticket.id, state=ticket.state.value, act=act.value)
    before, now = {"state": ticket.state}, {"state": changes["state"]}
    identity.audit(session, who, action, kind="ticket", id=ticket.id, tenant_id=ticket.tenant_id, before=before, after=now)
    return _find(session, ticket.id, None)


def _write(session: Session, who: Principal, ticket: Ticket, text: str, changes: dict[str, Any], *, staff: bool = False) -> Ticket:
    now = clock.now()
    row = {"ticket_id": ticket.id, "person_id": who.person_id, "name": who.name, "staff": staff, "text": text, "at": now}
    number = store.add_message(session, row)
    store.set_ticket(session, ticket.id, ticket.state, store.touched(changes, number, now))
    store.mark_seen(session, ticket.id, who.person_id, number)
    return _find(session, ticket.id, None)


def _asking(session: Session, ticket: Ticket) -> list[str]:
    """Return the people of the tenant whom a ticket concerns: who opened it and who wrote in it."""
    return sorted({ticket.person_id, *(person_id for person_id, staff in store.writers(session, ticket.id) if not staff)})


def _tell(session: Session, who: Principal, ticket: Ticket, what: str, people: Collection[str]) -> None:
    facts: dict[str, Any] = {"ticket_id": ticket.id, "subject": ticket.subject, "what": what, "by": who.name}
    key = f"ticket:{ticket.id}:{ticket.last_message}:{what}"
    others = [person_id for person_id in people if person_id != who.person_id]
    outward = what in {"answered", "asked", "closed"}
    facts["staff"] = not outward
    tell(session, [Fact(NoticeKind.TICKET, key, ticket.tenant_id if outward else None, others, facts, about=ticket.person_id)])


def _number(after_: str | None) -> int | None:
    if after_ is None:
        return None
    if not (after_.isascii() and after_.isdigit() and len(after_) < 19):
        raise Invalid(field="after", reason="Use the value of `next` of the page before.")
    return int(after_)
