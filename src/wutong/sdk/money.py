"""Money on the wire: balance, statement, bill, payments, budgets, notices; and the calls for them. Amounts are integer fen."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import Field

from wutong.sdk.wire import Listed, Received, Sent

if TYPE_CHECKING:
    from wutong.sdk.client import Client  # the server imports the wire types, and does without the HTTP client


class Credit(Received):
    """Restricted credit: what is left of a package (in card-seconds) or a grant (in fen), what share it pays, and until when."""

    id: str
    label: str
    unit: str
    granted: int
    remaining: int
    share_permille: int
    valid_from: datetime
    valid_until: datetime


class Balance(Received):
    """What a tenant has."""

    cash_fen: int
    held_fen: int
    debt_fen: int
    credits: list[Credit] = Field(default_factory=list)


class Part(Received):
    """A part of a movement: which pocket it came from or went to; `label` names a credit, empty for cash."""

    pocket: str
    label: str
    amount: int


class StatementLine(Received):
    """One movement between the tenant and the centre, linked to its cause. `balance_after` is cash + credit + held - debt."""

    seq: int
    at: datetime
    amount_fen: int
    balance_after: int
    kind: str
    cause_kind: str
    cause_id: str
    memo: str
    transfer_key: str
    parts: list[Part]


class Charge(Received):
    """A usage window of a bill line, as rated: its price, the entry that paid it (`transfer_key`), and the record it came from (`usage_seq`).

    `kind` is usage, waived (the centre's own fault: nobody pays) or reversal (`reverses` names what was taken back). `reason` says which fault.
    """

    id: str
    seq: int
    kind: str
    run_name: str
    restart: int
    window_start: datetime
    usage_seq: int | None
    card_ms: int
    package_seconds: int
    fen_per_card_hour: int
    price_id: str | None
    amount_fen: int
    transfer_key: str | None
    reverses: str | None
    at: datetime
    reason: str = ""


class UsageLine(Received):
    """A line of the usage journal: what the engine reported of one window, as a total so far."""

    seq: int
    run_name: str
    restart: int
    window_start: datetime
    seconds_ms: int
    cards: int
    card_seconds_ms: int
    final: bool
    fault: str = ""


class BillItem(Received):
    """What one job cost in a month, net of what was taken back."""

    job_id: str
    job_name: str
    person_id: str
    flavour: str
    card_ms: int
    package_seconds: int
    amount_fen: int
    reversed_fen: int


class Bill(Received):
    """The itemised bill of a month of the centre's calendar (Asia/Shanghai)."""

    month: str
    tenant_id: str
    total_fen: int
    package_seconds: int
    card_ms: int
    items: list[BillItem]
    next: str | None = None


class TopUpInstructions(Received):
    """How to top up: by bank transfer, with a reference that finds the account."""

    reference: str
    sentence: str


class TopUpRequest(Sent):
    """Money that arrived by bank transfer, recorded by finance."""

    tenant_id: str
    amount_fen: int = Field(description="Fen that arrived; more than zero.")
    reference: str = Field(min_length=1, max_length=100, description="The bank's reference of the transfer; each counts once.")
    memo: str = Field("", max_length=200)


class Payment(Received):
    """A recorded top-up or refund."""

    id: str
    tenant_id: str
    kind: str
    amount_fen: int
    reference: str
    memo: str
    at: datetime


class PriceRequest(Sent):
    """A price from a moment on; earlier usage keeps the price it had."""

    flavour: str
    fen_per_card_hour: int = Field(ge=0, le=10**9)
    valid_from: datetime | None = None


class Price(Received):
    """What a card-hour of a flavour costs."""

    id: str
    flavour: str
    fen_per_card_hour: int
    valid_from: datetime


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
    """A warning about money."""

    id: str
    at: datetime
    kind: str
    level: int
    job_id: str | None
    sentence: str


class LedgerCheck(Received):
    """The result of checking every book of the centre."""

    accounts: int
    transfers: int
    problems: list[str]


def get_balance(client: "Client") -> Balance:
    """Read what the tenant has."""
    return client.get("/api/v1/balance", Balance)


def top_up_instructions(client: "Client") -> TopUpInstructions:
    """Ask how to top up."""
    return client.get("/api/v1/topup-instructions", TopUpInstructions)


def list_statement(client: "Client", *, since: datetime | None = None, until: datetime | None = None) -> Iterator[StatementLine]:
    """Go through the movements of the tenant's money in time order, from the last 31 days by default."""
    start, end = since.isoformat() if since else None, until.isoformat() if until else None
    return client.pages("/api/v1/statement", StatementLine, limit=500, since=start, until=end)


def get_bill(client: "Client", month: str) -> Bill:
    """Read the bill of a month such as `2026-11`, with all its items."""
    bill = client.get(f"/api/v1/bills/{month}", Bill, limit=500)
    items, after = list(bill.items), bill.next
    while after:
        page = client.get(f"/api/v1/bills/{month}", Bill, limit=500, after=after)
        items, after = items + page.items, page.next
    return bill.model_copy(update={"items": items, "next": None})


def list_charges(client: "Client", job_id: str) -> Iterator[Charge]:
    """Go through the usage windows a job was charged for, first to last."""
    return client.pages(f"/api/v1/jobs/{job_id}/charges", Charge, limit=500)


def list_usage(client: "Client", run_name: str, job_id: str) -> list[UsageLine]:
    """Read what the engine reported of one attempt of a job."""
    return client.get(f"/api/v1/jobs/{job_id}/usage", Listed[UsageLine], run_name=run_name).items


def list_budgets(client: "Client") -> list[Budget]:
    """Read all monthly limits."""
    return client.get("/api/v1/budgets", Listed[Budget]).items


def set_budget(client: "Client", limit_fen: int, person_id: str | None = None) -> Budget:
    """Set a monthly limit."""
    return client.put("/api/v1/budgets", BudgetRequest(limit_fen=limit_fen, person_id=person_id), Budget)


def remove_budget(client: "Client", person_id: str | None = None) -> None:
    """Remove the monthly limit of the tenant, or of one person of it."""
    client.send("DELETE", "/api/v1/budgets", params={"person_id": person_id})


def list_payments(client: "Client") -> Iterator[Payment]:
    """Go through the tenant's top-ups and refunds, newest first."""
    return client.pages("/api/v1/payments", Payment)


def list_notices(client: "Client", *, most: int | None = None) -> Iterator[Notice]:
    """Go through notices about money, newest first."""
    return client.pages("/api/v1/notices", Notice, most=most)
