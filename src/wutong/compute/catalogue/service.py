"""Prices and package offers, for the rest of compute and the doors."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from wutong.centre import service as centre
from wutong.compute.catalogue import rules, store
from wutong.compute.catalogue.rules import NoPrice, NoSuchOffer, PackageOffer, Price, PriceInPast, PriceTaken
from wutong.identity import service as identity
from wutong.identity.rules import Permission, Principal, require
from wutong.kit import clock
from wutong.kit.errors import Conflict, Invalid
from wutong.kit.ids import new_id

LATE_BY = timedelta(seconds=60)


def price_at(session: Session, flavour: str, at: datetime) -> Price:
    """Return the price in force at a moment; raises `NoPrice`."""
    price = store.find_price_at(session, flavour, at)
    if price is None:
        raise NoPrice(flavour=flavour, at=at.isoformat(timespec="seconds"))
    return price


def price_versions(session: Session, flavours: Collection[str]) -> dict[str, list[Price]]:
    """Return every version of some flavours' prices, oldest first, by flavour."""
    versions: dict[str, list[Price]] = {flavour: [] for flavour in flavours}
    for price in store.prices_of(session, flavours):
        versions[price.flavour].append(price)
    return versions


def set_price(session: Session, who: Principal, flavour: str, fen_per_card_hour: int, valid_from: datetime | None = None) -> Price:
    """Append a version of a flavour's price, from now on or from a later moment. What happened before keeps its price."""
    require(who, Permission.CENTRE_OPERATE)
    centre.get_flavour(session, flavour)
    if not 0 <= fen_per_card_hour <= rules.MAX_FEN_PER_CARD_HOUR:
        reason = f"Set a price from 0 to {rules.MAX_FEN_PER_CARD_HOUR} fen a card-hour."
        raise Invalid(field="fen_per_card_hour", reason=reason)
    now = clock.now()
    begins = valid_from or now
    if begins < now - LATE_BY:
        raise PriceInPast(flavour=flavour, valid_from=begins.isoformat(timespec="seconds"), now=now.isoformat(timespec="seconds"))
    before = store.find_price_at(session, flavour, begins)
    price = Price(new_id("price"), flavour, fen_per_card_hour, max(begins, now))
    if not store.add_price(session, price, who.person_id):
        raise PriceTaken(flavour=flavour, valid_from=price.valid_from.isoformat(timespec="seconds"))
    identity.audit(
        session,
        who,
        "price.set",
        kind="price",
        id=price.id,
        before={"fen_per_card_hour": before.fen_per_card_hour} if before else None,
        after={"flavour": flavour, "fen_per_card_hour": fen_per_card_hour, "valid_from": price.valid_from.isoformat()},
    )
    return price


def list_prices(session: Session, flavours: Collection[str] | None = None) -> list[Price]:
    """Return the price in force now of each flavour that has one (of all flavours by default)."""
    names = [flavour.name for flavour in centre.list_flavours(session)] if flavours is None else flavours
    now = clock.now()
    found = [rules.price_in_force(versions, now) for versions in price_versions(session, names).values()]
    return [price for price in found if price is not None]


def seed_prices(session: Session, fen_per_card_hour: int = rules.DEFAULT_FEN_PER_CARD_HOUR) -> int:
    """Give every flavour that never had a price the default one; returns how many were given one. May be repeated."""
    priced = store.priced_flavours(session)
    flavours = [flavour.name for flavour in centre.list_flavours(session) if flavour.name not in priced]
    now = clock.now()
    return sum(store.add_price(session, Price(new_id("price"), name, fen_per_card_hour, now), "seed") for name in flavours)


def offer_package(
    session: Session, who: Principal, *, name: str, accelerator: str, card_hours: int, price_fen: int, validity_days: int
) -> PackageOffer:
    """Put a package of card-hours on sale."""
    require(who, Permission.CENTRE_OPERATE)
    for field, value, most in (("card_hours", card_hours, 10**7), ("price_fen", price_fen, 10**12), ("validity_days", validity_days, 3660)):
        if not 1 <= value <= most:
            raise Invalid(field=field, reason=f"Give a whole number from 1 to {most}.")
    known = [kind.name for kind in centre.list_accelerators(session)]
    if accelerator not in known:
        raise Invalid(field="accelerator", reason=f"There is no accelerator {accelerator}. Choose one of: {', '.join(known) or 'none yet'}.")
    offer = PackageOffer(new_id("offer"), name, accelerator, card_hours, price_fen, validity_days, enabled=True)
    if not store.add_offer(session, offer):
        raise Conflict(reason=f"There is or was a package called {name}. Choose another name, so that old orders stay clear.")
    identity.audit(session, who, "package.offer", kind="offer", id=offer.id, after={"name": name, "price_fen": price_fen, "card_hours": card_hours})
    return offer


def end_offer(session: Session, who: Principal, name: str) -> PackageOffer:
    """Take a package off sale; what was bought stays valid."""
    require(who, Permission.CENTRE_OPERATE)
    offer = store.end_offer(session, name)
    if offer is None:
        raise _no_offer(session, name)
    identity.audit(session, who, "package.end", kind="offer", id=offer.id, after={"enabled": False})
    return offer


def list_offers(session: Session) -> list[PackageOffer]:
    """Return the packages on sale, by name."""
    return store.offers_on_sale(session)


def get_offer(session: Session, name: str) -> PackageOffer:
    """Return a package on sale by name or id; raises `NoSuchOffer` with the names there are."""
    for offer in store.offers_on_sale(session):
        if name in (offer.name, offer.id):
            return offer
    raise _no_offer(session, name)


def _no_offer(session: Session, name: str) -> NoSuchOffer:
    return NoSuchOffer(name=name, names=", ".join(offer.name for offer in store.offers_on_sale(session)) or "none")
