"""Tables of budgets. An empty `person_id` stands for the whole tenant, so that it can be part of a key."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from wutong.kit.database import Base


class BudgetRow(Base):
    """A limit a month."""

    __tablename__ = "compute_budget"
    __table_args__ = (CheckConstraint("limit_fen >= 0", name="not_negative"),)

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(primary_key=True)
    limit_fen: Mapped[int] = mapped_column(BigInteger)
    changed_by: Mapped[str]
    changed_at: Mapped[datetime]


class SpendRow(Base):
    """What was spent in a month: the sum of the charges, kept beside them by the settler's own transaction."""

    __tablename__ = "compute_spend"

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(primary_key=True)
    month: Mapped[str] = mapped_column(primary_key=True)
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    package_seconds: Mapped[int] = mapped_column(BigInteger)
    card_ms: Mapped[int] = mapped_column(BigInteger)
