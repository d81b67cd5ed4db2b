"""All SQL of tickets."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from wutong.desk.tickets.rules import Message, Ticket, TicketFilters, TicketState
from wutong.desk.tickets.tables import MessageRow, SeenRow, TicketRow


def add_ticket(session: Session, row: dict[str, Any]) -> None:
    """Insert a ticket."""
    session.execute(insert(TicketRow).values(row))


def find_ticket(session: Session, ticket_id: str, tenant_id: str | None, *, lock: bool = False) -> Ticket | None:
    """Read a ticket of a tenant, of any when None; locked when it is about to be moved, so that messages come one by one."""
    query = select(TicketRow).where(TicketRow.id == ticket_id)
    if tenant_id is not None:
        query = query.where(TicketRow.tenant_id == tenant_id)
    row = session.scalar((query.with_for_update() if lock else query).execution_options(populate_existing=True))
    return None if row is None else _ticket(row)


def set_ticket(session: Session, ticket_id: str, was: TicketState, values: dict[str, Any]) -> bool:
    """Change a ticket if it still is in the state we saw."""
    change = update(TicketRow).where(TicketRow.id == ticket_id, TicketRow.state == was).values(values).returning(TicketRow.id)
    return session.scalar(change) is not None


def add_message(session: Session, row: dict[str, Any]) -> int:
    """Append a message and return its id. The ticket is locked, or new."""
    return session.scalars(insert(MessageRow).values(row).returning(MessageRow.id)).one()


def list_messages(session: Session, ticket_id: str, after: int, limit: int) -> list[Message]:
    """Read messages after one, the oldest first."""
    query = select(MessageRow).where(MessageRow.ticket_id == ticket_id, MessageRow.id > after).order_by(MessageRow.id).limit(limit)
    return [_message(row) for row in session.scalars(query)]


def get_message(session: Session, message_id: int) -> Message:
    """Read one message, which is there."""
    return _message(session.get_one(MessageRow, message_id))


def writers(session: Session, ticket_id: str) -> list[tuple[str, bool]]:
    """Read who wrote in a ticket, and whether for the centre."""
    query = select(MessageRow.person_id, MessageRow.staff).where(MessageRow.ticket_id == ticket_id).distinct()
    return [(row.person_id, row.staff) for row in session.execute(query)]


def list_tickets(session: Session, filters: TicketFilters, *, tenant_id: str | None, person_id: str, after: int | None, limit: int) -> list[Ticket]:
    """Read tickets, those with the latest message first."""
    query = select(TicketRow).where(*_wanted(filters, tenant_id, person_id)).order_by(TicketRow.last_message.desc()).limit(limit)
    if after is not None:
        query = query.where(TicketRow.last_message < after)
    return [_ticket(row) for row in session.scalars(query)]


def unseen(session: Session, person_id: str, tickets: Collection[Ticket]) -> set[str]:
    """Return which of the tickets have messages a person has not read."""
    seen = select(SeenRow.ticket_id, SeenRow.message_id).where(SeenRow.person_id == person_id, SeenRow.ticket_id.in_([each.id for each in tickets]))
    read = {row.ticket_id: row.message_id for row in session.execute(seen)}
    return {each.id for each in tickets if each.last_message > read.get(each.id, 0)}


def count_unseen(session: Session, person_id: str, *, tenant_id: str | None, most: int) -> int:
    """Count the tickets that concern a person with messages they have not read: those of theirs, and those they wrote in or look after."""
    seen = and_(SeenRow.ticket_id == TicketRow.id, SeenRow.person_id == person_id)
    concerns = or_(TicketRow.person_id == person_id, TicketRow.assignee_id == person_id, exists().where(seen))
    unread = ~exists().where(seen, SeenRow.message_id >= TicketRow.last_message)
    query = select(TicketRow.id).where(concerns, unread)
    if tenant_id is not None:
        query = query.where(TicketRow.tenant_id == tenant_id)
    return session.scalar(select(func.count()).select_from(query.limit(most).subquery())) or 0


def count_unanswered(session: Session) -> tuple[int, datetime | None]:
    """Count the tickets whose turn is the centre's, and tell since when the oldest of them has waited."""
    query = select(func.count(), func.min(TicketRow.updated_at)).where(TicketRow.state.in_((TicketState.OPEN, TicketState.REOPENED)))
    count, oldest_at = session.execute(query).one()
    return count, oldest_at


def mark_seen(session: Session, ticket_id: str, person_id: str, message_id: int) -> None:
    """Note how far somebody has read; never back."""
    mark = upsert(SeenRow).values(ticket_id=ticket_id, person_id=person_id, message_id=message_id)
    further = {"message_id": func.greatest(SeenRow.message_id, mark.excluded.message_id)}
    session.execute(mark.on_conflict_do_update(index_elements=["ticket_id", "person_id"], set_=further))


def touched(values: dict[str, Any], message_id: int, now: datetime) -> dict[str, Any]:
    """Add to changes of a ticket that it has a new message."""
    return {**values, "last_message": message_id, "updated_at": now}


def _wanted(filters: TicketFilters, tenant_id: str | None, person_id: str) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = [] if tenant_id is None else [TicketRow.tenant_id == tenant_id]
    if filters.states:
        wanted.append(TicketRow.state.in_(sorted(filters.states)))
    if filters.job_id is not None:
        wanted.append(TicketRow.job_id == filters.job_id)
    if filters.tenant_id is not None:
        wanted.append(TicketRow.tenant_id == filters.tenant_id)
    if filters.assignee_id is not None:
        wanted.append(TicketRow.assignee_id == filters.assignee_id)
    if filters.unassigned:
        wanted.append(TicketRow.assignee_id.is_(None))
    if filters.mine:
        wanted.append(or_(TicketRow.person_id == person_id, TicketRow.assignee_id == person_id))
    if filters.text:
        said = exists().where(MessageRow.ticket_id == TicketRow.id, MessageRow.text.icontains(filters.text, autoescape=True))
        wanted.append(or_(TicketRow.subject.icontains(filters.text, autoescape=True), TicketRow.id == filters.text, said))
    return wanted


def _ticket(row: TicketRow) -> Ticket:
    values = {name: getattr(row, name) for name in Ticket.__dataclass_fields__}
    return Ticket(**{**values, "state": TicketState(row.state)})


def _message(row: MessageRow) -> Message:
    return Message(row.id, row.ticket_id, row.person_id, row.name, row.staff, row.text, row.at)
