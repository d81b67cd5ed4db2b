"""Orders, reservations and payments as plain values, and the moves an order may make."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from wutong.compute.budgets.rules import BILL_ZONE
from wutong.kit.errors import Conflict, Problem

DAY_SECONDS = 86_400
MOST_DAYS = 366
PACKAGE_LOOK = timedelta(hours=1)


class OrderKind(StrEnum):
    """What was bought."""

    PACKAGE = "package"
    RESERVATION = "reservation"


class OrderState(StrEnum):
    """A reservation is booked until its first day; a package is active from the start."""

    BOOKED = "booked"
    ACTIVE = "active"
    ENDED = "ended"
    CANCELLED = "cancelled"


ORDER_MOVES: dict[OrderState, frozenset[OrderState]] = {
    OrderState.BOOKED: frozenset({OrderState.ACTIVE, OrderState.CANCELLED}),
    OrderState.ACTIVE: frozenset({OrderState.ENDED}),
    OrderState.ENDED: frozenset(),
    OrderState.CANCELLED: frozenset(),
}


class PaymentKind(StrEnum):
    """Which way money went."""

    TOP_UP = "top_up"
    REFUND = "refund"


class OrderStands(Conflict):
    """The order's state does not allow the move."""

    code = "order_stands"
    message = "Order {id} is {state}, so it cannot become {wanted}. A reservation can be cancelled before its first day."


class OrderKeyUsed(Conflict):
    """The same key came with another order."""

    code = "order_key_used"
    message = "The key {key} was already used for another order. Send a new key."


class NotReservable(Problem):
    """A pool is not offered for reservation."""

    code = "not_reservable"
    status = 409
    message = "The pool {pool} cannot be reserved. Reservable are: {pools}."


class NoRoom(Problem):
    """The pool has too few cards left to reserve on a day."""

    code = "no_room"
    status = 409
    message = "On {day} only {free} cards of pool {pool} can still be reserved, fewer than {cards}. Choose other days or fewer cards."


class ReferenceUsed(Conflict):
    """A bank reference was recorded before."""

    code = "reference_used"
    message = "The bank reference {reference} was already recorded for another payment. Each bank transfer counts once; check the reference."


@dataclass(frozen=True, slots=True)
class Order:
    """Something bought ahead. `card_seconds` is what it brings in all; `recognised_fen` how much of its price is earned so far."""

    id: str
    key: str
    tenant_id: str
    person_id: str
    kind: OrderKind
    state: OrderState
    name: str
    offer_id: str | None
    accelerator: str
    pool: str | None
    cards: int
    card_seconds: int
    first_day: date | None
    last_day: date | None
    amount_fen: int
    recognised_fen: int
    credit_id: str | None
    valid_until: datetime
    look_at: datetime | None
    created_at: datetime
    ended_at: datetime | None

    @property
    def days(self) -> list[date]:
        """Return the days of a reservation, none for a package."""
        return days_between(self.first_day, self.last_day) if self.first_day and self.last_day else []


@dataclass(frozen=True, slots=True)
class ReservationTerms:
    """The price of a card for a day, and the share of the pool's cards that may be reserved."""

    pool: str
    fen_per_card_day: int
    share_permille: int


@dataclass(frozen=True, slots=True)
class Payment:
    """Money that reached the bank for a tenant or went back to it."""

    id: str
    tenant_id: str
    kind: PaymentKind
    amount_fen: int
    reference: str
    memo: str
    recorded_by: str
    at: datetime


def days_between(first: date, last: date) -> list[date]:
    """Return every day from the first to the last, both included."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """Return when a day begins and ends in the bill's zone, in UTC."""
    begins = datetime(day.year, day.month, day.day, tzinfo=BILL_ZONE)
    return begins.astimezone(UTC), (begins + timedelta(days=1)).astimezone(UTC)


def today(now: datetime) -> date:
    """Return the day of a moment in the bill's zone."""
    return now.astimezone(BILL_ZONE).date()


def earned(amount_fen: int, used: int, whole: int) -> int:
    """Return the part of a price that is earned when some of what it bought is used, rounded down."""
    return amount_fen * min(max(used, 0), whole) // whole
