"""Reads the beginning of a file, no more, and says what can be shown of it."""

from collections.abc import Iterator

from wutong.hub.blobs.rules import BlobStore, File
from wutong.hub.previews.look import look
from wutong.hub.previews.rules import HEAD_BYTES, Preview, PreviewKind
from wutong.kit.errors import NotFound


def preview(blobs: BlobStore, file: File) -> Preview:
    """Return what can be shown of a file the caller may read. Call it with no transaction open. Raises `BlobLost`."""
    return look(file.path, file.size_bytes, b"".join(blobs.open_range(file.sha256, 0, min(file.size_bytes, HEAD_BYTES))))


def open_picture(blobs: BlobStore, file: File) -> tuple[str, Iterator[bytes]]:
    """Return the media type and the bytes of a picture that may be shown. Raises `NotFound` for any other file."""
    found = preview(blobs, file)
    if found.kind is not PreviewKind.IMAGE or found.image is None:
        raise NotFound(kind="picture", id=file.path)
    return found.image.media_type, blobs.open_range(file.sha256)
