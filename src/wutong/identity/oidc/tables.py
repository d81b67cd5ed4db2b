"""Tables of sign-in through providers: logins people have, round trips under way, and links that wait for a password."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from wutong.kit.database import Base


class LoginRow(Base):
    """A person's account at a provider."""

    __tablename__ = "identity_login"
    __table_args__ = (
        Index("uq_identity_login_subject", "provider", "subject", unique=True),
        Index("ix_identity_login_person_id", "person_id", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("identity_person.id"))
    provider: Mapped[str]
    subject: Mapped[str]
    email: Mapped[str]
    added_at: Mapped[datetime]
    last_used_at: Mapped[datetime]


class FlowRow(Base):
    """A round trip to a provider, by the sha256 of its state; read once."""

    __tablename__ = "identity_oidc_flow"
    __table_args__ = (Index("ix_identity_oidc_flow_expires_at", "expires_at"),)

    state_hash: Mapped[str] = mapped_column(primary_key=True)
    provider: Mapped[str]
    nonce: Mapped[str]
    verifier: Mapped[str]
    redirect_uri: Mapped[str]
    return_to: Mapped[str]
    person_id: Mapped[str | None]
    expires_at: Mapped[datetime]


class LinkRow(Base):
    """A provider vouched for the address of a known person: their password, given once, makes it a login of theirs."""

    __tablename__ = "identity_oidc_link"
    __table_args__ = (Index("ix_identity_oidc_link_expires_at", "expires_at"),)

    secret_hash: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[str]
    provider: Mapped[str]
    subject: Mapped[str]
    email: Mapped[str]
    return_to: Mapped[str]
    expires_at: Mapped[datetime]
