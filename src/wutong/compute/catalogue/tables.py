"""Tables of the catalogue: prices are only ever added to (a trigger refuses the rest)."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from wutong.kit.database import Base


class PriceRow(Base):
    """One version of a flavour's price."""

    __tablename__ = "compute_price"
    __table_args__ = (UniqueConstraint("flavour", "valid_from"), CheckConstraint("fen_per_card_hour >= 0", name="not_negative"))

    id: Mapped[str] = mapped_column(primary_key=True)
    flavour: Mapped[str]
    fen_per_card_hour: Mapped[int] = mapped_column(BigInteger)
    valid_from: Mapped[datetime]
    created_by: Mapped[str]
    created_at: Mapped[datetime]


class PackageOfferRow(Base):
    """A package on sale."""

    __tablename__ = "compute_package_offer"
    __table_args__ = (
        UniqueConstraint("name"),
        CheckConstraint("card_hours > 0 AND price_fen > 0 AND validity_days > 0", name="sensible"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    accelerator: Mapped[str]
    card_hours: Mapped[int] = mapped_column(BigInteger)
    price_fen: Mapped[int] = mapped_column(BigInteger)
    validity_days: Mapped[int]
    enabled: Mapped[bool]
    created_at: Mapped[datetime]
