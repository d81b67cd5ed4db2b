"""The blob store in an object store (S3, Google, Azure) through obstore: key `sha256/ab/abcd...` below the bucket's prefix."""

import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import obstore
from obstore.store import from_url

from wutong.hub.blobs.local import full_disk_told, hash_file
from wutong.hub.blobs.rules import CHUNK, Blob, BlobLost, WrongDigest, check_digest

_SPOOL = 8 * CHUNK


class ObjectBlobs:
    """A blob store in a bucket. Objects appear whole: a broken upload leaves nothing under the key."""

    def __init__(self, url: str, **options: Any) -> None:
        self._store = from_url(url, **options)

    def put_file(self, path: Path, sha256: str, *, verified: bool = False, move: bool = False) -> None:  # noqa: ARG002 - a bucket always copies
        """Store a file, see `BlobStore`."""
        actual = sha256 if verified else hash_file(path)
        if actual != check_digest(sha256):
            raise WrongDigest(actual=actual, expected=sha256)
        if not self.exists(sha256):
            obstore.put(self._store, _key(sha256), path)

    @contextmanager
    def intake(self) -> Iterator["ObjectIntake"]:
        """Open an intake; each blob is in the bucket when `add` returns."""
        yield ObjectIntake(self)

    def put_open_file(self, file: BinaryIO, sha256: str) -> None:
        """Store a rewound open file whose digest is known."""
        if not self.exists(sha256):
            obstore.put(self._store, _key(sha256), file)

    def open_range(self, sha256: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield a range of bytes, see `BlobStore`."""
        options: Any = {"range": (start, end)} if end is not None else {"range": {"offset": start}} if start else {}
        if end is not None and end <= start:
            return iter(())
        try:
            found = obstore.get(self._store, _key(sha256), options=options)
        except FileNotFoundError:
            raise BlobLost(sha256=sha256) from None
        return (bytes(chunk) for chunk in found.stream(min_chunk_size=CHUNK))

    def path_of(self, sha256: str) -> Path | None:  # noqa: ARG002 - there is no local file
        """Return None: the bytes are elsewhere."""
        return None

    def exists(self, sha256: str) -> bool:
        """Tell whether the blob is in the bucket."""
        try:
            obstore.head(self._store, _key(sha256))
        except FileNotFoundError:
            return False
        return True

    def delete(self, sha256: str) -> None:
        """Remove the blob."""
        if self.exists(sha256):
            obstore.delete(self._store, _key(sha256))

    def list(self) -> Iterator[Blob]:
        """Yield every blob of the bucket."""
        for batch in obstore.list(self._store, prefix="sha256"):
            for entry in batch:
                yield Blob(entry["path"].rsplit("/", 1)[-1], entry["size"])


class ObjectIntake:
    """Spools each blob to find its key before it is sent."""

    def __init__(self, store: ObjectBlobs) -> None:
        self._store = store

    def add(self, chunks: Iterable[bytes]) -> Blob:
        """Take one blob."""
        digest, size = hashlib.sha256(), 0
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as spool:
            with full_disk_told():
                for chunk in chunks:
                    spool.write(chunk)
                    digest.update(chunk)
                    size += len(chunk)
            spool.seek(0)
            self._store.put_open_file(cast(BinaryIO, spool), digest.hexdigest())
        return Blob(digest.hexdigest(), size)


def _key(sha256: str) -> str:
    return f"sha256/{check_digest(sha256)[:2]}/{sha256}"
