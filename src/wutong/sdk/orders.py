"""Buying ahead on the wire: packages on sale, orders, reservations and their terms; and the calls for them. Amounts are integer fen."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import TYPE_CHECKING

from pydantic import Field

from wutong.sdk.wire import Listed, Received, Sent

if TYPE_CHECKING:
    from wutong.sdk.client import Client  # the server imports the wire types, and does without the HTTP client


class Offer(Received):
    """A package of card-hours for sale."""

    id: str
    name: str
    accelerator: str
    card_hours: int
    price_fen: int
    validity_days: int


class OfferRequest(Sent):
    """A package to put on sale."""

    name: str = Field(min_length=1, max_length=100)
    accelerator: str = Field(max_length=64)
    card_hours: int = Field(ge=1, le=10**7)
    price_fen: int = Field(ge=1, le=10**12)
    validity_days: int = Field(ge=1, le=3660)


class PackageOrder(Sent):
    """Buy a package."""

    offer_id: str = Field(max_length=100, description="Id or name of the package.")


class ReservationOrder(Sent):
    """Reserve cards of a pool for whole days."""

    pool: str
    cards: int = Field(ge=1)
    first_day: date
    last_day: date


class Order(Received):
    """Something bought ahead. `card_seconds` is what it brings in all."""

    id: str
    kind: str
    state: str
    name: str
    accelerator: str
    pool: str | None
    cards: int
    card_seconds: int
    first_day: date | None
    last_day: date | None
    amount_fen: int
    valid_until: datetime
    created_at: datetime
    ended_at: datetime | None


class ReservationTerms(Received):
    """What reserving a pool costs, and how much of it can be reserved."""

    pool: str
    fen_per_card_day: int
    share_permille: int


class ReservationTermsRequest(Sent):
    """Terms for reserving a pool."""

    fen_per_card_day: int = Field(ge=0, le=10**9)
    share_permille: int = Field(ge=0, le=1000)


def list_offers(client: "Client") -> list[Offer]:
    """Read the packages on sale."""
    return client.get("/api/v1/offers", Listed[Offer]).items


def buy_package(client: "Client", offer_id: str, *, key: str) -> Order:
    """Buy a package; the same key never buys a second one."""
    return client.post("/api/v1/orders/packages", PackageOrder(offer_id=offer_id), Order, key=key)


def reserve(client: "Client", order: ReservationOrder, *, key: str) -> Order:
    """Reserve cards for whole days; the same key never reserves twice."""
    return client.post("/api/v1/orders/reservations", order, Order, key=key)


def cancel_order(client: "Client", order_id: str) -> Order:
    """Cancel an order that can still be cancelled."""
    return client.post(f"/api/v1/orders/{order_id}/cancel", None, Order)


def list_orders(client: "Client") -> Iterator[Order]:
    """Go through what was bought, newest first."""
    return client.pages("/api/v1/orders", Order)


def get_order(client: "Client", order_id: str) -> Order:
    """Read one order."""
    return client.get(f"/api/v1/orders/{order_id}", Order)


def list_reservation_terms(client: "Client") -> list[ReservationTerms]:
    """Read what reserving costs, by pool."""
    return client.get("/api/v1/reservation-terms", Listed[ReservationTerms]).items
