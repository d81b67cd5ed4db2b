"""What an upload is and how its life goes. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from wutong.hub.blobs.rules import File
from wutong.kit.errors import Conflict, Problem

LIFE = timedelta(days=7)
MAX_OPEN = 1000


class UploadKind(StrEnum):
    """Whether the bytes are one blob or an archive of many files."""

    BLOB = "blob"
    ARCHIVE = "archive"


class UploadState(StrEnum):
    """Where an upload stands."""

    OPEN = "open"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


MOVES: dict[UploadState, frozenset[UploadState]] = {
    UploadState.OPEN: frozenset({UploadState.FINISHED, UploadState.FAILED, UploadState.CANCELLED, UploadState.EXPIRED}),
    UploadState.FINISHED: frozenset(),
    UploadState.FAILED: frozenset(),
    UploadState.CANCELLED: frozenset(),
    UploadState.EXPIRED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload of `size_bytes` announced bytes. `files` is what it gave once it is finished."""

    id: str
    tenant_id: str
    person_id: str
    kind: UploadKind
    filename: str
    size_bytes: int
    sha256: str | None
    state: UploadState
    reason: str
    files: tuple[File, ...]
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Sealed:
    """What an upload's bytes turned out to be, now that they are in the blob store."""

    upload_id: str
    files: tuple[File, ...]


class UploadBusy(Problem):
    """Somebody else is writing to this upload right now."""

    code = "upload_busy"
    status = 423
    message = "Another connection is writing to this upload. Wait a moment, ask for the offset, and go on from there."


class OffsetMismatch(Conflict):
    """The bytes do not continue where the upload stands."""

    code = "offset_mismatch"
    message = "This upload has {actual} bytes, the request continues at {offset}. Ask for the offset and go on from there."


class TooLong(Problem):
    """More bytes came than were announced."""

    code = "upload_too_long"
    status = 413
    message = "This upload was announced with {size_bytes} bytes and more came. Nothing beyond that was kept; start a new upload with the true size."


class TooLarge(Problem):
    """The announced size is over the centre's limit."""

    code = "upload_too_large"
    status = 413
    message = "One upload holds at most {limit_bytes} bytes, this one was announced with {size_bytes}. Split the file."


class Incomplete(Conflict):
    """The upload lacks bytes."""

    code = "upload_incomplete"
    message = "This upload has {actual} of {size_bytes} bytes. Send the rest first."


class UploadEnded(Problem):
    """The upload was cancelled, has failed or expired."""

    code = "upload_ended"
    status = 410
    message = "This upload is {state}. {reason} Start a new one."


class ChecksumMismatch(Problem):
    """The file has another sha256 than was announced."""

    code = "checksum_mismatch"
    status = 460
    message = "The uploaded file has sha256 {actual}, announced was {expected}. Nothing was stored; upload it again."


class TooManyUploads(Problem):
    """The tenant has too many uploads open."""

    code = "too_many_uploads"
    status = 429
    message = "Your organisation has {limit} uploads open. Finish or cancel some first."
