"""Prices and package offers as plain values, and exact arithmetic between card time and fen."""

from dataclasses import dataclass
from datetime import datetime

from wutong.kit.errors import Conflict, Problem

UNITS_PER_FEN = 3_600_000
MAX_FEN_PER_CARD_HOUR = 10_000_000
DEFAULT_FEN_PER_CARD_HOUR = 600


class NoPrice(Problem):
    """A flavour has no price in force at a moment, so nobody may start on it."""

    code = "no_price"
    status = 409
    message = "The flavour {flavour} has no price at {at}. Choose another flavour, or ask the centre to set its price."


class PriceInPast(Problem):
    """A price was to begin before now: what happened is rated at the price that was in force."""

    code = "price_in_past"
    status = 422
    message = "A price of {flavour} cannot begin at {valid_from}, which is past. Let it begin at {now} or later."


class PriceTaken(Conflict):
    """Two prices of a flavour may not begin at the same moment."""

    code = "price_taken"
    message = "The flavour {flavour} has another price that begins at {valid_from}. Choose another moment."


class NoSuchOffer(Problem):
    """A package offer is not there or no longer sold."""

    code = "no_such_offer"
    status = 404
    message = "There is no package {name} on sale. On sale are: {names}."


@dataclass(frozen=True, slots=True)
class Price:
    """What one card of a flavour costs an hour, from a moment until the next version begins."""

    id: str
    flavour: str
    fen_per_card_hour: int
    valid_from: datetime


@dataclass(frozen=True, slots=True)
class PackageOffer:
    """Card-hours of one accelerator kind, sold together, to be used within some days of buying."""

    id: str
    name: str
    accelerator: str
    card_hours: int
    price_fen: int
    validity_days: int
    enabled: bool


def price_in_force(versions: list[Price], at: datetime) -> Price | None:
    """Return the version in force at a moment: of those that had begun, the one that began last."""
    begun = [price for price in versions if price.valid_from <= at]
    return max(begun, key=lambda price: price.valid_from, default=None)


def units_of(fen_per_card_hour: int, card_ms: int) -> int:
    """Return the exact cost of card time, in parts of a fen (`UNITS_PER_FEN` to the fen)."""
    return fen_per_card_hour * card_ms


def charge_for(units: int) -> tuple[int, int]:
    """Split exact cost into whole fen to charge and the rest to carry on: nothing is lost, nothing is rounded up."""
    return divmod(units, UNITS_PER_FEN)


def cost_fen(fen_per_card_hour: int, card_ms: int) -> int:
    """Return what card time will cost at most, rounded up to the fen; for holds and estimates."""
    return -(-units_of(fen_per_card_hour, card_ms) // UNITS_PER_FEN)
