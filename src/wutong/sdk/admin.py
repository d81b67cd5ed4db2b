"""Calls for the centre's own people: top-ups, prices, pools, checks of the books."""

from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from wutong.sdk.catalogue import Capacity, Node, Pool
from wutong.sdk.money import LedgerCheck, Payment, Price, PriceRequest, TopUpRequest
from wutong.sdk.wire import Listed, Received, Sent

if TYPE_CHECKING:
    from wutong.sdk.client import Client  # the server imports the wire types, and does without the HTTP client


class UsageTotals(Received):
    """All that engines reported, and all that was charged or written off, in card-milliseconds: equal once everything is settled."""

    runs: int
    card_ms: int
    charged_card_ms: int
    unrated: int
    refused: int


class PoolChange(Sent):
    """A pool's new state, and why."""

    state: Literal["open", "draining", "closed"]
    reason: str = Field("", max_length=500)


class NodeChange(Sent):
    """A machine's new state, and why."""

    state: Literal["up", "draining", "down"]
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


def set_price(client: "Client", *, flavour: str, fen_per_card_hour: int, valid_from: datetime | None = None) -> Price:
    """Set a price from a moment on, now by default."""
    return client.post("/api/v1/admin/prices", PriceRequest(flavour=flavour, fen_per_card_hour=fen_per_card_hour, valid_from=valid_from), Price)


def list_pools(client: "Client") -> list[Pool]:
    """Read all pools."""
    return client.get("/api/v1/admin/pools", Listed[Pool]).items


def list_nodes(client: "Client") -> list[Node]:
    """Read all machines."""
    return client.get("/api/v1/admin/nodes", Listed[Node]).items


def get_capacity(client: "Client") -> Capacity:
    """Read how large the centre is, and how busy."""
    return client.get("/api/v1/admin/capacity", Capacity)


def ledger_check(client: "Client") -> LedgerCheck:
    """Check every book."""
    return client.get("/api/v1/admin/ledger-check", LedgerCheck)


def usage_totals(client: "Client") -> UsageTotals:
    """Read the totals of the usage journal and of what was made of it."""
    return client.get("/api/v1/admin/usage-totals", UsageTotals)
