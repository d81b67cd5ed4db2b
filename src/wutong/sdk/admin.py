"""Calls for the centre's own people: payments, prices, packages, pools, machines, quotas, everybody's jobs, checks of the books."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from pydantic import Field

from wutong.sdk.catalogue import Capacity, Flavour, Node, Pool
from wutong.sdk.data import Storage
from wutong.sdk.jobs import Job, JobState
from wutong.sdk.money import LedgerCheck, Payment, Price, PriceRequest, TopUpRequest
from wutong.sdk.orders import Offer, OfferRequest, ReservationTerms, ReservationTermsRequest
from wutong.sdk.wire import Listed, Received, Sent

if TYPE_CHECKING:
    from wutong.sdk.client import Client  # the server imports the wire types, and does without the HTTP client

PoolStateName = Literal["open", "draining", "closed"]
NodeStateName = Literal["up", "draining", "down"]


class UsageTotals(Received):
    """All that engines reported, and all that was charged or written off, in card-milliseconds: equal once everything is settled."""

    runs: int
    card_ms: int
    charged_card_ms: int
    unrated: int
    refused: int


class PoolChange(Sent):
    """A pool's new state, and why."""

    state: PoolStateName
    reason: str = Field("", max_length=500)


class NodeChange(Sent):
    """A machine's new state, and why."""

    state: NodeStateName
    reason: str = Field("", max_length=500)


class FlavourChange(Sent):
    """Whether a flavour is offered."""

    enabled: bool


class QuotaChange(Sent):
    """How many bytes an organisation may keep."""

    quota_bytes: int = Field(ge=0)


def top_up(client: "Client", *, tenant_id: str, amount_fen: int, reference: str, memo: str = "") -> Payment:
    """Record money that arrived. The bank's reference counts once, so this may be repeated."""
    body = TopUpRequest(tenant_id=tenant_id, amount_fen=amount_fen, reference=reference, memo=memo)
    return client.post("/api/v1/admin/topups", body, Payment)


def refund(client: "Client", *, tenant_id: str, amount_fen: int, reference: str, memo: str = "") -> Payment:
    """Record free cash that was paid back by bank transfer. The bank's reference counts once, so this may be repeated."""
    body = TopUpRequest(tenant_id=tenant_id, amount_fen=amount_fen, reference=reference, memo=memo)
    return client.post("/api/v1/admin/refunds", body, Payment)


def list_payments(client: "Client", tenant_id: str) -> Iterator[Payment]:
    """Go through an organisation's top-ups and refunds, newest first."""
    return client.pages("/api/v1/admin/payments", Payment, tenant_id=tenant_id)


def set_price(client: "Client", *, flavour: str, fen_per_card_hour: int, valid_from: datetime | None = None) -> Price:
    """Set a price from a moment on, now by default."""
    return client.post("/api/v1/admin/prices", PriceRequest(flavour=flavour, fen_per_card_hour=fen_per_card_hour, valid_from=valid_from), Price)


def offer_package(client: "Client", request: OfferRequest) -> Offer:
    """Put a package of card-hours on sale."""
    return client.post("/api/v1/admin/offers", request, Offer)


def end_offer(client: "Client", name: str) -> None:
    """Take a package off sale; what was bought stays valid."""
    client.delete(f"/api/v1/admin/offers/{quote(name, safe='')}")


def set_reservation_terms(client: "Client", pool: str, request: ReservationTermsRequest) -> ReservationTerms:
    """Offer a pool for reservation by the day."""
    return client.put(f"/api/v1/admin/pools/{pool}/reservation-terms", request, ReservationTerms)


def list_pools(client: "Client") -> list[Pool]:
    """Read all pools."""
    return client.get("/api/v1/admin/pools", Listed[Pool]).items


def list_nodes(client: "Client") -> list[Node]:
    """Read all machines."""
    return client.get("/api/v1/admin/nodes", Listed[Node]).items


def set_pool_state(client: "Client", pool: str, state: PoolStateName, reason: str = "") -> Pool:
    """Open, drain or close a pool for new jobs; what was accepted before still runs."""
    return client.put(f"/api/v1/admin/pools/{pool}/state", PoolChange(state=state, reason=reason), Pool)


def set_node_state(client: "Client", pool: str, name: str, state: NodeStateName, reason: str = "") -> Node:
    """Say that a machine is up, draining or down."""
    return client.put(f"/api/v1/admin/pools/{pool}/nodes/{name}/state", NodeChange(state=state, reason=reason), Node)


def set_flavour_enabled(client: "Client", name: str, *, enabled: bool) -> Flavour:
    """Offer a flavour, or stop offering it."""
    return client.put(f"/api/v1/admin/flavours/{name}/enabled", FlavourChange(enabled=enabled), Flavour)


def set_quota(client: "Client", tenant_id: str, quota_bytes: int) -> Storage:
    """Set how much an organisation may keep."""
    return client.put(f"/api/v1/admin/tenants/{tenant_id}/quota", QuotaChange(quota_bytes=quota_bytes), Storage)


def list_all_jobs(client: "Client", *, state: JobState | None = None, most: int | None = None) -> Iterator[Job]:
    """Go through the jobs of all organisations, newest first."""
    return client.pages("/api/v1/admin/jobs", Job, most=most, state=state)


def get_capacity(client: "Client") -> Capacity:
    """Read how large the centre is, and how busy."""
    return client.get("/api/v1/admin/capacity", Capacity)


def ledger_check(client: "Client") -> LedgerCheck:
    """Check every book."""
    return client.get("/api/v1/admin/ledger-check", LedgerCheck)


def usage_totals(client: "Client") -> UsageTotals:
    """Read the totals of the usage journal and of what was made of it."""
    return client.get("/api/v1/admin/usage-totals", UsageTotals)
