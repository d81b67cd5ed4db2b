"""All SQL of maintenance."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, or_, select, update
from sqlalchemy.orm import Session

from wutong.centre.maintenance.rules import Window
from wutong.centre.maintenance.tables import MaintenanceRow
from wutong.kit.database import notify

CHANNEL = "centre_maintenance"
_AFTER = timedelta(days=1)


def add(session: Session, window: Window) -> None:
    """Write a new window down, and wake who keeps it."""
    session.execute(insert(MaintenanceRow).values({**asdict(window), "nodes": list(window.nodes)}))
    notify(session, CHANNEL)


def find(session: Session, window_id: str) -> Window | None:
    """Return a window."""
    row = session.get(MaintenanceRow, window_id, populate_existing=True)
    return None if row is None else _window(row)


def wanted(session: Session, now: datetime, pool: str | None = None) -> list[Window]:
    """Return what is announced or under way, the earliest first."""
    rows = select(MaintenanceRow).where(MaintenanceRow.ends_at > now, MaintenanceRow.cancelled_at.is_(None))
    rows = rows if pool is None else rows.where(MaintenanceRow.pool == pool)
    return [_window(row) for row in session.scalars(rows.order_by(MaintenanceRow.begins_at, MaintenanceRow.id))]


def concerning(session: Session, now: datetime) -> list[Window]:
    """Return what engines may have to be told of: what is wanted, ended of late, or closed a pool that is to be opened again."""
    rows = select(MaintenanceRow).where(or_(MaintenanceRow.ends_at > now - _AFTER, MaintenanceRow.drained))
    return [_window(row) for row in session.scalars(rows.order_by(MaintenanceRow.begins_at, MaintenanceRow.id))]


def latest(session: Session, limit: int) -> list[Window]:
    """Return all windows, the latest first."""
    rows = select(MaintenanceRow).order_by(MaintenanceRow.begins_at.desc(), MaintenanceRow.id.desc()).limit(limit)
    return [_window(row) for row in session.scalars(rows)]


def note(session: Session, window_id: str, **values: Any) -> None:
    """Write down how a window is kept."""
    session.execute(update(MaintenanceRow).where(MaintenanceRow.id == window_id).values(**values))


def cancel(session: Session, window_id: str, now: datetime) -> bool:
    """Cancel a window that is not over; False when it was cancelled or over already."""
    there = (MaintenanceRow.id == window_id, MaintenanceRow.cancelled_at.is_(None), MaintenanceRow.ends_at > now)
    done = session.execute(update(MaintenanceRow).where(*there).values(cancelled_at=now).returning(MaintenanceRow.id)).first() is not None
    notify(session, CHANNEL)
    return done


def _window(row: MaintenanceRow) -> Window:
    values = {name: getattr(row, name) for name in Window.__dataclass_fields__}
    return Window(**{**values, "nodes": tuple(row.nodes)})
