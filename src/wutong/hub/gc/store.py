"""All SQL of the collector. Each step looks again under a lock before it lets something go, because what it saw before may have changed."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, Text, bindparam, text
from sqlalchemy.orm import Session

from wutong.hub.blobs.rules import Blob

_DIGESTS = bindparam("digests", type_=ARRAY(Text))


def next_to_purge(session: Session) -> str | None:
    """Return and lock a deleted version that nobody pins. Whoever pins locks it too, and only while it is not deleted."""
    wanted = text(
        """
        SELECT id FROM hub_version version WHERE deleted_at IS NOT NULL AND purged_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM hub_pin pin WHERE pin.version_id = version.id)
        ORDER BY deleted_at LIMIT 1 FOR UPDATE SKIP LOCKED
        """
    )
    found = session.scalar(wanted)
    if found is None:
        return None
    # A pin that was being written while we looked is seen by a second statement, now that we hold the row.
    pinned = session.scalar(text("SELECT 1 FROM hub_pin WHERE version_id = :id LIMIT 1"), {"id": found})
    return None if pinned else str(found)


def purge_files(session: Session, version_id: str, limit: int) -> list[tuple[str, str]]:
    """Let go of some of a version's files; returns (tenant, sha256) of each."""
    gone = text(
        """
        DELETE FROM hub_file WHERE version_id = :id AND path IN (SELECT path FROM hub_file WHERE version_id = :id ORDER BY path LIMIT :limit)
        RETURNING tenant_id, sha256
        """
    )
    return [(row.tenant_id, row.sha256) for row in session.execute(gone, {"id": version_id, "limit": limit})]


def set_purged(session: Session, version_id: str, now: datetime) -> None:
    """Note that a version holds no files any more."""
    session.execute(text("UPDATE hub_version SET purged_at = :now WHERE id = :id"), {"id": version_id, "now": now})


def owners_after(session: Session, tenant_id: str, sha256: str, now: datetime, limit: int) -> tuple[list[tuple[str, str]], tuple[str, str] | None]:
    """Look at the next rows of owners in order of key: those that may go, and the last key looked at (None at the end)."""
    wanted = text(
        """
        SELECT tenant_id, sha256, keep_until < :now AND NOT EXISTS (
            SELECT 1 FROM hub_file file WHERE file.sha256 = owner.sha256 AND file.tenant_id = owner.tenant_id
        ) AS unused
        FROM (
            SELECT tenant_id, sha256, keep_until FROM hub_blob_owner WHERE (tenant_id, sha256) > (:tenant_id, :sha256)
            ORDER BY tenant_id, sha256 LIMIT :limit
        ) owner
        """
    )
    rows = session.execute(wanted, {"tenant_id": tenant_id, "sha256": sha256, "now": now, "limit": limit}).all()
    last = (rows[-1].tenant_id, rows[-1].sha256) if len(rows) == limit else None
    return [(row.tenant_id, row.sha256) for row in rows if row.unused], last


def drop_owners(session: Session, tenant_id: str, digests: Sequence[str], now: datetime) -> list[tuple[str, int]]:
    """Let a tenant's unused blobs go; the caller holds the tenant's storage row, so no commit can begin to use one. Returns (sha256, size)."""
    gone = text(
        """
        DELETE FROM hub_blob_owner owner WHERE tenant_id = :tenant_id AND sha256 = ANY(:digests) AND keep_until < :now
        AND NOT EXISTS (SELECT 1 FROM hub_file file WHERE file.sha256 = owner.sha256 AND file.tenant_id = owner.tenant_id)
        RETURNING sha256, size_bytes
        """
    ).bindparams(_DIGESTS)
    return [(row.sha256, row.size_bytes) for row in session.execute(gone, {"tenant_id": tenant_id, "digests": list(digests), "now": now})]


def mark(session: Session, digests: Sequence[str], now: datetime) -> None:
    """Mark blobs that seem to have no owner; the sweep looks again."""
    marked = text(
        """
        UPDATE hub_blob blob SET marked_at = :now WHERE sha256 = ANY(:digests) AND marked_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM hub_blob_owner owner WHERE owner.sha256 = blob.sha256)
        AND NOT EXISTS (SELECT 1 FROM hub_hold hold WHERE hold.sha256 = blob.sha256)
        """
    ).bindparams(_DIGESTS)
    session.execute(marked, {"digests": list(digests), "now": now})


def lock_marked(session: Session, before: datetime, limit: int) -> tuple[list[str], list[str]]:
    """Lock blobs marked before a moment: (those nobody keeps, those somebody does). Nobody can begin to under the lock: the foreign key waits."""
    wanted = text("SELECT sha256 FROM hub_blob WHERE marked_at < :before ORDER BY marked_at LIMIT :limit FOR UPDATE SKIP LOCKED")
    found = list(session.scalars(wanted, {"before": before, "limit": limit}))
    owned = text(
        "SELECT sha256 FROM hub_blob_owner WHERE sha256 = ANY(:digests) UNION SELECT sha256 FROM hub_hold WHERE sha256 = ANY(:digests)"
    ).bindparams(_DIGESTS)
    kept = set(session.scalars(owned, {"digests": found})) if found else set()
    return [digest for digest in found if digest not in kept], sorted(kept)


def unmark(session: Session, digests: Sequence[str]) -> None:
    """Take the mark off blobs that turned out to be kept."""
    session.execute(text("UPDATE hub_blob SET marked_at = NULL WHERE sha256 = ANY(:digests)").bindparams(_DIGESTS), {"digests": list(digests)})


def forget_blobs(session: Session, digests: Sequence[str]) -> None:
    """Remove the rows of blobs that are no longer in the store."""
    session.execute(text("DELETE FROM hub_blob WHERE sha256 = ANY(:digests)").bindparams(_DIGESTS), {"digests": list(digests)})


def adopt(session: Session, blobs: Sequence[Blob], now: datetime) -> int:
    """Write down blobs that are in the store but in no row, already marked: a process died between the two. Returns how many."""
    added = text(
        """
        INSERT INTO hub_blob (sha256, size_bytes, created_at, marked_at)
        SELECT sha256, size_bytes, :now, :now FROM unnest(:digests, :sizes) AS given(sha256, size_bytes) ORDER BY sha256
        ON CONFLICT DO NOTHING RETURNING sha256
        """
    ).bindparams(_DIGESTS, bindparam("sizes", type_=ARRAY(BigInteger)))
    given = {"digests": [blob.sha256 for blob in blobs], "sizes": [blob.size_bytes for blob in blobs], "now": now}
    return len(session.execute(added, given).all())
