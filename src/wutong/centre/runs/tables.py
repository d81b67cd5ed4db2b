"""Tables of runs: the runs, the journal of their changes, and the engines they run on."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from wutong.kit.database import Base


class RunRow(Base):
    """A run. The partial indexes keep an idle step from touching what is merely queued."""

    __tablename__ = "centre_run"
    __table_args__ = (
        CheckConstraint("phase IN ('requested', 'unconfirmed', 'queued', 'running', 'ended')", name="phase"),
        CheckConstraint("(phase = 'ended') = (reason IS NOT NULL) AND (phase = 'ended') = (ended_at IS NOT NULL)", name="ended"),
        CheckConstraint("cards >= 0 AND restart >= 0", name="counts"),
        Index("ix_centre_run_due", "engine", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        Index("ix_centre_run_live", "engine", "seen_at", postgresql_where=text("phase IN ('queued', 'running')")),
        Index("ix_centre_run_running", "pool", postgresql_where=text("phase = 'running'")),
        Index("ix_centre_run_ended", "engine", "ended_at", postgresql_where=text("phase = 'ended'")),
    )

    name: Mapped[str] = mapped_column(primary_key=True)
    pool: Mapped[str]
    engine: Mapped[str]
    tenant: Mapped[str]
    cards: Mapped[int]
    phase: Mapped[str]
    requested_at: Mapped[datetime]
    version: Mapped[int]
    restart: Mapped[int]
    reason: Mapped[str | None]
    detail: Mapped[str]
    exit_code: Mapped[int | None]
    signal: Mapped[int | None]
    position: Mapped[int | None]
    waiting_for: Mapped[str | None]
    node: Mapped[str | None]
    sent_at: Mapped[datetime | None]
    submitted_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    outputs_path: Mapped[str | None]
    max_memory_mb: Mapped[int | None]
    cpu_seconds: Mapped[float | None]
    seen_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    tries: Mapped[int]
    absent_count: Mapped[int]
    absent_since: Mapped[datetime | None]
    stop_why: Mapped[str | None]
    send_signal: Mapped[str | None]
    forget: Mapped[bool]
    forgotten_at: Mapped[datetime | None]
    spec: Mapped[dict[str, Any]] = mapped_column(JSONB)


class RunEventRow(Base):
    """A line of the journal of runs; appended under an advisory lock, never edited."""

    __tablename__ = "centre_run_event"
    __table_args__ = (Index("ix_centre_run_event_name", "name", "seq"),)

    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    name: Mapped[str]
    phase: Mapped[str]
    restart: Mapped[int]
    reason: Mapped[str | None]
    detail: Mapped[str]
    exit_code: Mapped[int | None]
    signal: Mapped[int | None]
    stop_why: Mapped[str | None]
    at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class EngineRow(Base):
    """An engine as it last described itself, and since when it does not answer."""

    __tablename__ = "centre_engine"

    name: Mapped[str] = mapped_column(primary_key=True)
    capabilities: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    refreshed_at: Mapped[datetime | None]
    lost_contact_since: Mapped[datetime | None]
    problem: Mapped[str]
    allow_unconfined: Mapped[bool]
    tenant: Mapped[str | None]
