"""Quota, use and metering of tenants' storage."""

from datetime import datetime

from sqlalchemy.orm import Session

from wutong.hub.storage import store
from wutong.hub.storage.rules import DEFAULT_QUOTA_BYTES, QuotaExceeded, Storage, StorageUsage, windows
from wutong.hub.storage.tables import StorageRow
from wutong.identity.rules import Permission, Principal, require
from wutong.identity.service import audit
from wutong.kit import clock
from wutong.kit.errors import Invalid

MAX_QUOTA_BYTES = 1 << 60


def storage(session: Session, tenant_id: str) -> Storage:
    """Return what a tenant uses of its quota."""
    row = store.find(session, tenant_id)
    return _plain(row) if row else Storage(tenant_id, 0, 0, DEFAULT_QUOTA_BYTES)


def set_quota(session: Session, who: Principal, tenant_id: str, quota_bytes: int) -> Storage:
    """Set a tenant's quota. One below what is used deletes nothing, but nothing more can be stored."""
    require(who, Permission.CENTRE_OPERATE)
    if not 0 <= quota_bytes <= MAX_QUOTA_BYTES:
        raise Invalid(field="quota_bytes", reason=f"Give a quota from 0 to {MAX_QUOTA_BYTES} bytes.")
    row = lock_storage(session, tenant_id)
    before, row.quota_bytes = row.quota_bytes, quota_bytes
    session.flush()
    audit(
        session,
        who,
        "storage.set_quota",
        kind="storage",
        id=tenant_id,
        tenant_id=tenant_id,
        before={"quota_bytes": before},
        after={"quota_bytes": quota_bytes},
    )
    return _plain(row)


def storage_usage_after(session: Session, cursor: int, limit: int) -> list[StorageUsage]:
    """Return closed hours of storage after a cursor, oldest first."""
    return store.usage_after(session, cursor, limit)


def lock_storage(session: Session, tenant_id: str) -> StorageRow:
    """Put this transaction's changes to the tenant's blobs in order with all others; only for rooms of the hub."""
    return store.lock(session, tenant_id, _second(clock.now()))


def reserve(session: Session, tenant_id: str, size_bytes: int) -> None:
    """Set room aside before the first byte comes. Raises `QuotaExceeded`."""
    row = lock_storage(session, tenant_id)
    _check_room(row, size_bytes)
    row.reserved_bytes += size_bytes
    session.flush()


def unreserve(session: Session, tenant_id: str, size_bytes: int) -> None:
    """Give back room that was set aside."""
    row = lock_storage(session, tenant_id)
    row.reserved_bytes -= size_bytes
    session.flush()


def change_used(session: Session, tenant_id: str, delta_bytes: int) -> None:
    """Add to or take from what a tenant uses, metering what it used until now. Raises `QuotaExceeded` when it grows beyond the quota."""
    row = lock_storage(session, tenant_id)
    accrue(session, row)
    if delta_bytes > 0:
        _check_room(row, delta_bytes)
    row.used_bytes += delta_bytes
    session.flush()


def accrue(session: Session, row: StorageRow) -> None:
    """Add the byte-seconds since the last time to the hours they fell in."""
    now = _second(clock.now())
    if now <= row.accrued_at:
        return
    if row.used_bytes:
        amounts = [(start, seconds * row.used_bytes) for start, seconds in windows(row.accrued_at, now)]
        store.add_to_windows(session, row.tenant_id, amounts)
    row.accrued_at = now
    session.flush()


def _check_room(row: StorageRow, needed_bytes: int) -> None:
    if row.used_bytes + row.reserved_bytes + needed_bytes > row.quota_bytes:
        raise QuotaExceeded(needed_bytes, _plain(row))


def _plain(row: StorageRow) -> Storage:
    return Storage(row.tenant_id, row.used_bytes, row.reserved_bytes, row.quota_bytes)


def _second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
