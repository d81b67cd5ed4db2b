"""The table of readings. Rows are only added."""

from datetime import datetime

from sqlalchemy import BigInteger, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from wutong.kit.database import Base


class ReadingRow(Base):
    """What one reading of all books found."""

    __tablename__ = "compute_books_reading"
    __table_args__ = (Index("ix_compute_books_reading_at", "at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    by: Mapped[str]
    bank_fen: Mapped[int] = mapped_column(BigInteger)
    deferred_fen: Mapped[int] = mapped_column(BigInteger)
    revenue_fen: Mapped[int] = mapped_column(BigInteger)
    runs: Mapped[int] = mapped_column(BigInteger)
    card_ms: Mapped[int] = mapped_column(BigInteger)
    rated_ms: Mapped[int] = mapped_column(BigInteger)
    accounts: Mapped[int] = mapped_column(BigInteger)
    transfers: Mapped[int] = mapped_column(BigInteger)
    problems: Mapped[list[str]] = mapped_column(JSONB)
