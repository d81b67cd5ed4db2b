"""Tells pictures that browsers show from everything else, by their first bytes, never by their names. Pure; nothing is decoded."""

import struct

from wutong.hub.previews.rules import Image

_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD8)})
_VP8_KEY = b"\x9d\x01\x2a"


def image_of(head: bytes) -> Image | None:
    """Return the picture whose file begins so: PNG, JPEG, WebP or GIF; None for anything else, SVG above all."""
    for sniff in (_png, _gif, _webp, _jpeg):
        found = sniff(head)
        if found is not None and found.width and found.height:
            return found
    return None


def _png(head: bytes) -> Image | None:
    if head[:8] != b"\x89PNG\r\n\x1a\n" or head[12:16] != b"IHDR" or len(head) < 24:
        return None
    return Image("image/png", *struct.unpack(">II", head[16:24]))


def _gif(head: bytes) -> Image | None:
    if head[:6] not in (b"GIF87a", b"GIF89a") or len(head) < 10:
        return None
    return Image("image/gif", *struct.unpack("<HH", head[6:10]))


def _webp(head: bytes) -> Image | None:
    if head[:4] != b"RIFF" or head[8:12] != b"WEBP" or len(head) < 30:
        return None
    form = head[12:16]
    if form == b"VP8X":
        return Image("image/webp", int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1)
    if form == b"VP8L" and head[20] == 0x2F:
        bits = int.from_bytes(head[21:25], "little")
        return Image("image/webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if form == b"VP8 " and head[23:26] == _VP8_KEY:
        width, height = struct.unpack("<HH", head[26:30])
        return Image("image/webp", width & 0x3FFF, height & 0x3FFF)
    return None


def _jpeg(head: bytes) -> Image | None:
    """Walk from marker to marker up to the frame, which has the size."""
    if head[:3] != b"\xff\xd8\xff":
        return None
    at = 2
    while at + 9 <= len(head):
        if head[at] != 0xFF:
            return None
        marker = head[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _JPEG_BARE:
            at += 2
        elif marker in _JPEG_FRAMES:
            height, width = struct.unpack(">HH", head[at + 5 : at + 9])
            return Image("image/jpeg", width, height)
        else:
            at += 2 + max(2, int.from_bytes(head[at + 2 : at + 4], "big"))
    return None
