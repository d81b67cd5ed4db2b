"""Archives from hostile hands: what is honest is unpacked to the byte, what is not is refused with its name and leaves nothing."""

import gzip
import io
import struct
import tarfile
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hub.hubkit import OPERATOR, Hub, file

from wutong.hub import service
from wutong.hub.archives.rules import ArchiveLimits, BadArchive
from wutong.hub.archives.unpack import unpack
from wutong.hub.paths import BadPath, PathClash, clean_path
from wutong.hub.rules import File, UploadKind
from wutong.hub.service import LocalBlobs, stream_tar
from wutong.kit import clock

LIMITS = ArchiveLimits(total_bytes=1 << 20, entries=50, ratio_from_bytes=1000)


def tar_of(*entries: tuple[str, bytes | tarfile.TarInfo], mode: str = "w", fmt: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=fmt) as archive:
        for name, content in entries:
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.name = name
            if isinstance(content, bytes):
                info.size = len(content)
            archive.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return out.getvalue()


def zip_of(*entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return out.getvalue()


def special(kind: bytes, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo("x")
    info.type, info.linkname = kind, link
    return info


@pytest.fixture
def blobs(tmp_path: Path) -> LocalBlobs:
    """An empty store."""
    return LocalBlobs(tmp_path / "blobs")


def read(tmp_path: Path, blobs: LocalBlobs, data: bytes, limits: ArchiveLimits = LIMITS) -> list[File]:
    path = tmp_path / "archive"
    path.write_bytes(data)
    return unpack(path, blobs, limits)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("fmt", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_tars_are_unpacked(tmp_path: Path, blobs: LocalBlobs, mode: str, fmt: int) -> None:
    long = "d/" + "n" * 150
    data = tar_of(("dir", special(tarfile.DIRTYPE)), ("./b/数据.txt", b"two"), ("a.txt", b"one"), ("empty", b""), (long, b"long"), mode=mode, fmt=fmt)
    expected = [file("a.txt", b"one"), file("b/数据.txt", b"two"), file(long, b"long"), file("empty", b"")]
    assert read(tmp_path, blobs, data) == expected
    assert all(b"".join(blobs.open_range(entry.sha256)) is not None for entry in expected)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zips_are_unpacked(tmp_path: Path, blobs: LocalBlobs, method: int) -> None:
    data = zip_of(("dir/", b""), ("dir/b", b"two"), ("数据", b"one"), method=method)
    assert read(tmp_path, blobs, data) == [file("dir/b", b"two"), file("数据", b"one")]


def test_names_written_by_chinese_windows_are_read(tmp_path: Path, blobs: LocalBlobs) -> None:
    data = zip_of(("AAAA.txt", b"one")).replace(b"AAAA.txt", "数据".encode("gb18030") + b".txt")
    assert read(tmp_path, blobs, data) == [file("数据.txt", b"one")]


BAD_NAMES = ["/etc/passwd", "../x", "a/../../x", "a/./b", "C:/x", "c:x", "a\\b", "a//b", "a\nb", "a/" + "x" * 300, "/".join("d" * 40), "a\u2028b"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_could_escape_or_confuse_are_refused(tmp_path: Path, blobs: LocalBlobs, name: str) -> None:
    for data in (tar_of(("good", b"1"), (name, b"2")), zip_of(("good", b"1"), (name, b"2"))):
        with pytest.raises(BadPath) as caught:
            read(tmp_path, blobs, data)
        assert caught.value.params["reason"].endswith(".")
    assert list(blobs.list()) == []


@pytest.mark.parametrize(
    ("entry", "word"),
    [
        (special(tarfile.SYMTYPE, "/etc/passwd"), "link to /etc/passwd"),
        (special(tarfile.LNKTYPE, "good"), "link to good"),
        (special(tarfile.FIFOTYPE), "pipe"),
        (special(tarfile.CHRTYPE), "device"),
        (special(tarfile.BLKTYPE), "device"),
        (special(b"Z"), "unknown type"),
    ],
)
def test_links_and_devices_are_refused_by_name(tmp_path: Path, blobs: LocalBlobs, entry: tarfile.TarInfo, word: str) -> None:
    with pytest.raises(BadArchive, match=f"bad/thing.*{word}"):
        read(tmp_path, blobs, tar_of(("good", b"1"), ("bad/thing", entry)))
    assert list(blobs.list()) == []


def test_links_and_passwords_in_zips_are_refused(tmp_path: Path, blobs: LocalBlobs) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with pytest.raises(BadArchive, match="link: it is a link"):
        read(tmp_path, blobs, zip_of((link, b"/etc/passwd")))
    locked = bytearray(zip_of(("secret", b"x")))
    locked[locked.find(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(BadArchive, match="encrypted"):
        read(tmp_path, blobs, bytes(locked))


@pytest.mark.parametrize("pair", [("a", "a"), ("README", "readme"), ("a", "a/b"), ("é", "e\u0301"), ("A/x", "a/X")])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_clashes_are_refused(tmp_path: Path, blobs: LocalBlobs, pair: tuple[str, str]) -> None:
    entries = [(name, b"1") for name in pair]
    for data in (tar_of(*entries), zip_of(*entries)):
        with pytest.raises(PathClash):
            read(tmp_path, blobs, data)


def test_bombs_are_stopped(tmp_path: Path, blobs: LocalBlobs) -> None:
    zeros = bytes(1 << 19)
    with pytest.raises(BadArchive, match="big: it unpacks to over 200 times"):
        read(tmp_path, blobs, zip_of(("big", zeros)))
    with pytest.raises(BadArchive, match="over 200 times"):
        read(tmp_path, blobs, gzip.compress(tar_of(("big", zeros))))
    with pytest.raises(BadArchive, match="storage left"):
        read(tmp_path, blobs, tar_of(("a", zeros), ("b", zeros), ("c", zeros)))
    with pytest.raises(BadArchive, match="at most 50 entries"):
        read(tmp_path, blobs, tar_of(*((f"{n}", b"") for n in range(51))))
    with pytest.raises(BadArchive, match="at most 50 entries"):
        read(tmp_path, blobs, zip_of(*((f"{n}", b"") for n in range(51))))
    assert list(blobs.list()) == []


def test_a_zip_that_lies_about_sizes_or_shares_bytes_is_refused(tmp_path: Path, blobs: LocalBlobs) -> None:
    data = bytearray(zip_of(("a", b"12345"), method=zipfile.ZIP_STORED))
    entry = data.find(b"PK\x01\x02")
    lying = bytearray(data)
    struct.pack_into("<I", lying, entry + 24, 500)
    with pytest.raises(BadArchive):
        read(tmp_path, blobs, bytes(lying))
    short = bytearray(data)
    short[35] ^= 1
    with pytest.raises(BadArchive, match="broken"):
        read(tmp_path, blobs, bytes(short))
    shared = bytearray(zip_of(("a", b"1"), ("b", b"1"), method=zipfile.ZIP_STORED))
    struct.pack_into("<I", shared, shared.rfind(b"PK\x01\x02") + 42, 0)
    with pytest.raises(BadArchive, match="shares its bytes"):
        read(tmp_path, blobs, bytes(shared))


def test_a_huge_extended_header_is_refused_before_it_is_read(tmp_path: Path, blobs: LocalBlobs) -> None:
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 1 << 32
    with pytest.raises(BadArchive, match="header is too large"):
        read(tmp_path, blobs, header.tobuf() + bytes(1 << 16), ArchiveLimits())


@pytest.mark.parametrize("data", [b"", b"hello", b"PK\x03\x04rubbish", b"\x1f\x8brubbish", b"\x28\xb5\x2f\xfd....", bytes(10240), b"BZh91AY"])
def test_what_is_no_archive_is_refused(tmp_path: Path, blobs: LocalBlobs, data: bytes) -> None:
    with pytest.raises(BadArchive) as caught:
        read(tmp_path, blobs, data)
    assert caught.value.sentence().endswith(".")


@given(st.data())
def test_a_damaged_archive_is_unpacked_or_refused_never_worse(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    good = data.draw(
        st.sampled_from([tar_of(("a/b", b"x" * 600), ("c", b"y"), mode="w:gz"), zip_of(("a/b", b"x" * 600), ("c", b"y")), tar_of(("a", b"z" * 99))])
    )
    bad = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        bad[data.draw(st.integers(0, len(bad) - 1))] = data.draw(st.integers(0, 255))
    bad = bad[: data.draw(st.integers(0, len(bad)))]
    try:
        files = read(folder, LocalBlobs(folder / "blobs"), bytes(bad))
    except (BadArchive, BadPath, PathClash):
        assert list(LocalBlobs(folder / "blobs").list()) == []
    else:
        assert files


@given(st.text(max_size=40))
def test_a_clean_path_stays_below_its_tree(text: str) -> None:
    path = None
    with suppress(BadPath):
        path = clean_path(text)
    if path is None:
        return
    assert clean_path(path) == path
    assert (Path("/tree") / path).resolve().is_relative_to("/tree")


def test_an_archive_is_uploaded_into_files_and_counted_unpacked(hub: Hub) -> None:
    done = hub.upload(tar_of(("a", b"12345"), ("b", b"12345"), ("c", b"1"), mode="w:gz"), kind=UploadKind.ARCHIVE)
    assert [entry.path for entry in done.files] == ["a", "b", "c"]
    assert hub.used() == 6


def test_an_archive_that_unpacks_beyond_the_quota_is_refused(hub: Hub) -> None:
    data = tar_of(("a", b"x" * 20_000), mode="w:gz")
    hub.run(service.set_quota, OPERATOR, "tenant_a", 10_000)
    with pytest.raises(BadArchive, match="storage left"):
        hub.upload(data, kind=UploadKind.ARCHIVE)
    assert hub.used() == 0


def test_a_version_streams_as_a_tar(hub: Hub) -> None:
    version = hub.commit({"a/数据": b"one" * 1000, "b" * 150: b"", "c": b"3"})
    files = hub.run(service.files_of, version.id)
    packed = b"".join(stream_tar(hub.blobs, files, clock.now()))
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        assert {entry.name: archive.extractfile(entry).read() for entry in archive} == {"a/数据": b"one" * 1000, "b" * 150: b"", "c": b"3"}
