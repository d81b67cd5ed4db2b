"""Tables of billing. Charges are only ever added to; jobs write only new rows here, so that they never wait for the settler's locks."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from wutong.kit.database import Base

SUMMED = ["person_id", "kind", "window_start", "at", "card_ms", "package_seconds", "amount_fen"]


class BilledJobRow(Base):
    """A job, its holds as far as they are used, and where it stands on the ladder."""

    __tablename__ = "compute_billed_job"
    __table_args__ = (
        CheckConstraint("cards > 0", name="cards"),
        CheckConstraint("held_fen >= 0 AND held_package_s >= 0", name="held"),
        Index("ix_compute_billed_job_look_at", "look_at", postgresql_where=text("look_at IS NOT NULL")),
        Index("ix_compute_billed_job_open", "tenant_id", "person_id", postgresql_where=text("settled_at IS NULL")),
    )

    job_id: Mapped[str] = mapped_column(primary_key=True)
    job_name: Mapped[str]
    tenant_id: Mapped[str]
    person_id: Mapped[str]
    flavour: Mapped[str]
    pool: Mapped[str]
    accelerator: Mapped[str]
    cards: Mapped[int]
    time_limit_s: Mapped[int] = mapped_column(BigInteger)
    hold_s: Mapped[int] = mapped_column(BigInteger)
    held_fen: Mapped[int] = mapped_column(BigInteger)
    held_package_s: Mapped[int] = mapped_column(BigInteger)
    checkpoint_signal: Mapped[str | None]
    stage: Mapped[str]
    covered_until: Mapped[datetime | None]
    look_at: Mapped[datetime | None]
    stop_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]


class BilledRunRow(Base):
    """An attempt and its meter. Only the settler changes it."""

    __tablename__ = "compute_billed_run"
    __table_args__ = (
        Index("ix_compute_billed_run_job_id", "job_id"),
        Index("ix_compute_billed_run_history", "tenant_id", "flavour", "created_at"),
        CheckConstraint("amount_fen = units / 3600000", name="exact"),
    )

    run_name: Mapped[str] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("compute_billed_job.job_id"))
    tenant_id: Mapped[str]
    flavour: Mapped[str]
    attempt: Mapped[int]
    card_ms: Mapped[int] = mapped_column(BigInteger)
    package_seconds: Mapped[int] = mapped_column(BigInteger)
    package_carry_ms: Mapped[int] = mapped_column(BigInteger)
    units: Mapped[int] = mapped_column(BigInteger)
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    final_restart: Mapped[int]
    fault: Mapped[bool]
    created_at: Mapped[datetime]


class RunEndRow(Base):
    """That an attempt ended, as the jobs say; `done_at` when billing has drawn its consequences."""

    __tablename__ = "compute_run_end"
    __table_args__ = (Index("ix_compute_run_end_due", "at", postgresql_where=text("done_at IS NULL")),)

    run_name: Mapped[str] = mapped_column(ForeignKey("compute_billed_run.run_name"), primary_key=True)
    reason: Mapped[str]
    our_fault: Mapped[bool]
    started: Mapped[bool]
    restart: Mapped[int]
    at: Mapped[datetime]
    done_at: Mapped[datetime | None]


class StartFaultRow(Base):
    """A start that the centre cut short while its attempt went on: nobody pays for it. `done_at` when what was charged for it has been taken back."""

    __tablename__ = "compute_start_fault"
    __table_args__ = (Index("ix_compute_start_fault_due", "at", postgresql_where=text("done_at IS NULL")),)

    run_name: Mapped[str] = mapped_column(ForeignKey("compute_billed_run.run_name"), primary_key=True)
    restart: Mapped[int] = mapped_column(primary_key=True)
    reason: Mapped[str]
    at: Mapped[datetime]
    done_at: Mapped[datetime | None]


class JobCloseRow(Base):
    """That a job will have no further attempt; `settled_at` when its last usage was charged and its holds were let go."""

    __tablename__ = "compute_job_close"
    __table_args__ = (Index("ix_compute_job_close_due", "look_at", postgresql_where=text("settled_at IS NULL")),)

    job_id: Mapped[str] = mapped_column(ForeignKey("compute_billed_job.job_id"), primary_key=True)
    at: Mapped[datetime]
    look_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]


class ChargeRow(Base):
    """One line of the bill, never changed."""

    __tablename__ = "compute_charge"
    __table_args__ = (
        UniqueConstraint("usage_seq"),
        UniqueConstraint("reverses"),
        Index("ix_compute_charge_window", "run_name", "restart", "window_start"),
        # Holds what a month is added up from: its charges lie scattered over the table, an organisation's in this index side by side.
        Index("ix_compute_charge_bill", "tenant_id", "month", "job_id", postgresql_include=SUMMED),
        Index("ix_compute_charge_job", "job_id", "seq"),
        CheckConstraint("(kind = 'reversal') = (reverses IS NOT NULL)", name="reversal"),
        CheckConstraint("(kind = 'reversal') = (usage_seq IS NULL)", name="usage"),
        CheckConstraint("kind = 'reversal' OR (card_ms > 0 AND amount_fen >= 0 AND package_seconds >= 0)", name="positive"),
        CheckConstraint("to_card_ms - from_card_ms = abs(card_ms)", name="window"),
    )

    seq: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    id: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    tenant_id: Mapped[str]
    person_id: Mapped[str]
    job_id: Mapped[str] = mapped_column(ForeignKey("compute_billed_job.job_id"))
    run_name: Mapped[str] = mapped_column(ForeignKey("compute_billed_run.run_name"))
    restart: Mapped[int]
    window_start: Mapped[datetime]
    usage_seq: Mapped[int | None] = mapped_column(BigInteger)
    from_card_ms: Mapped[int] = mapped_column(BigInteger)
    to_card_ms: Mapped[int] = mapped_column(BigInteger)
    card_ms: Mapped[int] = mapped_column(BigInteger)
    money_ms: Mapped[int] = mapped_column(BigInteger)
    package_seconds: Mapped[int] = mapped_column(BigInteger)
    price_id: Mapped[str | None] = mapped_column(ForeignKey("compute_price.id"))
    fen_per_card_hour: Mapped[int] = mapped_column(BigInteger)
    units: Mapped[int] = mapped_column(BigInteger)
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    transfer_key: Mapped[str | None]
    reverses: Mapped[str | None] = mapped_column(ForeignKey("compute_charge.id"))
    month: Mapped[str]
    at: Mapped[datetime]
    reason: Mapped[str]


class UnratedRow(Base):
    """A usage record that waits to be rated, whole, with the reason."""

    __tablename__ = "compute_unrated"
    __table_args__ = (Index("ix_compute_unrated_retry_at", "retry_at"), Index("ix_compute_unrated_run_name", "run_name"))

    usage_seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    usage_id: Mapped[str]
    run_name: Mapped[str]
    restart: Mapped[int]
    window_start: Mapped[datetime]
    seconds_ms: Mapped[int] = mapped_column(BigInteger)
    cards: Mapped[int]
    card_seconds_ms: Mapped[int] = mapped_column(BigInteger)
    final: Mapped[bool]
    fault: Mapped[str]
    reason: Mapped[str]
    detail: Mapped[str]
    tries: Mapped[int]
    since: Mapped[datetime]
    retry_at: Mapped[datetime]


class LadderRow(Base):
    """Where a tenant (an empty `person_id`) or a person stands; looked at when something was charged or paid in."""

    __tablename__ = "compute_ladder"
    __table_args__ = (Index("ix_compute_ladder_due_at", "due_at", postgresql_where=text("due_at IS NOT NULL")),)

    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(primary_key=True)
    base_fen: Mapped[int] = mapped_column(BigInteger)
    period: Mapped[int]
    level: Mapped[int]
    due_at: Mapped[datetime | None]


class NoticeRow(Base):
    """A warning, once for each level of each period."""

    __tablename__ = "compute_notice"
    __table_args__ = (
        UniqueConstraint("tenant_id", "person_id", "kind", "level", "period", "job_id"),
        Index("ix_compute_notice_list", "tenant_id", "id"),
        Index("ix_compute_notice_untold", "id", postgresql_where=text("told_at IS NULL")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str]
    person_id: Mapped[str]
    kind: Mapped[str]
    level: Mapped[int]
    period: Mapped[str]
    job_id: Mapped[str]
    left_fen: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime]
    told_at: Mapped[datetime | None]
