"""Tables of comparison. Both are only added to (triggers refuse the rest): a later comparison of a day stands beside the earlier one."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Date, ForeignKey, Identity, Index
from sqlalchemy.orm import Mapped, mapped_column

from wutong.kit.database import Base


class ComparisonRow(Base):
    """That the runs of an engine which ended in a span were compared, and the sums."""

    __tablename__ = "centre_comparison"
    __table_args__ = (Index("ix_centre_comparison_day", "engine", "day", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    engine: Mapped[str]
    day: Mapped[date] = mapped_column(Date)
    begins_at: Mapped[datetime]
    until: Mapped[datetime]
    compared_at: Mapped[datetime]
    runs: Mapped[int]
    starts: Mapped[int]
    our_card_ms: Mapped[int] = mapped_column(BigInteger)
    their_card_ms: Mapped[int] = mapped_column(BigInteger)
    differences: Mapped[int]


class DifferenceRow(Base):
    """A run on which the two accounts disagreed."""

    __tablename__ = "centre_difference"

    comparison_id: Mapped[int] = mapped_column(ForeignKey("centre_comparison.id"), primary_key=True)
    run_name: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    our_card_ms: Mapped[int] = mapped_column(BigInteger)
    their_card_ms: Mapped[int] = mapped_column(BigInteger)
    ours: Mapped[str]
    theirs: Mapped[str]
