"""All SQL of files of tickets."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from wutong.desk.attachments.rules import Attachment
from wutong.desk.attachments.tables import AttachmentRow


def add(session: Session, row: dict[str, Any]) -> None:
    """Insert a file of a message."""
    session.execute(insert(AttachmentRow).values(row))


def find(session: Session, ticket_id: str, attachment_id: str) -> Attachment | None:
    """Read a file of a ticket."""
    row = session.scalar(select(AttachmentRow).where(AttachmentRow.id == attachment_id, AttachmentRow.ticket_id == ticket_id))
    return None if row is None else _attachment(row)


def list_of(session: Session, messages: Sequence[int]) -> list[Attachment]:
    """Read the files of messages, in the order they came."""
    query = select(AttachmentRow).where(AttachmentRow.message_id.in_(messages)).order_by(AttachmentRow.message_id, AttachmentRow.id)
    return [_attachment(row) for row in session.scalars(query)]


def used_bytes(session: Session, tenant_id: str) -> int:
    """Add up the files of an organisation's tickets."""
    return int(session.scalar(select(func.coalesce(func.sum(AttachmentRow.size_bytes), 0)).where(AttachmentRow.tenant_id == tenant_id)) or 0)


def _attachment(row: AttachmentRow) -> Attachment:
    return Attachment(**{name: getattr(row, name) for name in Attachment.__dataclass_fields__})
