"""Tables of the forecast: what is told of waiting runs, what came of it, each pool's outlook, and what the forecasters have learnt."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from wutong.kit.database import Base


class ForecastRow(Base):
    """A run that waits: what is told of it now, and what was told of it first, to be held against what comes."""

    __tablename__ = "centre_forecast"
    __table_args__ = (CheckConstraint("bound_at >= start_at AND first_bound_at >= first_start_at", name="bounds"),)

    run_name: Mapped[str] = mapped_column(primary_key=True)
    pool: Mapped[str]
    made_at: Mapped[datetime]
    start_at: Mapped[datetime]
    bound_at: Mapped[datetime | None]
    first_made_at: Mapped[datetime]
    first_start_at: Mapped[datetime]
    first_bound_at: Mapped[datetime | None]


class ForecastScoreRow(Base):
    """A run that started: what was told of it first, and when it did start. Kept for as long as accuracy is asked for."""

    __tablename__ = "centre_forecast_score"
    __table_args__ = (Index("ix_centre_forecast_score_started_at", "started_at"),)

    run_name: Mapped[str] = mapped_column(primary_key=True)
    made_at: Mapped[datetime] = mapped_column(primary_key=True)
    pool: Mapped[str]
    start_at: Mapped[datetime]
    bound_at: Mapped[datetime | None]
    started_at: Mapped[datetime]


class OutlookRow(Base):
    """What a pool holds for jobs not submitted yet; `cells` as [cards, limit in seconds, wait in seconds, its bound or null]."""

    __tablename__ = "centre_outlook"

    pool: Mapped[str] = mapped_column(primary_key=True)
    made_at: Mapped[datetime]
    cells: Mapped[list[Any]] = mapped_column(JSONB)


class ForecasterRow(Base):
    """What a pool's forecaster has learnt, up to a line of the journal of runs."""

    __tablename__ = "centre_forecaster"

    pool: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    saved_at: Mapped[datetime]
    state: Mapped[dict[str, Any]] = mapped_column(JSONB)
