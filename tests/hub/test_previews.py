"""What is shown of files, most of them not what their names say, and some made to do harm."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hub.hubkit import OWNER, Hub

from wutong.hub import service
from wutong.hub.previews.look import hex_lines, look
from wutong.hub.previews.rules import CELL_CHARACTERS, HEAD_BYTES, IMAGE_BYTES, TABLE_COLUMNS, TABLE_ROWS, TEXT_BYTES, ColumnType, PreviewKind
from wutong.kit.errors import NotFound


def png(width=2, height=3):
    """A whole PNG."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = zlib.compress((b"\0" + b"\x10\x20\x30" * 2) * 3)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xc2\x00\x11\x08\x00\x40\x00\x80\x03" + bytes(20)
WEBP = {
    "VP8X": b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x7f\0\0\x3f\0\0",
    "VP8L": b"RIFF\0\0\0\0WEBPVP8L\x0a\0\0\0\x2f" + ((63 << 14) | 127).to_bytes(4, "little") + bytes(8),
    "VP8 ": b"RIFF\0\0\0\0WEBPVP8 \x0a\0\0\0\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 128, 64) + bytes(4),
}


def seen(path, data):
    """A preview of a whole file."""
    return look(path, len(data), data[:HEAD_BYTES])


@pytest.mark.parametrize("data", [JPEG, *WEBP.values(), b"GIF89a" + struct.pack("<HH", 128, 64) + bytes(9)])
def test_pictures_are_told_by_their_bytes(data):
    found = seen("picture", data)
    assert found.kind is PreviewKind.IMAGE
    assert (found.image.width, found.image.height) == (128, 64)


def test_a_png_by_any_name_is_a_picture():
    found = seen("page.html", png())
    assert (found.kind, found.image.media_type) == (PreviewKind.IMAGE, "image/png")


@pytest.mark.parametrize("path", ["picture.png", "picture.svg", "page.html"])
def test_what_could_run_is_shown_as_text_only(path):
    found = seen(path, b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
    assert found.kind is PreviewKind.TEXT


def test_a_picture_made_to_fill_memory_is_not_shown():
    assert seen("bomb.png", png(60_000, 60_000)).kind is PreviewKind.LARGE_IMAGE
    assert look("large.png", IMAGE_BYTES + 1, png()).kind is PreviewKind.LARGE_IMAGE


@pytest.mark.parametrize("data", [b"\xff\xd8\xff" + b"\xff" * 4000, b"\xff\xd8\xff\xe0\0\0" * 800, png()[:20], b"RIFF\0\0\0\0WEBPVP8L"])
def test_broken_pictures_are_bytes(data):
    assert seen("broken", data).kind is PreviewKind.HEX


def test_a_table_has_columns_with_types():
    text = "编号,宽,时间,合格,注\n1,0.5,2024-05-01 10:00,true,\n2,1e3,2024-05-02,false,\n-3,.5,2024/5/3,yes,\n"
    found = seen("表.csv", text.encode())
    assert [column for _, column in found.table.columns] == [
        ColumnType.WHOLE,
        ColumnType.DECIMAL,
        ColumnType.MOMENT,
        ColumnType.TRUTH,
        ColumnType.EMPTY,
    ]
    assert found.table.rows[0] == ("1", "0.5", "2024-05-01 10:00", "true", "")
    assert not found.cut


@pytest.mark.parametrize(("path", "mark"), [("a.csv", ","), ("a.csv", ";"), ("a.csv", "|"), ("a.csv", "\t"), ("a.tsv", "\t")])
def test_the_mark_between_columns_is_found(path, mark):
    found = seen(path, f'a{mark}b\n1{mark}"x, y; z"\n2{mark}w\n'.encode())
    assert [name for name, _ in found.table.columns] == ["a", "b"]
    assert found.table.rows[0] == ("1", "x, y; z")


def test_a_table_written_by_a_chinese_spreadsheet_is_read():
    found = seen("样本.csv", "名称,数量\n道路,3\n".encode("gb18030"))
    assert (found.encoding, found.table.rows) == ("gb18030", (("道路", "3"),))


def test_only_the_first_rows_and_columns_are_shown():
    wide = ",".join(f"c{at}" for at in range(500)) + "\n"
    found = seen("wide.csv", (wide + ",".join(["x" * 1000] * 500) + "\n" + "1,2\n" * 500).encode())
    assert len(found.table.rows) == TABLE_ROWS
    assert len(found.table.columns) == TABLE_COLUMNS
    assert found.table.more_columns == 400
    assert max(len(cell) for row in found.table.rows for cell in row) <= CELL_CHARACTERS + 1
    assert found.cut


def test_a_row_that_was_cut_off_is_not_shown():
    data = b"a,b\n" + b"1,2\n" * 3 + b"3,4"
    found = look("a.csv", len(data) + 100, data)
    assert found.table.rows == (("1", "2"),) * 3
    assert found.cut


def test_a_csv_that_is_none_is_text():
    assert seen("a.csv", b"just words\nand more\n").kind is PreviewKind.TEXT
    assert seen("a.csv", b'a,b\n"' + b"x" * 500_000).kind is PreviewKind.TEXT


def test_text_is_cut_at_its_limit():
    found = seen("log.txt", b"line of a log\n" * 100_000)
    assert (found.kind, len(found.text), found.cut) == (PreviewKind.TEXT, TEXT_BYTES, True)


def test_text_cut_within_a_character_stays_text():
    data = ("字" * 100).encode()
    assert look("a.txt", len(data), data[:-1]).text == "字" * 99


def test_bytes_are_shown_in_hexadecimal():
    found = seen("weights.bin", bytes(range(256)) * 10)
    assert found.kind is PreviewKind.HEX
    assert found.text.splitlines()[2] == "00000020  20 21 22 23 24 25 26 27 28 29 2a 2b 2c 2d 2e 2f   !\"#$%&'()*+,-./"
    assert len(found.text.splitlines()) == 64


def test_formats_that_browsers_read_are_named():
    assert seen("a.bin", b"PAR1" + bytes(100)).kind is PreviewKind.PARQUET
    assert seen("a.bin", b"II*\0" + bytes(100)).kind is PreviewKind.GEOTIFF


def test_an_empty_file_is_said_to_be_empty():
    assert look("a.csv", 0, b"").kind is PreviewKind.EMPTY


@given(st.binary(max_size=3000), st.sampled_from(["a.csv", "a.tsv", "a.txt", "a.png", "a"]), st.integers(0, 10))
def test_nothing_a_file_holds_breaks_the_preview(data, path, more):
    found = look(path, len(data) + more, data)
    assert found.kind in PreviewKind


@given(st.sampled_from([JPEG, png(), *WEBP.values()]), st.integers(0, 40))
def test_pictures_cut_anywhere_break_nothing(data, end):
    assert seen("a.png", data[:end]).kind in PreviewKind


def test_the_dump_of_an_odd_number_of_bytes_is_aligned():
    assert hex_lines(b"ab") == "00000000  61 62                                            ab"


def test_only_pictures_are_opened_as_such(hub: Hub):
    version = hub.commit({"a.png": png(), "b.png": b"<svg/>"})
    picture = hub.run(service.get_file, OWNER, version.id, "a.png")
    media, pieces = service.open_picture(hub.blobs, picture)
    assert (media, b"".join(pieces)) == ("image/png", png())
    with pytest.raises(NotFound):
        service.open_picture(hub.blobs, hub.run(service.get_file, OWNER, version.id, "b.png"))
