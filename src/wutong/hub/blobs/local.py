"""The blob store in a folder: `sha256/ab/abcd...`, read-only files that appear whole and durable or not at all."""

import ctypes
import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from wutong.hub.blobs.rules import CHUNK, Blob, BlobLost, StoreFull, WrongDigest, check_digest

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FEW = 16


class LocalBlobs:
    """A blob store in a folder of one file system."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._blobs = folder / "sha256"
        self._drafts = folder / "tmp"
        self._blobs.mkdir(parents=True, exist_ok=True)
        self._drafts.mkdir(exist_ok=True)

    def put_file(self, path: Path, sha256: str, *, verified: bool = False, move: bool = False) -> None:
        """Store a file, see `BlobStore`."""
        check_digest(sha256)
        actual = sha256 if verified else hash_file(path)
        if actual != sha256:
            raise WrongDigest(actual=actual, expected=sha256)
        if self.exists(sha256):
            return
        draft = self._draft()
        with full_disk_told(draft):
            if not (move and _link(path, draft)):
                _copy_checked(path, draft, sha256)
            _sync(draft)
        self._publish(draft, sha256)
        _sync(self._path(sha256).parent)

    def intake(self) -> AbstractContextManager["LocalIntake"]:
        """Open an intake of many blobs."""
        return LocalIntake(self)

    def open_range(self, sha256: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield a range of bytes, see `BlobStore`."""
        try:
            handle = os.open(self._path(sha256), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise BlobLost(sha256=sha256) from None
        return _read(handle, start, os.fstat(handle).st_size if end is None else end)

    def path_of(self, sha256: str) -> Path | None:
        """Return the path of the blob's file."""
        path = self._path(sha256)
        return path if path.exists() else None

    def exists(self, sha256: str) -> bool:
        """Tell whether the blob is in the store."""
        return self._path(sha256).exists()

    def delete(self, sha256: str) -> None:
        """Remove the blob."""
        self._path(sha256).unlink(missing_ok=True)

    def list(self) -> Iterator[Blob]:
        """Yield every blob in order of digest."""
        for shard in sorted(self._blobs.iterdir()):
            with os.scandir(shard) as entries:
                found = sorted((entry.name, entry.stat().st_size) for entry in entries)
            for name, size in found:
                yield Blob(name, size)

    def clean_drafts(self, *, older_than: float) -> int:
        """Remove drafts last written before a moment (seconds since the epoch): a killed process left them. Returns how many."""
        stale = [Path(entry.path) for entry in os.scandir(self._drafts) if entry.stat(follow_symlinks=False).st_mtime < older_than]
        for path in stale:
            path.unlink(missing_ok=True)
        return len(stale)

    def _path(self, sha256: str) -> Path:
        return self._blobs / check_digest(sha256)[:2] / sha256

    def _draft(self) -> Path:
        return self._drafts / secrets.token_hex(12)

    def _publish(self, draft: Path, sha256: str) -> None:
        target = self._path(sha256)
        target.parent.mkdir(exist_ok=True)
        draft.chmod(0o444)
        draft.rename(target)


class LocalIntake:
    """Drafts are synced together, then all appear; one sync of the file system instead of one for each of many small files."""

    def __init__(self, store: LocalBlobs) -> None:
        self._store = store
        self._drafts: dict[str, Path] = {}

    def __enter__(self) -> Self:
        return self

    def add(self, chunks: Iterable[bytes]) -> Blob:
        """Take one blob."""
        draft = self._store._draft()  # noqa: SLF001 - the intake is half of the store
        with full_disk_told(draft):
            blob = _write_hashed(draft, chunks)
        if blob.sha256 in self._drafts or self._store.exists(blob.sha256):
            draft.unlink()
        else:
            self._drafts[blob.sha256] = draft
        return blob

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if kind is None:
                self._publish_all()
        finally:
            for draft in self._drafts.values():
                draft.unlink(missing_ok=True)

    def _publish_all(self) -> None:
        with full_disk_told():
            if len(self._drafts) > _FEW:
                sync_file_system(self._store.folder)
            else:
                for draft in self._drafts.values():
                    _sync(draft)
        shards = set()
        for sha256, draft in self._drafts.items():
            self._store._publish(draft, sha256)  # noqa: SLF001 - the intake is half of the store
            shards.add(self._store._path(sha256).parent)  # noqa: SLF001 - see above
        for shard in shards:
            _sync(shard)


def hash_file(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def full_disk_told(draft: Path | None = None) -> Iterator[None]:
    """Turn a full disk into `StoreFull`; a draft is removed whatever went wrong."""
    try:
        yield
    except BaseException as error:
        if draft is not None:
            draft.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in _FULL:
            raise StoreFull from error
        raise


def sync_file_system(path: Path) -> None:
    """Make all that was written to the file system of `path` durable (Linux `syncfs`, which Python does not offer)."""
    handle = os.open(path, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(handle) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
    finally:
        os.close(handle)


def _link(path: Path, draft: Path) -> bool:
    try:
        os.link(path, draft)
    except OSError as error:
        if error.errno in (errno.EXDEV, errno.EPERM, errno.EMLINK):
            return False
        raise
    return True


def _copy_checked(path: Path, draft: Path, sha256: str) -> None:
    shutil.copyfile(path, draft)
    actual = hash_file(draft)
    if actual != sha256:
        raise WrongDigest(actual=actual, expected=sha256)


def _write_hashed(draft: Path, chunks: Iterable[bytes]) -> Blob:
    digest, size = hashlib.sha256(), 0
    with draft.open("xb", buffering=0) as file:
        for chunk in chunks:
            write_all(file.fileno(), chunk)
            digest.update(chunk)
            size += len(chunk)
    return Blob(digest.hexdigest(), size)


def write_all(handle: int, data: bytes | memoryview) -> None:
    """Write every byte: a plain write may stop part of the way."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _read(handle: int, start: int, end: int) -> Iterator[bytes]:
    with os.fdopen(handle, "rb", buffering=0) as file:
        file.seek(start)
        rest = end - start
        while rest > 0:
            data = file.read(min(CHUNK, rest))
            if not data:
                return
            rest -= len(data)
            yield data


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
