"""The tenant's money: balance, statement, estimate, bill down to the engine's record, orders, budgets, notices."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Header, Path, Query

from wutong.api.auth import Router, Tx, needs
from wutong.centre import service as centre
from wutong.compute.billing import bills, estimates
from wutong.compute.billing import service as billing
from wutong.compute.billing.ladder_rules import Notice
from wutong.compute.billing.rules import Bill, Charge
from wutong.compute.budgets import service as budgets
from wutong.compute.budgets.rules import Budget
from wutong.compute.catalogue import service as catalogue
from wutong.compute.jobs import service as jobs
from wutong.compute.jobs.requests import parse_array
from wutong.compute.orders import service as orders
from wutong.compute.orders.rules import Order
from wutong.doorway.jobs import request_of
from wutong.doorway.paging import Paging
from wutong.identity.rules import Permission, Principal, require_tenant
from wutong.kit import clock
from wutong.kit.errors import NotFound
from wutong.kit.paging import Page
from wutong.ledger import service as ledger
from wutong.ledger.rules import Balance, StatementLine
from wutong.sdk import jobs as job_wire
from wutong.sdk import money as wire
from wutong.sdk import orders as order_wire
from wutong.sdk.wire import Listed

router = Router(tag="money")

Reads = Annotated[Principal, needs(Permission.MONEY_READ)]
Spends = Annotated[Principal, needs(Permission.MONEY_SPEND)]
Budgets = Annotated[Principal, needs(Permission.BUDGET_MANAGE)]
Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=200, description="The same key never buys twice.")]


@router.get("/balance", response_model=wire.Balance)
def get_balance(tx: Tx, who: Reads) -> Balance:
    """Tell what the organisation has: free cash, held for jobs, owed, packages and credits."""
    return ledger.balance(tx, require_tenant(who, Permission.MONEY_READ))


@router.get("/topup-instructions")
def top_up_instructions(tx: Tx, who: Reads) -> wire.TopUpInstructions:  # noqa: ARG001 - every route is one transaction
    """Tell how to top up: by bank transfer, naming the organisation's reference."""
    reference = require_tenant(who, Permission.MONEY_READ)
    sentence = f"Transfer by bank and write {reference} as the purpose. The centre's finance records it when the money has arrived."
    return wire.TopUpInstructions(reference=reference, sentence=sentence)


@router.get("/statement", response_model=Listed[wire.StatementLine])
def list_statement(tx: Tx, who: Reads, page: Paging, since: datetime | None = None, until: datetime | None = None) -> Page[StatementLine]:
    """List the movements of the organisation's money in time order, each with its cause; the last 31 days when no time is given."""
    now = clock.now()
    start, end = since or now - timedelta(days=31), until or now + timedelta(minutes=1)
    return ledger.statement(tx, require_tenant(who, Permission.MONEY_READ), since=_aware(start), until=_aware(end), page=page)


@router.post("/estimate")
def estimate(tx: Tx, who: Reads, body: job_wire.JobRequest) -> job_wire.Estimate:
    """Tell what a job would cost at most and typically, what would be held, and who would pay. Nothing is kept of it."""
    request = request_of(body)
    array = parse_array(request.array)
    found = estimates.estimate(tx, who, request, count=len(array.indices) if array else 1)
    sources = found.sources
    return job_wire.Estimate.model_validate(
        {
            **{name: getattr(found, name) for name in ("card_seconds", "amount_fen", "hold_fen", "hold_package_seconds")},
            **{name: getattr(found, name) for name in ("typical_card_seconds", "typical_fen")},
            "package_seconds": sources.package_seconds,
            "credit_fen": sources.credit_fen,
            "cash_fen": sources.cash_fen,
            "fen_per_card_hour": found.price.fen_per_card_hour,
            "price_id": found.price.id,
            "problems": list(found.problems),
            "notices": list(found.notices),
            "expected_wait_s": found.wait and found.wait.wait_s,
            "expected_wait_bound_s": found.wait and found.wait.bound_s,
        }
    )


@router.get("/bills/{month}", response_model=wire.Bill)
def get_bill(tx: Tx, who: Reads, page: Paging, month: Annotated[str, Path(max_length=20)]) -> Bill:
    """Read a month's bill: an item for each job, net of what was taken back."""
    return bills.bill(tx, who, month, page)


@router.get("/jobs/{job_id}/charges", response_model=Listed[wire.Charge])
def list_charges(tx: Tx, who: Reads, page: Paging, job_id: str) -> Page[Charge]:
    """List the usage windows a job was charged for: price, amount, the entry that paid, the record it came from."""
    return bills.bill_lines(tx, who, job_id, page)


@router.get("/jobs/{job_id}/usage", response_model=Listed[wire.UsageLine])
def list_usage(tx: Tx, who: Reads, job_id: str, run_name: Annotated[str, Query(max_length=100)]) -> Page[object]:
    """List what the engine reported of one attempt of a job: the record behind its charges."""
    if run_name not in {attempt.run_name for attempt in jobs.list_attempts(tx, who, job_id)}:
        raise NotFound(kind="attempt", id=run_name)
    return Page(list(centre.list_run_usage(tx, run_name)))


@router.get("/offers", response_model=Listed[order_wire.Offer])
def list_offers(tx: Tx, who: Annotated[Principal, needs()]) -> Page[object]:  # noqa: ARG001 - signed in is enough
    """List the packages of card-hours on sale."""
    return Page(list(catalogue.list_offers(tx)))


@router.get("/orders", response_model=Listed[order_wire.Order])
def list_orders(tx: Tx, who: Reads, page: Paging) -> Page[Order]:
    """List what the organisation bought, newest first."""
    return orders.list_orders(tx, who, page)


@router.get("/orders/{order_id}", response_model=order_wire.Order)
def get_order(tx: Tx, who: Reads, order_id: str) -> Order:
    """Read one order."""
    return orders.get_order(tx, who, order_id)


@router.post("/orders/packages", status_code=201, response_model=order_wire.Order)
def buy_package(tx: Tx, who: Spends, body: order_wire.PackageOrder, key: Key = None) -> Order:
    """Buy a package of card-hours out of the organisation's free cash."""
    return orders.buy_package(tx, who, body.offer_id, key=key)


@router.post("/orders/reservations", status_code=201, response_model=order_wire.Order)
def reserve(tx: Tx, who: Spends, body: order_wire.ReservationOrder, key: Key = None) -> Order:
    """Reserve cards of a pool for whole days, from tomorrow on."""
    return orders.reserve(tx, who, pool=body.pool, cards=body.cards, first_day=body.first_day, last_day=body.last_day, key=key)


@router.post("/orders/{order_id}/cancel", response_model=order_wire.Order)
def cancel_order(tx: Tx, who: Spends, order_id: str) -> Order:
    """Cancel a reservation before its first day; its whole price comes back."""
    return orders.cancel_order(tx, who, order_id)


@router.get("/reservation-terms", response_model=Listed[order_wire.ReservationTerms])
def list_reservation_terms(tx: Tx, who: Annotated[Principal, needs()]) -> Page[object]:  # noqa: ARG001 - signed in is enough
    """List what reserving costs, by pool."""
    return Page(list(orders.list_reservation_terms(tx)))


@router.get("/payments", response_model=Listed[wire.Payment])
def list_payments(tx: Tx, who: Reads, page: Paging) -> Page[object]:
    """List the organisation's recorded top-ups and refunds, newest first."""
    found = orders.list_payments(tx, who, page)
    return Page(list(found.items), found.next)


@router.get("/budgets", response_model=Listed[wire.Budget])
def list_budgets(tx: Tx, who: Reads) -> Page[Budget]:
    """List monthly limits with what is spent of them, the whole organisation's first."""
    return Page(budgets.list_budgets(tx, who))


@router.put("/budgets", response_model=wire.Budget)
def set_budget(tx: Tx, who: Budgets, body: wire.BudgetRequest) -> Budget:
    """Set a monthly limit of the organisation, or of one person of it."""
    return billing.set_budget(tx, who, person_id=body.person_id, limit_fen=body.limit_fen)


@router.delete("/budgets", status_code=204)
def remove_budget(tx: Tx, who: Budgets, person_id: Annotated[str | None, Query(max_length=100)] = None) -> None:
    """Remove a limit."""
    billing.remove_budget(tx, who, person_id=person_id)


@router.get("/notices", response_model=Listed[wire.Notice])
def list_notices(tx: Tx, who: Reads, page: Paging) -> Page[Notice]:
    """List warnings about money, newest first."""
    return billing.list_notices(tx, who, page)


def _aware(moment: datetime) -> datetime:
    """Take a time without a zone for UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=clock.now().tzinfo)
