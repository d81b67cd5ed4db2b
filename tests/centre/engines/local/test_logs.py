"""Log segments: what is written is what is read, whatever the sizes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wutong.centre.engines.local import logs
from wutong.centre.engines.local.logs import LogWriter, log_size, read_log


@pytest.fixture(autouse=True)
def _small_segments(monkeypatch):
    monkeypatch.setattr(logs, "SEGMENT_BYTES", 16)


@given(st.lists(st.binary(max_size=60), max_size=12), st.integers(0, 300), st.integers(0, 100))
def test_reads_back_what_was_written(tmp_path_factory, pieces, offset, limit):
    folder = tmp_path_factory.mktemp("log")
    writer = LogWriter(folder, 10_000)
    for piece in pieces:
        writer.write(piece)
    assert writer.close() == ""
    whole = b"".join(pieces)
    assert read_log(folder, offset, limit) == whole[offset : offset + limit]
    assert log_size(folder) == len(whole)
    assert all(file.stat().st_size <= 16 for file in folder.iterdir())


@given(st.lists(st.binary(min_size=1, max_size=60), max_size=12), st.integers(0, 100))
def test_stops_at_its_limit_and_says_so_once(tmp_path_factory, pieces, limit):
    folder = tmp_path_factory.mktemp("log")
    writer = LogWriter(folder, limit)
    for piece in pieces:
        writer.write(piece)
    note = writer.close()
    whole = b"".join(pieces)
    kept = read_log(folder, 0, 10_000)
    assert kept.startswith(whole[:limit])
    assert kept.count(b"[wutong] The log reached") == (len(whole) > limit) == bool(note)
    assert len(kept) <= limit + 200


def test_a_disk_that_is_full_for_a_while_leaves_a_mark(tmp_path, monkeypatch):
    writer = LogWriter(tmp_path, 10_000)
    writer.write(b"before ")
    with monkeypatch.context() as patch:
        patch.setattr(logs.os, "write", _full)
        writer.write(b"lost")
    writer.write(b"after")
    assert "disk was full" in writer.close()
    text = read_log(tmp_path, 0, 10_000)
    assert text.startswith(b"before ")
    assert text.endswith(b"after")
    assert b"is missing here" in text


def _full(*_arguments):
    raise OSError(28, "No space left on device")
