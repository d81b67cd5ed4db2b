"""Money on the wire: balance, statement, bill, orders, budgets. Amounts are integer fen."""

from datetime import date, datetime
from typing import Any

from pydantic import Field

from wutong.sdk.wire import Received, Sent


class Credit(Received):
    """Restricted credit: what is left of a package or a grant, and until when."""

    id: str
    label: str
    unit: str
    remaining: int
    share_permille: int
    valid_until: datetime | None = None


class Balance(Received):
    """What a tenant has."""

    cash_fen: int
    held_fen: int
    debt_fen: int
    credits: list[Credit] = Field(default_factory=list)


class StatementLine(Received):
    """One movement of a tenant's money, linked to its cause."""

    seq: int
    at: datetime
    amount_fen: int
    balance_after_fen: int | None = None
    kind: str
    cause_kind: str
    cause_id: str
    memo: str
    transfer_key: str


class BillWindow(Received):
    """One usage window of a bill line, as rated, with the engine's record it came from."""

    usage_seq: int
    run_name: str
    restart: int
    window_start: datetime
    card_seconds: float
    package_card_seconds: float
    fen_per_card_hour: int
    price_id: str
    amount_fen: int
    transfer_key: str | None = None


class BillLine(Received):
    """What one job cost in a month."""

    job_id: str
    job_name: str
    person_id: str
    flavour: str
    card_seconds: float
    package_card_seconds: float
    amount_fen: int
    windows: int


class Bill(Received):
    """The itemised bill of a month."""

    month: str
    tenant_id: str
    total_fen: int
    lines: list[BillLine]
    next: str | None = None


class TopUpRequest(Sent):
    """Money that arrived by bank transfer, recorded by finance."""

    tenant_id: str
    amount_fen: int = Field(description="Fen that arrived; more than zero.")
    reference: str = Field(min_length=1, max_length=100, description="The bank's reference of the transfer; each counts once.")
    memo: str = Field("", max_length=200)


class TopUp(Received):
    """A recorded top-up."""

    id: str
    tenant_id: str
    amount_fen: int
    reference: str
    at: datetime


class PriceRequest(Sent):
    """A price from a moment on; earlier usage keeps the price it had."""

    flavour: str
    fen_per_card_hour: int = Field(ge=0, le=10**9)
    valid_from: datetime


class Price(Received):
    """What a card-hour of a flavour costs."""

    id: str
    flavour: str
    fen_per_card_hour: int
    valid_from: datetime


class Offer(Received):
    """A package of card-hours for sale."""

    id: str
    name: str
    accelerator: str
    card_hours: int
    price_fen: int
    validity_days: int


class PackageOrder(Sent):
    """Buy a package."""

    offer_id: str


class ReservationOrder(Sent):
    """Reserve cards of a pool for whole days."""

    pool: str
    cards: int = Field(ge=1)
    first_day: date
    last_day: date


class Order(Received):
    """Something bought."""

    id: str
    kind: str
    state: str
    amount_fen: int
    created_at: datetime
    details: dict[str, Any] = Field(default_factory=dict)


class BudgetRequest(Sent):
    """A monthly limit for the tenant, or for one person of it."""

    limit_fen: int = Field(ge=0, le=10**15)
    person_id: str | None = None


class Budget(Received):
    """A monthly limit and what is spent of it."""

    person_id: str | None
    limit_fen: int
    spent_fen: int
    month: str


class Notice(Received):
    """Something the tenant should know about its money."""

    id: str
    at: datetime
    level: str
    text: str


class LedgerCheck(Received):
    """The result of checking every book of the centre."""

    accounts: int
    transfers: int
    problems: list[str]
