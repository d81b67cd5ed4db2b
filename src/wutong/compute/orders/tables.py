"""Tables of orders: packages and reservations, their days, and payments recorded by the centre's finance."""

from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from wutong.kit.database import Base


class OrderRow(Base):
    """A package or a reservation bought by a tenant."""

    __tablename__ = "compute_order"
    __table_args__ = (
        UniqueConstraint("tenant_id", "key"),
        Index("ix_compute_order_list", "tenant_id", "id"),
        Index("ix_compute_order_look_at", "look_at", postgresql_where=text("look_at IS NOT NULL")),
        CheckConstraint("amount_fen >= 0 AND recognised_fen BETWEEN 0 AND amount_fen", name="amounts"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str]
    tenant_id: Mapped[str]
    person_id: Mapped[str]
    kind: Mapped[str]
    state: Mapped[str]
    name: Mapped[str]
    offer_id: Mapped[str | None] = mapped_column(ForeignKey("compute_package_offer.id"))
    accelerator: Mapped[str]
    pool: Mapped[str | None]
    cards: Mapped[int]
    card_seconds: Mapped[int] = mapped_column(BigInteger)
    first_day: Mapped[date | None]
    last_day: Mapped[date | None]
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    recognised_fen: Mapped[int] = mapped_column(BigInteger)
    credit_id: Mapped[str | None]
    valid_until: Mapped[datetime]
    look_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class ReservedDayRow(Base):
    """How many cards of a pool are reserved on a day, by all tenants together."""

    __tablename__ = "compute_reserved_day"
    __table_args__ = (CheckConstraint("cards >= 0", name="not_negative"),)

    pool: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    cards: Mapped[int]


class ReservationTermsRow(Base):
    """At what price, and up to what share of its cards, a pool can be reserved."""

    __tablename__ = "compute_reservation_terms"
    __table_args__ = (CheckConstraint("fen_per_card_day >= 0 AND share_permille BETWEEN 0 AND 1000", name="sensible"),)

    pool: Mapped[str] = mapped_column(primary_key=True)
    fen_per_card_day: Mapped[int] = mapped_column(BigInteger)
    share_permille: Mapped[int]
    changed_by: Mapped[str]
    changed_at: Mapped[datetime]


class PaymentRow(Base):
    """Money that reached the bank for a tenant, or went back; each bank reference counts once."""

    __tablename__ = "compute_payment"
    __table_args__ = (
        UniqueConstraint("reference"),
        Index("ix_compute_payment_list", "tenant_id", "id"),
        CheckConstraint("amount_fen > 0", name="positive"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str]
    kind: Mapped[str]
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    reference: Mapped[str]
    memo: Mapped[str]
    recorded_by: Mapped[str]
    at: Mapped[datetime]


class PaymentProposalRow(Base):
    """A payment somebody entered and what became of it. Nobody approves their own, unless one person sufficed for the amount when it was entered."""

    __tablename__ = "compute_payment_proposal"
    __table_args__ = (
        CheckConstraint("amount_fen > 0 AND alone_fen >= 0", name="amounts"),
        CheckConstraint("state IN ('proposed', 'approved', 'rejected', 'withdrawn')", name="state"),
        CheckConstraint("(state = 'proposed') = (decided_at IS NULL) AND (decided_at IS NULL) = (decided_by IS NULL)", name="decided"),
        CheckConstraint("state <> 'approved' OR decided_by <> proposed_by OR amount_fen <= alone_fen", name="four_eyes"),
        CheckConstraint("(state = 'approved') = (payment_id IS NOT NULL)", name="paid"),
        Index("uq_compute_payment_proposal_reference", "reference", unique=True, postgresql_where=text("state IN ('proposed', 'approved')")),
        Index("ix_compute_payment_proposal_open", "id", postgresql_where=text("state = 'proposed'")),
        Index("ix_compute_payment_proposal_list", "tenant_id", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str]
    kind: Mapped[str]
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    reference: Mapped[str]
    memo: Mapped[str]
    alone_fen: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str]
    proposed_by: Mapped[str]
    proposed_at: Mapped[datetime]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    note: Mapped[str]
    payment_id: Mapped[str | None] = mapped_column(ForeignKey("compute_payment.id"))
