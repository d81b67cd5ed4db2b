"""All SQL of the catalogue."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from wutong.compute.catalogue.rules import PackageOffer, Price
from wutong.compute.catalogue.tables import PackageOfferRow, PriceRow
from wutong.kit import clock


def find_price_at(session: Session, flavour: str, at: datetime) -> Price | None:
    """Return the version in force at a moment."""
    begun = select(PriceRow).where(PriceRow.flavour == flavour, PriceRow.valid_from <= at)
    row = session.scalar(begun.order_by(PriceRow.valid_from.desc()).limit(1))
    return _price(row) if row else None


def prices_of(session: Session, flavours: Collection[str]) -> list[Price]:
    """Return every version of some flavours, oldest first."""
    rows = session.scalars(select(PriceRow).where(PriceRow.flavour.in_(flavours)).order_by(PriceRow.flavour, PriceRow.valid_from))
    return [_price(row) for row in rows]


def priced_flavours(session: Session) -> set[str]:
    """Return the names of the flavours that have any price."""
    return set(session.scalars(select(PriceRow.flavour).distinct()))


def add_price(session: Session, price: Price, created_by: str) -> bool:
    """Append a version; False when one begins at the same moment."""
    row = {
        "id": price.id,
        "flavour": price.flavour,
        "fen_per_card_hour": price.fen_per_card_hour,
        "valid_from": price.valid_from,
        "created_by": created_by,
        "created_at": clock.now(),
    }
    added = insert(PriceRow).values(row).on_conflict_do_nothing().returning(PriceRow.id)
    return session.scalar(added) is not None


def add_offer(session: Session, offer: PackageOffer) -> bool:
    """Put a package on sale; False when its name is taken."""
    row = {
        "id": offer.id,
        "name": offer.name,
        "accelerator": offer.accelerator,
        "card_hours": offer.card_hours,
        "price_fen": offer.price_fen,
        "validity_days": offer.validity_days,
        "enabled": offer.enabled,
        "created_at": clock.now(),
    }
    added = insert(PackageOfferRow).values(row).on_conflict_do_nothing().returning(PackageOfferRow.id)
    return session.scalar(added) is not None


def end_offer(session: Session, name: str) -> PackageOffer | None:
    """Take a package off sale; None when there is none of that name on sale."""
    row = session.scalar(select(PackageOfferRow).where(PackageOfferRow.name == name, PackageOfferRow.enabled).with_for_update())
    if row is None:
        return None
    row.enabled = False
    session.flush()
    return _offer(row)


def offers_on_sale(session: Session) -> list[PackageOffer]:
    """Return the packages on sale, by name."""
    rows = session.scalars(select(PackageOfferRow).where(PackageOfferRow.enabled).order_by(PackageOfferRow.name))
    return [_offer(row) for row in rows]


def _price(row: PriceRow) -> Price:
    return Price(row.id, row.flavour, row.fen_per_card_hour, row.valid_from)


def _offer(row: PackageOfferRow) -> PackageOffer:
    return PackageOffer(row.id, row.name, row.accelerator, row.card_hours, row.price_fen, row.validity_days, row.enabled)
