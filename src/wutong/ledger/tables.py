"""Tables of the ledger. Triggers (in the migration) refuse edits, and keep the cached amounts equal to the sums of transfers."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, ForeignKeyConstraint, Identity, Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from wutong.kit.database import Base


class AccountRow(Base):
    """An account; never changed, never deleted."""

    __tablename__ = "ledger_account"
    __table_args__ = (UniqueConstraint("owner", "kind", "unit", "label"), UniqueConstraint("id", "unit"))

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    owner: Mapped[str]
    kind: Mapped[str]
    unit: Mapped[str]
    label: Mapped[str]


class BalanceRow(Base):
    """The cached balance of a checked account (an organisation's cash, credit, debt); only transfers change it. `sign` -1: never above 0."""

    __tablename__ = "ledger_balance"
    __table_args__ = (CheckConstraint("amount * sign >= 0", name="covered"), {"postgresql_with": {"fillfactor": "50"}})

    account_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("ledger_account.id"), primary_key=True)
    amount: Mapped[int] = mapped_column(BigInteger)
    sign: Mapped[int] = mapped_column(SmallInteger)


class HoldRow(Base):
    """Money set aside under a key."""

    __tablename__ = "ledger_hold"
    __table_args__ = (
        UniqueConstraint("key"),
        CheckConstraint("state IN ('open', 'released')", name="state"),
        CheckConstraint("asked > 0 AND charged >= 0", name="amounts"),
        Index("ix_ledger_hold_open", "tenant_id", "unit", postgresql_where=text("state = 'open'")),
        {"postgresql_with": {"fillfactor": "80"}},
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    key: Mapped[str]
    tenant_id: Mapped[str]
    unit: Mapped[str]
    state: Mapped[str]
    asked: Mapped[int] = mapped_column(BigInteger)
    charged: Mapped[int] = mapped_column(BigInteger)
    steps: Mapped[int]
    purpose: Mapped[dict[str, Any]] = mapped_column(JSONB)
    cause_kind: Mapped[str]
    cause_id: Mapped[str]
    created_at: Mapped[datetime]
    released_at: Mapped[datetime | None]


class HoldSourceRow(Base):
    """A part of a hold; `remaining` and `charged` are changed by transfers only."""

    __tablename__ = "ledger_hold_source"
    __table_args__ = (
        CheckConstraint("remaining >= 0 AND charged >= 0", name="covered"),
        Index("ix_ledger_hold_source_held", "source_account", postgresql_where=text("remaining > 0")),
        {"postgresql_with": {"fillfactor": "80"}},
    )

    hold_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("ledger_hold.id"), primary_key=True)
    hold_account: Mapped[int] = mapped_column(BigInteger, ForeignKey("ledger_account.id"), primary_key=True)
    source_account: Mapped[int] = mapped_column(BigInteger, ForeignKey("ledger_account.id"))
    position: Mapped[int] = mapped_column(SmallInteger)
    label: Mapped[str]
    share_permille: Mapped[int]
    remaining: Mapped[int] = mapped_column(BigInteger)
    charged: Mapped[int] = mapped_column(BigInteger)


class TransferRow(Base):
    """An entry with both its sides in one row, so that it cannot be unbalanced; appended, never changed."""

    __tablename__ = "ledger_transfer"
    __table_args__ = (
        UniqueConstraint("key"),
        UniqueConstraint("group_key", "leg"),
        ForeignKeyConstraint(["from_account", "unit"], ["ledger_account.id", "ledger_account.unit"]),
        ForeignKeyConstraint(["to_account", "unit"], ["ledger_account.id", "ledger_account.unit"]),
        CheckConstraint("amount > 0", name="positive"),
        CheckConstraint("from_account <> to_account", name="two_sides"),
        CheckConstraint("net IN (0, amount, -amount)", name="net"),
        Index("uq_ledger_transfer_reverses", "reverses", unique=True, postgresql_where=text("reverses IS NOT NULL")),
        Index(
            "ix_ledger_transfer_statement",
            "tenant_id",
            "unit",
            "at",
            "id",
            postgresql_where=text("net <> 0"),
            postgresql_include=["net", "leg"],
        ),
        Index(
            "ix_ledger_transfer_earned",
            "at",
            postgresql_where=text("kind NOT IN ('hold', 'release')"),
            postgresql_include=["from_account", "to_account", "amount"],
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    key: Mapped[str]
    group_key: Mapped[str]
    leg: Mapped[int] = mapped_column(SmallInteger)
    from_account: Mapped[int] = mapped_column(BigInteger)
    to_account: Mapped[int] = mapped_column(BigInteger)
    unit: Mapped[str]
    amount: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str]
    tenant_id: Mapped[str | None]
    net: Mapped[int] = mapped_column(BigInteger)
    cause_kind: Mapped[str]
    cause_id: Mapped[str]
    memo: Mapped[str]
    at: Mapped[datetime]
    posted_at: Mapped[datetime]
    hold_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("ledger_hold.id"))
    reverses: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("ledger_transfer.id"))


class CreditRow(Base):
    """Terms of a restricted credit; its amount is the balance of its account. `closed_at` is set when it expired and nothing of it is held."""

    __tablename__ = "ledger_credit"
    __table_args__ = (
        UniqueConstraint("key"),
        UniqueConstraint("account_id"),
        CheckConstraint("share_permille BETWEEN 1 AND 1000", name="share"),
        CheckConstraint("valid_from < valid_until", name="validity"),
        CheckConstraint("granted > 0", name="granted"),
        Index("ix_ledger_credit_usable", "tenant_id", "unit", postgresql_where=text("closed_at IS NULL")),
        Index("ix_ledger_credit_due", "valid_until", postgresql_where=text("closed_at IS NULL")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str]
    tenant_id: Mapped[str]
    account_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("ledger_account.id"))
    payer_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("ledger_account.id"))
    unit: Mapped[str]
    label: Mapped[str]
    granted: Mapped[int] = mapped_column(BigInteger)
    share_permille: Mapped[int]
    services: Mapped[list[str] | None] = mapped_column(JSONB(none_as_null=True))
    flavours: Mapped[list[str] | None] = mapped_column(JSONB(none_as_null=True))
    pools: Mapped[list[str] | None] = mapped_column(JSONB(none_as_null=True))
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime]
    expiries: Mapped[int]
    closed_at: Mapped[datetime | None]
