"""Reads a hostile archive entry by entry into the blob store. Names become names in a manifest, never paths on a disk."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from wutong.hub.archives.rules import ArchiveLimits, BadArchive, open_to_bomb
from wutong.hub.archives.zips import open_zip, zip_entries
from wutong.hub.blobs.rules import CHUNK, BlobStore, File
from wutong.hub.paths import check_no_clash, clean_path, printable

_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
_ZSTD = b"\x28\xb5\x2f\xfd"
_HEADER_LIMIT = 1 << 20
_BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    gzip.BadGzipFile,
    NotImplementedError,
    RuntimeError,
    ValueError,
)


def unpack(path: Path, blobs: BlobStore, limits: ArchiveLimits) -> list[File]:
    """Store every regular file of a tar (plain, gz, bz2, xz) or zip archive and return the manifest, in order of path.

    All or nothing. Raises `BadArchive` and `BadPath` with the entry and what would work, `PathClash`, `StoreFull`.
    """
    try:
        return _unpack(path, blobs, limits)
    except (*_BROKEN, OSError) as error:
        if isinstance(error, OSError) and not isinstance(error, gzip.BadGzipFile) and error.errno is not None:
            raise
        raise BadArchive(entry="The archive", reason=f"it is broken ({printable(str(error)) or 'it ends too early'}). Pack it again.") from error


def _unpack(path: Path, blobs: BlobStore, limits: ArchiveLimits) -> list[File]:
    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith(_ZSTD):
        raise BadArchive(entry="The archive", reason="zstd is not read here. Pack it as .tar.gz or .zip.")
    files: list[File] = []
    tally = Tally(limits)
    with blobs.intake() as intake:
        entries = _zip(path, tally) if head.startswith((_ZIP, _EMPTY_ZIP)) else _tar(path, head, tally)
        for name, chunks in entries:
            clean = clean_path(name)
            blob = intake.add(chunks)
            files.append(File(clean, blob.size_bytes, blob.sha256))
        check_no_clash((entry.path for entry in files), fold_case=True)
        if not files:
            raise BadArchive(entry="The archive", reason="it holds no files. Pack at least one.")
    return sorted(files, key=lambda entry: entry.path.encode())


class Tally:
    """Counts what an archive unpacks to and stops it at the limits."""

    def __init__(self, limits: ArchiveLimits) -> None:
        self.limits = limits
        self.entries = 0
        self.total = 0

    def count_entry(self, name: str) -> None:
        """Count one entry of whatever type."""
        self.entries += 1
        if self.entries > self.limits.entries:
            raise BadArchive(entry=printable(name), reason=f"one archive holds at most {self.limits.entries} entries. Split it.")

    def count(self, name: str, size: int) -> None:
        """Count unpacked bytes."""
        self.total += size
        if self.total > self.limits.total_bytes:
            reason = f"the archive unpacks to more than the {self.limits.total_bytes} bytes of storage left. Make room or ask for a larger quota."
            raise BadArchive(entry=printable(name), reason=reason)

    def read(self, name: str, file: IO[bytes], size: int) -> Iterator[bytes]:
        """Yield an entry's bytes; it must have exactly the size its header says."""
        rest = size
        while rest > 0:
            data = file.read(min(CHUNK, rest))
            if not data:
                raise BadArchive(entry=printable(name), reason="it ends too early. Pack the archive again.")
            self.count(name, len(data))
            rest -= len(data)
            yield data


class _SmallHeaders(tarfile.TarInfo):
    """tarfile reads long names and extended headers into memory whatever their size; this refuses large ones first."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        extended = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
        if self.type in extended and self.size > _HEADER_LIMIT:
            raise BadArchive(entry=printable(self.name), reason="its header is too large. Pack the archive again with short names.")
        if self.size < 0:
            raise BadArchive(entry=printable(self.name), reason="its size is negative. Pack the archive again.")
        return cast(tarfile.TarInfo, super()._proc_member(archive))  # type: ignore[misc]


class _Counted(io.RawIOBase):
    """The decompressed stream of a tar: bounded as a whole, because tarfile also reads what belongs to no file."""

    def __init__(self, file: IO[bytes], packed: int, limits: ArchiveLimits) -> None:
        self._file, self._packed, self._limits, self._total = file, packed, limits, 0

    def readable(self) -> bool:
        """Tell that this can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Read and count."""
        data = self._file.read(size)
        self._total += len(data)
        overhead = self._limits.entries * 4096
        if self._total > self._limits.total_bytes + overhead:
            reason = f"it unpacks to more than the {self._limits.total_bytes} bytes of storage left. Make room or ask for a larger quota."
            raise BadArchive(entry="The archive", reason=reason)
        if open_to_bomb(self._limits, self._total, self._packed):
            raise BadArchive(entry="The archive", reason=f"it unpacks to over {self._limits.ratio} times its size. Upload such files by themselves.")
        return data


def _tar(path: Path, head: bytes, tally: Tally) -> Iterator[tuple[str, Iterator[bytes]]]:
    with _decompressed(path, head) as plain:
        counted = _Counted(plain, path.stat().st_size, tally.limits)
        with tarfile.open(fileobj=cast(IO[bytes], counted), mode="r|", tarinfo=_SmallHeaders, encoding="utf-8", errors="surrogateescape") as archive:
            for entry in archive:
                tally.count_entry(entry.name)
                if entry.isdir():
                    continue
                _check_regular(entry)
                content = archive.extractfile(entry)
                if content is None:
                    raise BadArchive(entry=printable(entry.name), reason="it has no content. Pack the archive again.")
                yield entry.name, tally.read(entry.name, content, entry.size)
                archive.members = []  # type: ignore[attr-defined]  # it keeps every header otherwise


def _check_regular(entry: tarfile.TarInfo) -> None:
    name = printable(entry.name)
    if entry.issym() or entry.islnk():
        raise BadArchive(entry=name, reason=f"it is a link to {printable(entry.linkname)}. Pack with tar --dereference --hard-dereference.")
    if entry.issparse():
        raise BadArchive(entry=name, reason="it is a sparse file. Pack without --sparse.")
    if not entry.isreg():
        raise BadArchive(entry=name, reason="it is a device, a pipe or of an unknown type. Pack only files and folders.")


def _decompressed(path: Path, head: bytes) -> IO[bytes]:
    if head.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.open(path, "rb"))
    if head.startswith(b"BZh"):
        return cast(IO[bytes], bz2.open(path, "rb"))
    if head.startswith(b"\xfd7zXZ"):
        return cast(IO[bytes], lzma.open(path, "rb"))
    return path.open("rb")


def _zip(path: Path, tally: Tally) -> Iterator[tuple[str, Iterator[bytes]]]:
    with open_zip(path, tally.limits) as archive:
        for name, entry in zip_entries(archive, tally.limits):
            tally.count_entry(name)
            if entry.is_dir():
                continue
            with archive.open(entry) as content:
                yield name, tally.read(name, content, entry.file_size)
