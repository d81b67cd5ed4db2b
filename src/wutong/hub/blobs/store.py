"""All SQL of blobs. Who changes a tenant's owner rows holds the lock on that tenant's storage row."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ARRAY, BigInteger, Text, bindparam, insert, select, text
from sqlalchemy.orm import Session

from wutong.hub.blobs.rules import Blob
from wutong.hub.blobs.tables import BlobRow, HoldRow

_RECORD = text(
    """
    INSERT INTO hub_blob AS held (sha256, size_bytes, created_at)
    SELECT sha256, size_bytes, :now FROM unnest(:digests, :sizes) AS given(sha256, size_bytes) ORDER BY sha256
    ON CONFLICT (sha256) DO UPDATE SET marked_at = NULL WHERE held.marked_at IS NOT NULL
    RETURNING sha256
    """
).bindparams(bindparam("digests", type_=ARRAY(Text)), bindparam("sizes", type_=ARRAY(BigInteger)))

_OWN = text(
    """
    INSERT INTO hub_blob_owner (tenant_id, sha256, size_bytes, keep_until)
    SELECT :tenant_id, sha256, size_bytes, :keep_until FROM hub_blob WHERE sha256 = ANY(:digests)
    ON CONFLICT DO NOTHING
    RETURNING size_bytes
    """
).bindparams(bindparam("digests", type_=ARRAY(Text)))

_KEEP = text(
    """
    UPDATE hub_blob_owner SET keep_until = :keep_until
    WHERE tenant_id = :tenant_id AND sha256 = ANY(:digests) AND keep_until BETWEEN :low AND :high
    """
).bindparams(bindparam("digests", type_=ARRAY(Text)))

_OWNED = text("SELECT sha256, size_bytes FROM hub_blob_owner WHERE tenant_id = :tenant_id AND sha256 = ANY(:digests)").bindparams(
    bindparam("digests", type_=ARRAY(Text))
)

_PUBLIC = text(
    """
    SELECT wanted.sha256 FROM unnest(:digests) AS wanted(sha256)
    WHERE EXISTS (
        SELECT 1 FROM hub_file file JOIN hub_version version ON version.id = file.version_id JOIN hub_repo repo ON repo.id = version.repo_id
        WHERE file.sha256 = wanted.sha256 AND version.deleted_at IS NULL AND repo.deleted_at IS NULL AND repo.visibility = 'public'
    )
    """
).bindparams(bindparam("digests", type_=ARRAY(Text)))


def record(session: Session, blobs: Sequence[Blob], now: datetime) -> list[str]:
    """Write blobs down and lock their rows in order of digest. Returns those that were new or marked: only these can be missing from the store."""
    given = {"digests": [blob.sha256 for blob in blobs], "sizes": [blob.size_bytes for blob in blobs], "now": now}
    return list(session.scalars(_RECORD, given))


def own(session: Session, tenant_id: str, digests: Sequence[str], keep_until: datetime) -> int:
    """Make the tenant an owner of recorded blobs. Returns how many bytes it did not own before."""
    given = {"tenant_id": tenant_id, "digests": list(digests), "keep_until": keep_until}
    return sum(session.scalars(_OWN, given))


def hold(session: Session, sha256: str, holder: str, now: datetime) -> None:
    """Let something outside the hub keep a recorded blob."""
    session.execute(insert(HoldRow).values(holder=holder, sha256=sha256, since=now))


def keep(session: Session, tenant_id: str, digests: Sequence[str], keep_until: datetime) -> None:
    """Keep owned blobs at least until a moment though no version holds them; rows within an hour of it are left alone."""
    low, high = datetime.min.replace(tzinfo=keep_until.tzinfo), keep_until - timedelta(hours=1)
    session.execute(_KEEP, {"tenant_id": tenant_id, "digests": list(digests), "keep_until": keep_until, "low": low, "high": high})


def keep_no_longer_than(session: Session, tenant_id: str, digests: Sequence[str], keep_until: datetime) -> None:
    """Let owned blobs go from a moment on: a version holds them now, and when it goes they need not linger."""
    low, high = keep_until, datetime.max.replace(tzinfo=keep_until.tzinfo)
    session.execute(_KEEP, {"tenant_id": tenant_id, "digests": list(digests), "keep_until": keep_until, "low": low, "high": high})


def owned(session: Session, tenant_id: str, digests: Sequence[str]) -> dict[str, int]:
    """Return the size of those blobs the tenant owns."""
    rows = session.execute(_OWNED, {"tenant_id": tenant_id, "digests": list(digests)})
    return {row.sha256: row.size_bytes for row in rows}


def public(session: Session, digests: Sequence[str]) -> set[str]:
    """Return those blobs that a published version holds, so that anybody may use them."""
    return set(session.scalars(_PUBLIC, {"digests": list(digests)})) if digests else set()


def sizes(session: Session, digests: Sequence[str]) -> dict[str, int]:
    """Return the size of recorded blobs."""
    rows = session.execute(select(BlobRow.sha256, BlobRow.size_bytes).where(BlobRow.sha256.in_(digests)))
    return {row.sha256: row.size_bytes for row in rows}
