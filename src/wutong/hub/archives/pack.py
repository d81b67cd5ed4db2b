"""Packs a version as a tar stream for download: nothing is stored, memory stays flat."""

import tarfile
from collections.abc import Iterator, Sequence
from datetime import datetime

from wutong.hub.blobs.rules import BlobStore, File

_BLOCK = 512


def stream_tar(blobs: BlobStore, files: Sequence[File], modified_at: datetime) -> Iterator[bytes]:
    """Yield a tar of the files; the same version gives the same bytes."""
    for file in files:
        header = tarfile.TarInfo(file.path)
        header.size, header.mtime, header.mode = file.size_bytes, int(modified_at.timestamp()), 0o644
        yield header.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")
        yield from blobs.open_range(file.sha256)
        yield bytes(-file.size_bytes % _BLOCK)
    yield bytes(2 * _BLOCK)
