"""All SQL of uploads."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from wutong.hub.blobs.rules import File
from wutong.hub.uploads.rules import Upload, UploadKind, UploadState
from wutong.hub.uploads.tables import UploadRow


def add(session: Session, row: UploadRow) -> Upload:
    """Insert an upload."""
    session.add(row)
    session.flush()
    return plain(row)


def find(session: Session, tenant_id: str, upload_id: str, *, lock: bool = False) -> Upload | None:
    """Return a tenant's upload, locked when asked."""
    wanted = select(UploadRow).where(UploadRow.id == upload_id, UploadRow.tenant_id == tenant_id)
    row = session.execute(wanted.with_for_update() if lock else wanted, execution_options={"populate_existing": True}).scalar_one_or_none()
    return plain(row) if row else None


def count_open(session: Session, tenant_id: str) -> int:
    """Return how many uploads a tenant has open."""
    wanted = select(func.count()).where(UploadRow.tenant_id == tenant_id, UploadRow.state == UploadState.OPEN.value)
    return session.scalar(wanted) or 0


def end(session: Session, upload_id: str, values: dict[str, Any]) -> bool:
    """Move an open upload to its end; False when it was not open."""
    moved = update(UploadRow).where(UploadRow.id == upload_id, UploadRow.state == UploadState.OPEN.value).values(values)
    return session.execute(moved.returning(UploadRow.id)).first() is not None


def prolong(session: Session, upload_id: str, until: datetime) -> None:
    """Let an open upload live longer."""
    session.execute(update(UploadRow).where(UploadRow.id == upload_id, UploadRow.state == UploadState.OPEN.value).values(expires_at=until))


def list_expired(session: Session, now: datetime, limit: int) -> list[Upload]:
    """Return open uploads whose time is over."""
    wanted = select(UploadRow).where(UploadRow.state == UploadState.OPEN.value, UploadRow.expires_at < now)
    return [plain(row) for row in session.scalars(wanted.order_by(UploadRow.expires_at).limit(limit))]


def list_open(session: Session, tenant_id: str, after: str | None, limit: int) -> list[Upload]:
    """Return a tenant's open uploads, newest first."""
    wanted = select(UploadRow).where(UploadRow.tenant_id == tenant_id, UploadRow.state == UploadState.OPEN.value)
    if after is not None:
        wanted = wanted.where(UploadRow.id < after)
    return [plain(row) for row in session.scalars(wanted.order_by(UploadRow.id.desc()).limit(limit))]


def open_among(session: Session, upload_ids: Sequence[str]) -> set[str]:
    """Return those of some uploads that are open."""
    return set(session.scalars(select(UploadRow.id).where(UploadRow.id.in_(upload_ids), UploadRow.state == UploadState.OPEN.value)))


def plain(row: UploadRow) -> Upload:
    """Return an upload without its row."""
    return Upload(
        id=row.id,
        tenant_id=row.tenant_id,
        person_id=row.person_id,
        kind=UploadKind(row.kind),
        filename=row.filename,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        state=UploadState(row.state),
        reason=row.reason,
        files=tuple(File(*entry) for entry in row.result or ()),
        created_at=row.created_at,
        expires_at=row.expires_at,
    )
