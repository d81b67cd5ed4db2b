"""Tables of jobs: the job, its attempts, its history, what it waits for, idempotency keys, secrets, and run events set aside."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from wutong.kit.database import Base


class JobRow(Base):
    """A job. What it asked for and was given is JSON; what queries need is columns."""

    __tablename__ = "compute_job"
    __table_args__ = (
        Index("ix_compute_job_tenant_id", "tenant_id", "id"),
        Index("ix_compute_job_list", "tenant_id", "id", postgresql_where=text("parent_id IS NULL")),
        Index("ix_compute_job_state", "tenant_id", "state", "id"),
        Index("ix_compute_job_person_id", "tenant_id", "person_id", "id"),
        Index("ix_compute_job_labels", "labels", postgresql_using="gin", postgresql_ops={"labels": "jsonb_path_ops"}),
        Index("uq_compute_job_parent_id", "parent_id", "array_index", unique=True, postgresql_where=text("parent_id IS NOT NULL")),
        Index("ix_compute_job_due", "next_at", postgresql_where=text("state = 'waiting' AND wait_reason IN ('preparing', 'retry_later', 'money')")),
        Index("ix_compute_job_finishing", "next_at", postgresql_where=text("state = 'finishing'")),
        Index("ix_compute_job_open", "tenant_id", postgresql_where=text("ended_at IS NULL")),
        Index(
            "ix_compute_job_inputs",
            "inputs",
            postgresql_using="gin",
            postgresql_ops={"inputs": "jsonb_path_ops"},
            postgresql_where=text("parent_id IS NULL AND inputs <> '[]'::jsonb"),
        ),
        Index("ix_compute_job_ended_at", "ended_at", postgresql_where=text("ended_at IS NOT NULL"), postgresql_include=["state", "array_size"]),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str]
    person_id: Mapped[str]
    name: Mapped[str]
    state: Mapped[str]
    wait_reason: Mapped[str | None]
    reason: Mapped[str | None]
    detail: Mapped[str]
    request: Mapped[dict[str, Any]] = mapped_column(JSONB)
    flavour: Mapped[str]
    pool: Mapped[str]
    cards: Mapped[int]
    environment_id: Mapped[str | None]
    inputs: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    attempt: Mapped[int]
    tries_used: Mapped[int]
    free_used: Mapped[int]
    setbacks: Mapped[int]
    next_at: Mapped[datetime]
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("compute_job.id"))
    array_index: Mapped[int | None]
    array_size: Mapped[int | None]
    array_limit: Mapped[int | None]
    outcome: Mapped[str | None]
    stop_why: Mapped[str | None]
    stop_asked_at: Mapped[datetime | None]
    resume_from: Mapped[str | None]
    output_repo_id: Mapped[str | None]
    output_version_id: Mapped[str | None]
    metrics: Mapped[dict[str, Any]] = mapped_column(JSONB)
    labels: Mapped[dict[str, str]] = mapped_column(JSONB)
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class AttemptRow(Base):
    """One try of a job, by the name every engine knows it under."""

    __tablename__ = "compute_attempt"
    __table_args__ = (
        Index("uq_compute_attempt_job_id", "job_id", "number", unique=True),
        Index("ix_compute_attempt_to_keep", "ended_at", postgresql_where=text("log_kept_at IS NULL AND ended_at IS NOT NULL")),
    )

    run_name: Mapped[str] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("compute_job.id"))
    number: Mapped[int]
    reason: Mapped[str | None]
    detail: Mapped[str]
    exit_code: Mapped[int | None]
    restart: Mapped[int]
    ours: Mapped[bool]
    requested_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    log_kept_at: Mapped[datetime | None]


class JobEventRow(Base):
    """History of a job: appended, never edited (a trigger sees to it)."""

    __tablename__ = "compute_job_event"
    __table_args__ = (Index("ix_compute_job_event_job_id", "job_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("compute_job.id"))
    at: Mapped[datetime]
    what: Mapped[str]
    state: Mapped[str]
    attempt: Mapped[int]
    detail: Mapped[str]
    by: Mapped[str]


class EndedJobRow(Base):
    """A job that ended and of whose end nobody was told yet; jobs of arrays are told of by their array."""

    __tablename__ = "compute_ended_job"

    job_id: Mapped[str] = mapped_column(ForeignKey("compute_job.id"), primary_key=True)
    at: Mapped[datetime]


class JobKeyRow(Base):
    """An idempotency key of a tenant, and the job it made."""

    __tablename__ = "compute_job_key"

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    job_id: Mapped[str]
    digest: Mapped[str]
    created_at: Mapped[datetime]


class JobAfterRow(Base):
    """A job that waits for another to succeed."""

    __tablename__ = "compute_job_after"
    __table_args__ = (Index("ix_compute_job_after_after_id", "after_id"),)

    job_id: Mapped[str] = mapped_column(ForeignKey("compute_job.id"), primary_key=True)
    after_id: Mapped[str] = mapped_column(ForeignKey("compute_job.id"), primary_key=True)


class SecretRow(Base):
    """A tenant's secret, sealed with the centre's key."""

    __tablename__ = "compute_secret"

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    sealed: Mapped[str]
    person_id: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class EventAsideRow(Base):
    """A run event that could not be applied; it is tried again and does not stop the ones after it."""

    __tablename__ = "compute_event_aside"

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    run_name: Mapped[str]
    error: Mapped[str]
    tries: Mapped[int]
    next_at: Mapped[datetime]
