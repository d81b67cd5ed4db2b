"""Uploads: announced in one transaction, filled outside any, sealed outside any, and finished in one that makes the tenant owner of the blobs."""

from sqlalchemy.orm import Session

from wutong.hub.archives.rules import ArchiveLimits
from wutong.hub.archives.unpack import unpack
from wutong.hub.blobs.rules import BlobStore, File, check_digest
from wutong.hub.blobs.service import record_blobs
from wutong.hub.paths import clean_path
from wutong.hub.storage.service import lock_storage, reserve, storage, unreserve
from wutong.hub.uploads import store
from wutong.hub.uploads.folder import UploadFolder
from wutong.hub.uploads.rules import (
    LIFE,
    MAX_OPEN,
    MOVES,
    ChecksumMismatch,
    Sealed,
    TooLarge,
    TooManyUploads,
    Upload,
    UploadEnded,
    UploadKind,
    UploadState,
)
from wutong.hub.uploads.tables import UploadRow
from wutong.identity.rules import Permission, Principal, require_tenant
from wutong.identity.service import audit
from wutong.kit import clock
from wutong.kit.database import Database
from wutong.kit.errors import Invalid, NotFound, Problem
from wutong.kit.ids import new_id
from wutong.kit.paging import Page, PageRequest, cut

DEFAULT_LIMIT_BYTES = 512 * 1024**3


def create_upload(
    session: Session,
    who: Principal,
    size_bytes: int,
    *,
    filename: str = "blob",
    sha256: str | None = None,
    kind: UploadKind = UploadKind.BLOB,
    limit_bytes: int = DEFAULT_LIMIT_BYTES,
) -> Upload:
    """Announce an upload and set its size aside in the tenant's storage. Raises `QuotaExceeded`, `TooLarge`, `TooManyUploads`, `BadPath`."""
    tenant_id = require_tenant(who, Permission.DATA_WRITE)
    if size_bytes < 0:
        raise Invalid(field="size_bytes", reason="Give a size of 0 bytes or more.")
    if size_bytes > limit_bytes:
        raise TooLarge(size_bytes=size_bytes, limit_bytes=limit_bytes)
    reserve(session, tenant_id, size_bytes)
    if store.count_open(session, tenant_id) >= MAX_OPEN:
        raise TooManyUploads(limit=MAX_OPEN)
    row = UploadRow(
        id=new_id("upload"),
        tenant_id=tenant_id,
        person_id=who.person_id,
        kind=UploadKind(kind).value,
        filename=clean_path(filename),
        size_bytes=size_bytes,
        sha256=check_digest(sha256) if sha256 else None,
        state=UploadState.OPEN.value,
        reason="",
        result=None,
        created_at=clock.now(),
        expires_at=clock.now() + LIFE,
        ended_at=None,
    )
    upload = store.add(session, row)
    after = {"filename": upload.filename, "size_bytes": size_bytes, "kind": upload.kind.value}
    audit(session, who, "upload.create", kind="upload", id=upload.id, tenant_id=tenant_id, after=after)
    return upload


def upload_offset(folder: UploadFolder, upload: Upload) -> int:
    """Return how many bytes of an upload have arrived; a finished one has them all."""
    return upload.size_bytes if upload.state is UploadState.FINISHED else folder.offset(upload.id)


def get_upload(session: Session, who: Principal, upload_id: str) -> Upload:
    """Return a tenant's upload in whatever state. Raises `NotFound`."""
    tenant_id = require_tenant(who, Permission.DATA_WRITE)
    upload = store.find(session, tenant_id, upload_id)
    if upload is None:
        raise NotFound(kind="upload", id=upload_id)
    return upload


def open_upload(session: Session, who: Principal, upload_id: str) -> Upload:
    """Return a tenant's upload to write to. Raises `NotFound`, and `UploadEnded` when it takes no more bytes."""
    upload = get_upload(session, who, upload_id)
    _check_open(upload)
    return upload


def list_uploads(session: Session, who: Principal, page: PageRequest | None = None) -> Page[Upload]:
    """List the tenant's open uploads, newest first."""
    tenant_id = require_tenant(who, Permission.DATA_WRITE)
    page = page or PageRequest()
    return cut(store.list_open(session, tenant_id, page.after, page.limit + 1), page)


def cancel_upload(session: Session, who: Principal, upload_id: str) -> None:
    """Give an upload up; the caller discards its bytes after the commit."""
    upload = open_upload(session, who, upload_id)
    end_upload(session, who, upload, UploadState.CANCELLED, "It was cancelled.")


def seal_upload(folder: UploadFolder, blobs: BlobStore, upload: Upload, *, room_bytes: int) -> Sealed:
    """Turn a complete upload's bytes into blobs; slow, so outside any transaction, and safe to repeat.

    `room_bytes` is how much an archive may unpack to. Raises `Incomplete`, `UploadBusy`, `StoreFull`, `ChecksumMismatch`, `BadArchive`.
    """
    with folder.whole(upload.id, size_bytes=upload.size_bytes) as (path, digest):
        if upload.sha256 and upload.sha256 != digest:
            raise ChecksumMismatch(actual=digest, expected=upload.sha256)
        if upload.kind is UploadKind.ARCHIVE:
            return Sealed(upload.id, tuple(unpack(path, blobs, ArchiveLimits(total_bytes=room_bytes))))
        blobs.put_file(path, digest, verified=True, move=True)
        return Sealed(upload.id, (File(upload.filename, upload.size_bytes, digest),))


def finish_upload(session: Session, who: Principal, upload_id: str, sealed: Sealed, *, blobs: BlobStore) -> Upload:
    """Make the tenant owner of a sealed upload's blobs. Twice gives the same answer. Raises `QuotaExceeded`, `MissingBlobs`, `UploadEnded`."""
    tenant_id = require_tenant(who, Permission.DATA_WRITE)
    lock_storage(session, tenant_id)
    upload = store.find(session, tenant_id, upload_id, lock=True)
    if upload is None or sealed.upload_id != upload_id:
        raise NotFound(kind="upload", id=upload_id)
    if upload.state is UploadState.FINISHED:
        return upload
    _check_open(upload)
    unreserve(session, tenant_id, upload.size_bytes)
    record_blobs(session, tenant_id, sealed.files, blobs=blobs)
    result = [[file.path, file.size_bytes, file.sha256] for file in sealed.files]
    store.end(session, upload_id, {"state": UploadState.FINISHED.value, "result": result, "ended_at": clock.now()})
    after = {"filename": upload.filename, "size_bytes": upload.size_bytes, "files": len(result)}
    audit(session, who, "upload.finish", kind="upload", id=upload_id, tenant_id=tenant_id, after=after)
    return get_upload(session, who, upload_id)


def complete_upload(database: Database, folder: UploadFolder, blobs: BlobStore, who: Principal, upload_id: str) -> Upload:
    """Do the whole end of an upload for a door: look, seal with no transaction open, finish. Twice gives the same answer.

    A file that is not what was announced, or a bad archive, ends the upload as failed; a full disk or quota leaves it to be tried again.
    """
    with database.session() as session:
        upload = get_upload(session, who, upload_id)
        room = storage(session, upload.tenant_id).room_bytes + upload.size_bytes
    if upload.state is UploadState.FINISHED:
        return upload
    _check_open(upload)
    try:
        sealed = seal_upload(folder, blobs, upload, room_bytes=room)
    except Problem as problem:
        if problem.status in (422, ChecksumMismatch.status):
            _fail(database, folder, who, upload, problem)
        raise
    with database.session() as session:
        finished = finish_upload(session, who, upload_id, sealed, blobs=blobs)
    folder.discard(upload_id)
    return finished


def end_upload(session: Session, who: Principal, upload: Upload, state: UploadState, reason: str) -> bool:
    """Move an open upload to an end without blobs, give back its room, and write it down; False when it had ended."""
    if state not in MOVES[UploadState.OPEN] or state is UploadState.FINISHED:
        raise ValueError("not an end without blobs")
    lock_storage(session, upload.tenant_id)
    if not store.end(session, upload.id, {"state": state.value, "reason": reason[:500], "ended_at": clock.now()}):
        return False
    unreserve(session, upload.tenant_id, upload.size_bytes)
    after = {"state": state.value, "reason": reason[:500]}
    audit(session, who, f"upload.{state.value}", kind="upload", id=upload.id, tenant_id=upload.tenant_id, after=after)
    return True


def _fail(database: Database, folder: UploadFolder, who: Principal, upload: Upload, problem: Problem) -> None:
    with database.session() as session:
        ended = end_upload(session, who, upload, UploadState.FAILED, problem.sentence())
    if ended:
        folder.discard(upload.id)


def _check_open(upload: Upload) -> None:
    if upload.state is not UploadState.OPEN:
        raise UploadEnded(state=upload.state.value, reason=upload.reason)
