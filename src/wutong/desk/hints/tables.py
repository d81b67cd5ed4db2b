"""Table of hints that were put away."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from wutong.kit.database import Base


class PutAwayRow(Base):
    """A hint that a person put away for one organisation."""

    __tablename__ = "desk_put_away"

    person_id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    hint: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
