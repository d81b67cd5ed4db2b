"""Tables of identity. Secrets of sessions, tokens and invitations are stored only as sha256."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, String, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from wutong.kit.database import Base


class TenantRow(Base):
    """An organisation."""

    __tablename__ = "identity_tenant"
    __table_args__ = (
        CheckConstraint("length(credit_code) = 18", name="credit_code"),
        CheckConstraint("state IN ('active', 'suspended')", name="state"),
        Index("uq_identity_tenant_credit_code", "credit_code", unique=True),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    credit_code: Mapped[str]
    kind: Mapped[str]
    state: Mapped[str]
    state_reason: Mapped[str]
    created_at: Mapped[datetime]


class PersonRow(Base):
    """Somebody who signs in."""

    __tablename__ = "identity_person"
    __table_args__ = (
        CheckConstraint("email = lower(email)", name="email_lower"),
        CheckConstraint("language IN ('zh', 'en')", name="language"),
        Index("uq_identity_person_email", "email", unique=True),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str]
    name: Mapped[str]
    password_hash: Mapped[str | None]
    language: Mapped[str]
    zone: Mapped[str]
    created_at: Mapped[datetime]


class MembershipRow(Base):
    """A person in a tenant, with one role."""

    __tablename__ = "identity_membership"
    __table_args__ = (
        CheckConstraint("role IN ('owner', 'admin', 'finance', 'member', 'viewer')", name="role"),
        Index("ix_identity_membership_person_id", "person_id"),
    )

    tenant_id: Mapped[str] = mapped_column(ForeignKey("identity_tenant.id"), primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("identity_person.id"), primary_key=True)
    role: Mapped[str]
    joined_at: Mapped[datetime]


class CentreRoleRow(Base):
    """A role of the centre held by a person."""

    __tablename__ = "identity_centre_role"
    __table_args__ = (CheckConstraint("role IN ('operator', 'finance', 'subsidy', 'auditor')", name="role"),)

    person_id: Mapped[str] = mapped_column(ForeignKey("identity_person.id"), primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)
    granted_by: Mapped[str]
    granted_at: Mapped[datetime]


class InvitationRow(Base):
    """An invitation by e-mail address."""

    __tablename__ = "identity_invitation"
    __table_args__ = (
        Index("uq_identity_invitation_secret_hash", "secret_hash", unique=True),
        Index("ix_identity_invitation_tenant_id", "tenant_id", "id"),
        Index("ix_identity_invitation_untold", "id", postgresql_where=text("told_at IS NULL")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("identity_tenant.id"))
    email: Mapped[str]
    role: Mapped[str]
    secret_hash: Mapped[str]
    invited_by: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]


class SessionRow(Base):
    """A signed-in browser or command."""

    __tablename__ = "identity_session"
    __table_args__ = (
        Index("uq_identity_session_secret_hash", "secret_hash", unique=True),
        Index("ix_identity_session_person_id", "person_id", "id"),
        Index("ix_identity_session_expires_at", "expires_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("identity_person.id"))
    tenant_id: Mapped[str | None] = mapped_column(ForeignKey("identity_tenant.id"))
    secret_hash: Mapped[str]
    address: Mapped[str]
    device: Mapped[str]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class TokenRow(Base):
    """An API token."""

    __tablename__ = "identity_token"
    __table_args__ = (
        Index("uq_identity_token_secret_hash", "secret_hash", unique=True),
        Index("ix_identity_token_tenant_id", "tenant_id", "id"),
        Index("ix_identity_token_person_id", "person_id", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str | None] = mapped_column(ForeignKey("identity_tenant.id"))
    person_id: Mapped[str] = mapped_column(ForeignKey("identity_person.id"))
    name: Mapped[str]
    hint: Mapped[str]
    secret_hash: Mapped[str]
    scopes: Mapped[list[str] | None] = mapped_column(ARRAY(String))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class SignInRow(Base):
    """One attempt to sign in; what the lock is counted from."""

    __tablename__ = "identity_sign_in"
    __table_args__ = (
        Index("ix_identity_sign_in_email", "email", "at"),
        Index("ix_identity_sign_in_address", "address", "at"),
        Index("ix_identity_sign_in_at", "at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    email: Mapped[str]
    address: Mapped[str]
    ok: Mapped[bool]
    at: Mapped[datetime]


class AuditRow(Base):
    """Who did what. Append-only by trigger; holds no foreign keys, so that it outlives what it tells of."""

    __tablename__ = "identity_audit"
    __table_args__ = (
        Index("ix_identity_audit_tenant_id", "tenant_id", "id"),
        Index("ix_identity_audit_kind", "kind", "object_id", "id"),
        Index("ix_identity_audit_person_id", "person_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime]
    tenant_id: Mapped[str | None]
    person_id: Mapped[str]
    person_name: Mapped[str]
    via: Mapped[str]
    address: Mapped[str]
    action: Mapped[str]
    kind: Mapped[str]
    object_id: Mapped[str]
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
