"""Tables of the kit: cursors of journal readers, and leases of loops."""

from datetime import datetime

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from wutong.kit.database import Base


class CursorRow(Base):
    """How far a reader has read a journal."""

    __tablename__ = "kit_cursor"

    name: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)
    text: Mapped[str]
    moved_at: Mapped[datetime]


class LeaseRow(Base):
    """Who runs a loop, and until when nobody else may."""

    __tablename__ = "kit_lease"

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    expires_at: Mapped[datetime]
