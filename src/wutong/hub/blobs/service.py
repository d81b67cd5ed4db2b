"""Which tenant may use which blobs. A blob exists for a tenant only if it owns it or can read a published version that holds it."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from wutong.hub.blobs import store
from wutong.hub.blobs.local import LocalBlobs
from wutong.hub.blobs.rules import Blob, BlobStore, File, MissingBlobs, check_digest
from wutong.hub.storage.service import change_used, lock_storage
from wutong.identity.rules import Permission, Principal, require_tenant
from wutong.kit import clock
from wutong.kit.errors import Invalid

KEEP_UPLOADED = timedelta(days=7)
KEEP_COMMITTED = timedelta(hours=1)
MAX_ASKED = 10_000


def open_blobs(url: str | None, folder: Path) -> BlobStore:
    """Return the blob store of the settings: an object store when there is a URL, else the folder."""
    if url is None:
        return LocalBlobs(folder)
    from wutong.hub.blobs.objects import ObjectBlobs  # four megabytes that a centre with a folder never needs

    return ObjectBlobs(url)


def missing_blobs(session: Session, who: Principal, digests: Sequence[str]) -> list[str]:
    """Return those digests the tenant has yet to upload, in the order given; the others are kept for its commit to come."""
    tenant_id = require_tenant(who, Permission.DATA_WRITE)
    if len(digests) > MAX_ASKED:
        raise Invalid(field="digests", reason=f"Ask for at most {MAX_ASKED} digests at a time.")
    wanted = list(dict.fromkeys(check_digest(digest) for digest in digests))
    lock_storage(session, tenant_id)
    have = set(store.owned(session, tenant_id, wanted))
    store.keep(session, tenant_id, sorted(have), clock.now() + KEEP_UPLOADED)
    have |= store.public(session, [digest for digest in wanted if digest not in have])
    return [digest for digest in wanted if digest not in have]


def record_blobs(session: Session, tenant_id: str, files: Iterable[File | Blob], *, blobs: BlobStore) -> int:
    """Make a tenant the owner of blobs that were just put into the store; returns the bytes this added to what it uses.

    Raises `QuotaExceeded`, and `MissingBlobs` when the collector took one away between the put and now: put it again and repeat.
    """
    given = {file.sha256: Blob(file.sha256, file.size_bytes) for file in files}
    if not given:
        return 0
    lock_storage(session, tenant_id)
    fresh = store.record(session, list(given.values()), clock.now())
    lost = [digest for digest in fresh if not blobs.exists(digest)]
    if lost:
        raise MissingBlobs(lost)
    return _own(session, tenant_id, list(given))


def hold_blob(session: Session, blob: Blob, holder: str, *, blobs: BlobStore) -> None:
    """Keep a blob that was just put into the store for something outside the hub, in no organisation's quota and for good.

    The hub gives it to nobody: whoever holds it decides who reads it. Raises `MissingBlobs` as `record_blobs` does.
    """
    now = clock.now()
    if store.record(session, [blob], now) and not blobs.exists(blob.sha256):
        raise MissingBlobs([blob.sha256])
    store.hold(session, blob.sha256, holder, now)


def claim_blobs(session: Session, tenant_id: str, files: Sequence[File]) -> None:
    """Check that a tenant may use every file's blob and make it an owner of the published ones. Raises `MissingBlobs` with all that it may not."""
    wanted = sorted({file.sha256 for file in files})
    lock_storage(session, tenant_id)
    have = store.owned(session, tenant_id, wanted)
    rest = [digest for digest in wanted if digest not in have]
    if rest:
        free = store.public(session, rest)
        missing = [digest for digest in rest if digest not in free]
        if missing:
            raise MissingBlobs(missing)
        _own(session, tenant_id, rest)
        have |= store.owned(session, tenant_id, rest)
    for file in files:
        if have[file.sha256] != file.size_bytes:
            raise Invalid(field="files", reason=f"{file.path} has {have[file.sha256]} bytes, not {file.size_bytes}. Send the true size.")
    store.keep_no_longer_than(session, tenant_id, wanted, clock.now() + KEEP_COMMITTED)


def _own(session: Session, tenant_id: str, digests: Sequence[str]) -> int:
    keep_until = clock.now() + KEEP_UPLOADED
    added = store.own(session, tenant_id, digests, keep_until)
    store.keep(session, tenant_id, digests, keep_until)
    change_used(session, tenant_id, added)
    return added
