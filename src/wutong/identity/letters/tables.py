"""The table of letters. The secret of a link is kept as sha256 alone."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from wutong.kit.database import Base


class LetterRow(Base):
    """Somebody asked for a link. `email` is where it goes; `person_id` and the secret are there once the letter was written to somebody."""

    __tablename__ = "identity_letter"
    __table_args__ = (
        CheckConstraint("kind IN ('reset', 'email')", name="kind"),
        Index("uq_identity_letter_secret_hash", "secret_hash", unique=True),
        Index("ix_identity_letter_email", "email", "asked_at"),
        Index("ix_identity_letter_address", "address", "asked_at"),
        Index("ix_identity_letter_person_id", "person_id", "kind"),
        Index("ix_identity_letter_expires_at", "expires_at"),
        Index("ix_identity_letter_unwritten", "asked_at", postgresql_where=text("written_at IS NULL")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    email: Mapped[str]
    address: Mapped[str]
    person_id: Mapped[str | None] = mapped_column(ForeignKey("identity_person.id"))
    secret_hash: Mapped[str | None]
    asked_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    written_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
