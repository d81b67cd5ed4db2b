"""What a blob is, and what every blob store promises."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from wutong.kit.errors import Problem

CHUNK = 1 << 20
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes known by their sha256 (lower-case hex) and size."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class File:
    """A blob under a path of a version."""

    path: str
    size_bytes: int
    sha256: str


class StoreFull(Problem):
    """The disk or bucket under the store has no room. Nothing partial is kept."""

    code = "store_full"
    status = 507
    message = "The centre's storage is full. Nothing was stored; the operator has to make room before you try again."


class WrongDigest(Problem):
    """Bytes are not those that were announced."""

    code = "wrong_digest"
    status = 422
    message = "The bytes that arrived have sha256 {actual}, announced was {expected}. Nothing was stored; upload the file again."


class BlobLost(Problem):
    """A blob that should be in the store is not."""

    code = "blob_lost"
    status = 500
    message = "The content {sha256} is missing from the centre's storage. Tell the operator; your other files are not concerned."


class MissingBlobs(Problem):
    """A version names content that the tenant has not uploaded and may not read."""

    code = "missing_blobs"
    status = 409
    message = "{count} files have not been uploaded yet (the first is {first}). Upload them, then commit again."

    def __init__(self, digests: Sequence[str]) -> None:
        super().__init__(count=len(digests), first=digests[0], digests=list(digests[:1000]))


class BadDigest(Problem):
    """A text that is no sha256."""

    code = "bad_digest"
    status = 422
    message = "{digest!r} is not a sha256. Write 64 hexadecimal digits in lower case."


def check_digest(digest: str) -> str:
    """Return the digest when it has the form of one; it becomes part of a path, so nothing else passes."""
    if not _DIGEST.fullmatch(digest):
        raise BadDigest(digest=digest[:80].encode("utf-8", "backslashreplace").decode())
    return digest


class Intake(Protocol):
    """Takes in many blobs and makes them durable together when its block ends; if the block fails nothing new is in the store."""

    def add(self, chunks: Iterable[bytes]) -> Blob:
        """Take one blob from its bytes, hashing on the way."""


class BlobStore(Protocol):
    """Keeps bytes under their digest. What `put_file` or an intake has returned from survives a power cut."""

    def put_file(self, path: Path, sha256: str, *, verified: bool = False, move: bool = False) -> None:
        """Store a file. `verified`: the caller has just hashed it. `move`: the file may be taken (linked) instead of copied."""

    def intake(self) -> AbstractContextManager[Intake]:
        """Open an intake of many blobs."""

    def open_range(self, sha256: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield the bytes from `start` up to but not including `end`. Raises `BlobLost` before the first byte."""

    def path_of(self, sha256: str) -> Path | None:
        """Return the path of a local file that holds the blob, None where there is none."""

    def exists(self, sha256: str) -> bool:
        """Tell whether the blob is in the store."""

    def delete(self, sha256: str) -> None:
        """Remove the blob; nothing happens when it is not there. Only the collector calls this."""

    def list(self) -> Iterator[Blob]:
        """Yield every blob in the store, in order of digest where that is cheap."""
