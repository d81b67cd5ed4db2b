"""What the centre's own people do: payments, prices, packages, pools, nodes, checks of the books."""

from typing import Annotated

from fastapi import Query

from wutong.api.auth import Router, Tx, needs
from wutong.api.jobs import told
from wutong.centre import service as centre
from wutong.centre.rules import NodeState, PoolState
from wutong.compute.billing import service as billing
from wutong.compute.catalogue import service as catalogue
from wutong.compute.catalogue.rules import PackageOffer, Price
from wutong.compute.jobs import service as jobs
from wutong.compute.jobs.rules import JobFilters, JobState
from wutong.compute.orders import service as orders
from wutong.compute.orders.rules import Payment
from wutong.doorway.paging import Paging
from wutong.hub import service as hub
from wutong.identity.rules import Permission, Principal
from wutong.kit.paging import Page
from wutong.ledger import service as ledger
from wutong.sdk import admin as wire
from wutong.sdk import catalogue as catalogue_wire
from wutong.sdk import data as data_wire
from wutong.sdk import jobs as job_wire
from wutong.sdk import money as money_wire
from wutong.sdk import orders as order_wire
from wutong.sdk.wire import Listed

router = Router(tag="centre", prefix="/admin")

Reads = Annotated[Principal, needs(Permission.CENTRE_READ)]
Operates = Annotated[Principal, needs(Permission.CENTRE_OPERATE)]
Finance = Annotated[Principal, needs(Permission.CENTRE_FINANCE)]
Books = Annotated[Principal, needs(Permission.CENTRE_BOOKS)]


@router.post("/topups", status_code=201, response_model=money_wire.Payment)
def record_top_up(tx: Tx, who: Finance, body: money_wire.TopUpRequest) -> Payment:
    """Record money that reached the bank. The bank's reference counts once: repeated, it gives the first payment."""
    return orders.record_top_up(tx, who, tenant_id=body.tenant_id, amount_fen=body.amount_fen, reference=body.reference, memo=body.memo)


@router.post("/refunds", status_code=201, response_model=money_wire.Payment)
def record_refund(tx: Tx, who: Finance, body: money_wire.TopUpRequest) -> Payment:
    """Record free cash paid back to an organisation's bank account."""
    return orders.record_refund(tx, who, tenant_id=body.tenant_id, amount_fen=body.amount_fen, reference=body.reference, memo=body.memo)


@router.get("/payments", response_model=Listed[money_wire.Payment])
def list_all_payments(tx: Tx, who: Books, page: Paging, tenant_id: Annotated[str, Query(max_length=100)]) -> Page[Payment]:
    """List an organisation's payments, newest first."""
    return orders.list_payments(tx, who, page, tenant_id=tenant_id)


@router.get("/prices", response_model=Listed[money_wire.Price])
def list_prices(tx: Tx, who: Reads) -> Page[Price]:  # noqa: ARG001 - checked, not used
    """List the prices in force now."""
    return Page(catalogue.list_prices(tx))


@router.post("/prices", status_code=201, response_model=money_wire.Price)
def set_price(tx: Tx, who: Operates, body: money_wire.PriceRequest) -> Price:
    """Set a price from a moment on, now when none is given. What happened before keeps its price."""
    return catalogue.set_price(tx, who, body.flavour, body.fen_per_card_hour, body.valid_from)


@router.post("/offers", status_code=201, response_model=order_wire.Offer)
def offer_package(tx: Tx, who: Operates, body: order_wire.OfferRequest) -> PackageOffer:
    """Put a package of card-hours on sale."""
    return catalogue.offer_package(tx, who, **body.model_dump())


@router.delete("/offers/{name}", status_code=204)
def end_offer(tx: Tx, who: Operates, name: str) -> None:
    """Take a package off sale; what was bought stays valid."""
    catalogue.end_offer(tx, who, name)


@router.put("/pools/{pool}/reservation-terms", response_model=order_wire.ReservationTerms)
def set_reservation_terms(tx: Tx, who: Operates, pool: str, body: order_wire.ReservationTermsRequest) -> object:
    """Offer a pool for reservation by the day."""
    return orders.set_reservation_terms(tx, who, pool=pool, fen_per_card_day=body.fen_per_card_day, share_permille=body.share_permille)


@router.get("/pools", response_model=Listed[catalogue_wire.Pool])
def list_pools(tx: Tx, who: Reads) -> Page[object]:  # noqa: ARG001 - checked, not used
    """List pools of machines."""
    return Page(list(centre.list_pools(tx)))


@router.put("/pools/{pool}/state", response_model=catalogue_wire.Pool)
def set_pool_state(tx: Tx, who: Operates, pool: str, body: wire.PoolChange) -> object:
    """Open, drain or close a pool for new jobs; what was accepted before still runs."""
    return centre.set_pool_state(tx, who, pool, PoolState(body.state), reason=body.reason)


@router.get("/nodes", response_model=Listed[catalogue_wire.Node])
def list_nodes(tx: Tx, who: Reads) -> Page[object]:  # noqa: ARG001 - checked, not used
    """List machines."""
    return Page(list(centre.list_nodes(tx)))


@router.put("/pools/{pool}/nodes/{name}/state", response_model=catalogue_wire.Node)
def set_node_state(tx: Tx, who: Operates, pool: str, name: str, body: wire.NodeChange) -> object:
    """Say that a machine is up, draining or down; one that is down is not counted as capacity."""
    return centre.set_node_state(tx, who, pool, name, NodeState(body.state), reason=body.reason)


@router.put("/flavours/{name}/enabled", response_model=catalogue_wire.Flavour)
def set_flavour_enabled(tx: Tx, who: Operates, name: str, body: wire.FlavourChange) -> object:
    """Offer a flavour, or stop offering it."""
    return centre.set_flavour_enabled(tx, who, name, enabled=body.enabled)


@router.get("/capacity", response_model=catalogue_wire.Capacity)
def get_capacity(tx: Tx, who: Reads) -> object:  # noqa: ARG001 - checked, not used
    """Tell how large the centre is, and how busy, by pool and together."""
    return centre.capacity(tx)


@router.get("/jobs")
def list_all_jobs(
    tx: Tx,
    who: Annotated[Principal, needs(Permission.CENTRE_JOBS)],
    page: Paging,
    state: Annotated[list[JobState] | None, Query(max_length=7)] = None,
) -> Listed[job_wire.Job]:
    """List the jobs of all organisations, newest first."""
    found = jobs.list_all_jobs(tx, who, JobFilters(frozenset(state or ())), page)
    return Listed[job_wire.Job](items=told(tx, found.items), next=found.next)


@router.put("/tenants/{tenant_id}/quota", response_model=data_wire.Storage)
def set_quota(tx: Tx, who: Operates, tenant_id: str, body: wire.QuotaChange) -> object:
    """Set how much an organisation may keep. One below what is kept deletes nothing, but nothing more can be stored."""
    return hub.set_quota(tx, who, tenant_id, body.quota_bytes)


@router.get("/ledger-check", response_model=money_wire.LedgerCheck)
def check_ledger(tx: Tx, who: Books) -> object:  # noqa: ARG001 - checked, not used
    """Check every book of the centre: sums, cached balances, holds, reversals."""
    return ledger.check(tx)


@router.get("/usage-totals")
def usage_totals(tx: Tx, who: Reads) -> wire.UsageTotals:  # noqa: ARG001 - checked, not used
    """Hold all that engines reported against all that was rated: equal once everything is settled."""
    runs, card_ms = centre.usage_totals(tx)
    aside = centre.check_meter(tx)
    unrated = sum(billing.count_unrated(tx).values())
    charged = billing.rated_card_ms(tx)
    return wire.UsageTotals(runs=runs, card_ms=card_ms, charged_card_ms=charged, unrated=unrated, refused=aside.refused + aside.foreign)
