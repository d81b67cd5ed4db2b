"""All SQL of storage."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from wutong.hub.storage.rules import DEFAULT_QUOTA_BYTES, StorageUsage
from wutong.hub.storage.tables import StorageRow, StorageUsageRow, WindowRow


def lock(session: Session, tenant_id: str, now: datetime) -> StorageRow:
    """Return the tenant's row, locked to the end of the transaction; made when it is not there."""
    row = {"tenant_id": tenant_id, "quota_bytes": DEFAULT_QUOTA_BYTES, "used_bytes": 0, "reserved_bytes": 0, "accrued_at": now}
    session.execute(insert(StorageRow).values(row).on_conflict_do_nothing())
    wanted = select(StorageRow).where(StorageRow.tenant_id == tenant_id).with_for_update()
    return session.execute(wanted, execution_options={"populate_existing": True}).scalar_one()


def find(session: Session, tenant_id: str) -> StorageRow | None:
    """Return the tenant's row."""
    wanted = select(StorageRow).where(StorageRow.tenant_id == tenant_id)
    return session.execute(wanted, execution_options={"populate_existing": True}).scalar_one_or_none()


def add_to_windows(session: Session, tenant_id: str, amounts: Sequence[tuple[datetime, int]]) -> None:
    """Add byte-seconds to hours."""
    for start, byte_seconds in amounts:
        row = insert(WindowRow).values(tenant_id=tenant_id, window_start=start, byte_seconds=byte_seconds)
        grown = {"byte_seconds": WindowRow.byte_seconds + row.excluded.byte_seconds}
        session.execute(row.on_conflict_do_update(index_elements=["tenant_id", "window_start"], set_=grown))


def behind(session: Session, before: datetime, limit: int) -> Sequence[str]:
    """Return tenants whose byte-seconds were last added before a moment."""
    wanted = select(StorageRow.tenant_id).where(StorageRow.accrued_at < before)
    return session.scalars(wanted.order_by(StorageRow.accrued_at).limit(limit)).all()


def close_windows(session: Session, before: datetime, now: datetime, limit: int) -> int:
    """Move hours that ended to the journal; the caller holds the journal's lock. Returns how many."""
    wanted = select(WindowRow).where(WindowRow.window_start < before).order_by(WindowRow.window_start, WindowRow.tenant_id).limit(limit)
    rows = session.scalars(wanted.with_for_update()).all()
    for row in rows:
        fact = {"tenant_id": row.tenant_id, "window_start": row.window_start, "byte_seconds": row.byte_seconds, "recorded_at": now}
        session.execute(insert(StorageUsageRow).values(fact))
        session.execute(delete(WindowRow).where(WindowRow.tenant_id == row.tenant_id, WindowRow.window_start == row.window_start))
    return len(rows)


def oldest_accrual(session: Session) -> datetime | None:
    """Return the moment up to which every tenant's byte-seconds have been added."""
    return session.scalar(select(func.min(StorageRow.accrued_at)))


def usage_after(session: Session, cursor: int, limit: int) -> list[StorageUsage]:
    """Return journal entries after a cursor."""
    wanted = select(StorageUsageRow).where(StorageUsageRow.seq > cursor).order_by(StorageUsageRow.seq).limit(limit)
    return [StorageUsage(row.seq, row.tenant_id, row.window_start, int(row.byte_seconds)) for row in session.scalars(wanted)]
