"""Decides how a file is shown from its first bytes, and makes what is shown. Pure."""

import codecs
import re
import unicodedata

from wutong.hub.previews.images import image_of
from wutong.hub.previews.rules import HEX_BYTES, IMAGE_BYTES, IMAGE_PIXELS, TEXT_BYTES, Preview, PreviewKind
from wutong.hub.previews.tables import table_of

_READ_BY_BROWSERS = {b"PAR1": PreviewKind.PARQUET, **dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), PreviewKind.GEOTIFF)}
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_BINARY = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")


def look(path: str, size_bytes: int, head: bytes) -> Preview:
    """Return what can be shown of a file by its path, its size and its first bytes."""
    if not size_bytes:
        return Preview(PreviewKind.EMPTY)
    image = image_of(head)
    if image is not None:
        fits = size_bytes <= IMAGE_BYTES and image.pixels <= IMAGE_PIXELS
        return Preview(PreviewKind.IMAGE if fits else PreviewKind.LARGE_IMAGE, image=image)
    if head[:4] in _READ_BY_BROWSERS:
        return Preview(_READ_BY_BROWSERS[head[:4]])
    whole = len(head) >= size_bytes
    text, encoding = _text(head, whole=whole)
    if not encoding:
        return Preview(PreviewKind.HEX, text=hex_lines(head[:HEX_BYTES]), cut=size_bytes > HEX_BYTES)
    suffix = path.rpartition(".")[2].lower()
    table = table_of(text, whole=whole, tabs=suffix == "tsv") if suffix in ("csv", "tsv", "tab") else None
    if table is not None:
        return Preview(PreviewKind.TABLE, table=table, encoding=encoding, cut=table.cut)
    cut = not whole or len(head) > TEXT_BYTES
    return Preview(PreviewKind.TEXT, text=text[:TEXT_BYTES], encoding=encoding, cut=cut)


def hex_lines(data: bytes) -> str:
    """Write bytes as hexadecimal lines of sixteen, with their offset and what is printable of them."""
    lines = []
    for at in range(0, len(data), 16):
        row = data[at : at + 16]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{at:08x}  {row.hex(' '):<47}  {shown}")
    return "\n".join(lines)


def _text(head: bytes, *, whole: bool) -> tuple[str, str]:
    """Decode a text, with the name of its encoding; "" as encoding when it is none. Excel in China writes GB 18030 without saying so."""
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), None)
    for encoding in (marked,) if marked else ("utf-8", "gb18030"):
        decoder = codecs.getincrementaldecoder(encoding)("strict")
        try:
            text = decoder.decode(head, final=whole)
        except UnicodeDecodeError:
            continue
        if _reads(text):
            return text, encoding
    return "", ""


def _reads(text: str) -> bool:
    """Tell whether this is text: no control characters that text does not hold, nor many that mean nothing."""
    sample = text[:TEXT_BYTES]
    if _BINARY.search(sample):
        return False
    odd = sum(unicodedata.category(letter) in ("Cn", "Co", "Cc") for letter in sample[:20_000] if letter >= "\x7f")
    return odd * 50 <= len(sample[:20_000])
