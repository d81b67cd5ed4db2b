"""What is particular to zip: the central directory is read whole, names come in old encodings, and links hide in attributes."""

import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

from wutong.hub.archives.rules import ArchiveLimits, BadArchive, open_to_bomb
from wutong.hub.paths import printable

_UTF8 = 0x800
_ENCRYPTED = 0x1
_MOST_A_HEADER = 46 + 3 * 1024
_KNOWN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def open_zip(path: Path, limits: ArchiveLimits) -> zipfile.ZipFile:
    """Open a zip after a look at the size of its directory, which zipfile reads into memory."""
    with path.open("rb") as file:
        end = zipfile._EndRecData(file)  # type: ignore[attr-defined]  # noqa: SLF001 - the only way to know before it is read
    if end and end[5] > limits.entries * _MOST_A_HEADER:
        raise BadArchive(entry="The archive", reason=f"one archive holds at most {limits.entries} entries. Split it.")
    return zipfile.ZipFile(path)


def zip_entries(archive: zipfile.ZipFile, limits: ArchiveLimits) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    """Yield entries that are plain files or folders, with their names decoded. Raises `BadArchive`."""
    starts: set[int] = set()
    for entry in archive.infolist():
        name = zip_name(entry)
        reason = _fault(entry, limits)
        if entry.header_offset in starts:
            reason = "it shares its bytes with another entry. Pack the archive again."
        if reason:
            raise BadArchive(entry=printable(name), reason=reason)
        starts.add(entry.header_offset)
        yield name, entry


def zip_name(entry: zipfile.ZipInfo) -> str:
    """Return an entry's name; without the UTF-8 flag it is UTF-8 all the same, or GB 18030 as Chinese Windows writes it, or else code page 437."""
    name = entry.filename
    if entry.flag_bits & _UTF8 or name.isascii():
        return name
    raw = name.encode("cp437")
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return name


def _fault(entry: zipfile.ZipInfo, limits: ArchiveLimits) -> str:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "it is a link. Pack the file it points to."
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "it is a device or a pipe. Pack only files and folders."
    if entry.flag_bits & _ENCRYPTED:
        return "it is encrypted. Pack without a password; uploads are private to your organisation."
    if entry.compress_type not in _KNOWN:
        return "it is packed in a way that is not read here. Pack with plain zip or as .tar.gz."
    if open_to_bomb(limits, entry.file_size, entry.compress_size):
        return f"it unpacks to over {limits.ratio} times its size. Upload such a file by itself."
    return ""
