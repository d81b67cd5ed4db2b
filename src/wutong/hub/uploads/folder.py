"""The core of resumable upload: a file that only grows. Its offset is its size, whoever writes holds a lock on it, and nothing else is state.

So a process killed at any byte leaves an upload that goes on from that byte. The sha256 is kept running while one process sees all
bytes in order; otherwise the file is read once at the end.
"""

import errno
import fcntl
import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from wutong.hub.blobs.local import full_disk_told, hash_file, write_all
from wutong.hub.uploads.rules import Incomplete, OffsetMismatch, TooLong, UploadBusy
from wutong.kit.ids import is_id

_REMEMBERED = 512


class Hash(Protocol):
    """The part of hashlib's objects used here."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Add bytes."""

    def hexdigest(self) -> str:
        """Return the digest so far."""


class UploadFolder:
    """A folder of growing files, one an upload."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._running: OrderedDict[str, tuple[int, Hash]] = OrderedDict()
        self._guard = threading.Lock()

    def offset(self, upload_id: str) -> int:
        """Return how many bytes have arrived."""
        try:
            return self.path(upload_id).stat().st_size
        except FileNotFoundError:
            return 0

    def append(self, upload_id: str, offset: int, chunks: Iterable[bytes], *, size_bytes: int) -> int:
        """Append chunks at an offset and return the new one. What arrived before an error stays and counts.

        Raises `UploadBusy`, `OffsetMismatch`, `TooLong`, `StoreFull`.
        """
        with self.writer(upload_id, offset, size_bytes=size_bytes) as writer:
            for chunk in chunks:
                writer.write(chunk)
            return writer.offset

    @contextmanager
    def writer(self, upload_id: str, offset: int, *, size_bytes: int) -> Iterator["Writer"]:
        """Open an upload for appending; nobody else can until the block ends."""
        with self._locked(upload_id) as handle:
            actual = os.fstat(handle).st_size
            if actual != offset:
                raise OffsetMismatch(actual=actual, offset=offset)
            writer = Writer(handle, offset, size_bytes, self._take_hash(upload_id, offset))
            try:
                yield writer
            finally:
                self._keep_hash(upload_id, writer)

    @contextmanager
    def whole(self, upload_id: str, *, size_bytes: int) -> Iterator[tuple[Path, str]]:
        """Lock a complete upload and give its file and sha256. Raises `Incomplete`, `UploadBusy`."""
        with self._locked(upload_id) as handle:
            actual = os.fstat(handle).st_size
            if actual != size_bytes:
                raise Incomplete(actual=actual, size_bytes=size_bytes)
            running = self._take_hash(upload_id, actual)
            digest = running.hexdigest() if running else hash_file(self.path(upload_id))
            yield self.path(upload_id), digest

    def discard(self, upload_id: str) -> None:
        """Remove an upload's bytes; a blob made of them stays."""
        with self._guard:
            self._running.pop(upload_id, None)
        self.path(upload_id).unlink(missing_ok=True)

    def stale(self, *, older_than: float) -> list[str]:
        """Return the ids of uploads last written before a moment (seconds since the epoch)."""
        with os.scandir(self.folder) as entries:
            return sorted(entry.name for entry in entries if entry.stat().st_mtime < older_than)

    def written_at(self, upload_id: str) -> float:
        """Return when the last byte came, in seconds since the epoch; 0 when none has."""
        try:
            return self.path(upload_id).stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def path(self, upload_id: str) -> Path:
        """Return the file of an upload; ids only, so that nothing can lead out of the folder."""
        if not is_id(upload_id, "upload"):
            raise ValueError("not the id of an upload")
        return self.folder / upload_id

    @contextmanager
    def _locked(self, upload_id: str) -> Iterator[int]:
        path = self.path(upload_id)
        with full_disk_told():
            handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            _lock(handle)
            yield handle
        finally:
            os.close(handle)

    def _take_hash(self, upload_id: str, offset: int) -> Hash | None:
        with self._guard:
            seen, running = self._running.pop(upload_id, (0, None))
        if running is not None and seen == offset:
            return running
        return hashlib.sha256() if offset == 0 else None

    def _keep_hash(self, upload_id: str, writer: "Writer") -> None:
        if writer.running is None:
            return
        with self._guard:
            self._running[upload_id] = (writer.offset, writer.running)
            while len(self._running) > _REMEMBERED:
                self._running.popitem(last=False)


class Writer:
    """Appends to one upload under its lock."""

    def __init__(self, handle: int, offset: int, size_bytes: int, running: Hash | None) -> None:
        self._handle = handle
        self._size_bytes = size_bytes
        self.offset = offset
        self.running = running

    def write(self, chunk: bytes | memoryview) -> None:
        """Append bytes. Raises `TooLong` before writing any beyond the announced size, `StoreFull` when the disk is full."""
        if self.offset + len(chunk) > self._size_bytes:
            raise TooLong(size_bytes=self._size_bytes)
        running, self.running = self.running, None
        try:
            with full_disk_told():
                write_all(self._handle, chunk)
        except BaseException:
            self.offset = os.fstat(self._handle).st_size
            raise
        self.offset += len(chunk)
        if running is not None:
            running.update(chunk)
            self.running = running


def _lock(handle: int) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            raise UploadBusy from None
        raise
    if os.fstat(handle).st_nlink == 0:
        raise UploadBusy
