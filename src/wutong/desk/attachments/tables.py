"""Tables of files of tickets."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from wutong.kit.database import Base


class AttachmentRow(Base):
    """A file of a message. Never changed; the hub keeps its bytes under the holder `attachment:<id>`."""

    __tablename__ = "desk_attachment"
    __table_args__ = (
        CheckConstraint("size_bytes >= 0", name="size"),
        Index("ix_desk_attachment_message_id", "message_id", "id"),
        Index("ix_desk_attachment_tenant_id", "tenant_id", postgresql_include=["size_bytes"]),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("desk_ticket.id"))
    message_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("desk_message.id"))
    tenant_id: Mapped[str]
    person_id: Mapped[str]
    name: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]
    picture: Mapped[bool]
    at: Mapped[datetime]
