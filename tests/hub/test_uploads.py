"""Resumable uploads: whatever happens on the way, the bytes are right or refused, and room is accounted for."""

import multiprocessing
import os
import resource
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hub.hubkit import COLLEAGUE, OPERATOR, OWNER, STRANGER, VIEWER, Hub, file, sha

from wutong.hub import service
from wutong.hub.rules import (
    BadPath,
    ChecksumMismatch,
    Incomplete,
    MissingBlobs,
    OffsetMismatch,
    QuotaExceeded,
    StoreFull,
    TooLarge,
    TooLong,
    Upload,
    UploadBusy,
    UploadEnded,
    UploadState,
)
from wutong.hub.storage.rules import GIB
from wutong.kit import clock
from wutong.kit.errors import Forbidden, Invalid, NotFound
from wutong.kit.ids import new_id


def begin(hub: Hub, size: int, **options: object) -> Upload:
    return hub.run(service.create_upload, OWNER, size, **options)


def finish(hub: Hub, upload: Upload) -> Upload:
    return service.complete_upload(hub.database, hub.uploads, hub.blobs, OWNER, upload.id)


def reserved(hub: Hub) -> int:
    return hub.run(service.storage, "tenant_a").reserved_bytes


def test_an_upload_in_pieces_becomes_a_blob(hub: Hub) -> None:
    upload = begin(hub, 10, filename="a/b.bin", sha256=sha(b"0123456789"))
    assert reserved(hub) == 10
    assert hub.uploads.offset(upload.id) == 0
    assert hub.uploads.append(upload.id, 0, [b"012", b"", b"34"], size_bytes=10) == 5
    with pytest.raises(Incomplete):
        finish(hub, upload)
    assert hub.uploads.append(upload.id, 5, [b"56789"], size_bytes=10) == 10
    done = finish(hub, upload)
    assert done.state is UploadState.FINISHED
    assert done.files == (file("a/b.bin", b"0123456789"),)
    assert b"".join(hub.blobs.open_range(sha(b"0123456789"))) == b"0123456789"
    assert (hub.used(), reserved(hub)) == (10, 0)
    assert finish(hub, upload) == done
    assert service.upload_offset(hub.uploads, done) == 10
    assert list(hub.uploads.folder.iterdir()) == []
    with pytest.raises(UploadEnded):
        hub.run(service.open_upload, OWNER, upload.id)


def test_an_empty_file_can_be_uploaded(hub: Hub) -> None:
    assert hub.upload(b"").files == (file("file", b""),)


def test_offsets_lengths_and_checksums_are_held_to(hub: Hub) -> None:
    upload = begin(hub, 4, sha256=sha(b"abcd"))
    with pytest.raises(OffsetMismatch):
        hub.uploads.append(upload.id, 1, [b"b"], size_bytes=4)
    with pytest.raises(TooLong):
        hub.uploads.append(upload.id, 0, [b"ab", b"cde"], size_bytes=4)
    assert hub.uploads.offset(upload.id) == 2
    hub.uploads.append(upload.id, 2, [b"XX"], size_bytes=4)
    with pytest.raises(ChecksumMismatch):
        finish(hub, upload)
    assert hub.run(service.get_upload, OWNER, upload.id).state is UploadState.FAILED
    assert (hub.used(), reserved(hub), list(hub.blobs.list())) == (0, 0, [])
    with pytest.raises(UploadEnded, match="Start a new one"):
        finish(hub, upload)


def test_a_second_writer_is_told_to_wait(hub: Hub) -> None:
    upload = begin(hub, 4)
    with hub.uploads.writer(upload.id, 0, size_bytes=4) as writer:
        writer.write(b"ab")
        with pytest.raises(UploadBusy):
            hub.uploads.append(upload.id, 2, [b"cd"], size_bytes=4)
        with pytest.raises(UploadBusy):
            service.UploadFolder(hub.uploads.folder).append(upload.id, 2, [b"cd"], size_bytes=4)
    assert hub.uploads.append(upload.id, 2, [b"cd"], size_bytes=4) == 4


def test_only_one_of_many_writers_at_one_offset_gets_through(hub: Hub) -> None:
    upload = begin(hub, 3)
    results: list[object] = []

    def write(letter: bytes) -> None:
        try:
            results.append(hub.uploads.append(upload.id, 0, [letter * 3], size_bytes=3))
        except (UploadBusy, OffsetMismatch) as problem:
            results.append(problem.status)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b", b"c", b"d")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results.count(3) == 1
    assert hub.uploads.path(upload.id).read_bytes() in (b"aaa", b"bbb", b"ccc", b"ddd")


def test_what_came_before_a_broken_connection_stays(hub: Hub) -> None:
    upload = begin(hub, 6)

    def broken() -> Iterator[bytes]:
        yield b"abc"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        hub.uploads.append(upload.id, 0, broken(), size_bytes=6)
    other_process = service.UploadFolder(hub.uploads.folder)
    assert other_process.append(upload.id, 3, [b"def"], size_bytes=6) == 6
    done = service.complete_upload(hub.database, other_process, hub.blobs, OWNER, upload.id)
    assert done.files[0].sha256 == sha(b"abcdef")


def _write_for_ever(folder: object, upload_id: str, offset: int, size: int, data: bytes) -> None:
    pieces = (data[at : at + 1013] for at in range(offset, size, 1013))
    service.UploadFolder(folder).append(upload_id, offset, pieces, size_bytes=size)


def test_killed_anywhere_an_upload_goes_on_from_there(hub: Hub) -> None:
    size = 40 << 20
    data = os.urandom(1 << 20) * 40
    upload = begin(hub, size, sha256=sha(data))
    spawn = multiprocessing.get_context("fork")
    kills = 0
    for pause in [0.002 * step for step in range(1, 13)]:
        offset = hub.uploads.offset(upload.id)
        child = spawn.Process(target=_write_for_ever, args=(hub.uploads.folder, upload.id, offset, size, data))
        child.start()
        time.sleep(pause)
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        kills += hub.uploads.offset(upload.id) < size
    assert kills > 0
    offset = hub.uploads.offset(upload.id)
    hub.uploads.append(upload.id, offset, [data[offset:]], size_bytes=size)
    assert finish(hub, upload).files[0].sha256 == sha(data)


def test_a_full_disk_is_told_and_the_upload_can_go_on(hub: Hub) -> None:
    upload = begin(hub, 3000)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, hard))
    try:
        with pytest.raises(StoreFull):
            hub.uploads.append(upload.id, 0, [b"x" * 1000, b"x" * 1000, b"x" * 1000], size_bytes=3000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, old)
    assert hub.uploads.offset(upload.id) == 1500
    hub.uploads.append(upload.id, 1500, [b"x" * 1500], size_bytes=3000)
    assert finish(hub, upload).files[0].sha256 == sha(b"x" * 3000)


def test_quota_is_set_aside_before_bytes(hub: Hub) -> None:
    hub.run(service.set_quota, OPERATOR, "tenant_a", 100)
    first = begin(hub, 60)
    with pytest.raises(QuotaExceeded) as caught:
        begin(hub, 41)
    assert caught.value.params["reserved_bytes"] == 60
    hub.run(service.cancel_upload, OWNER, first.id)
    assert begin(hub, 100).size_bytes == 100
    with pytest.raises(UploadEnded):
        hub.run(service.cancel_upload, OWNER, first.id)


def test_racing_uploads_never_pass_the_quota(hub: Hub) -> None:
    hub.run(service.set_quota, OPERATOR, "tenant_a", 100)
    won: list[str] = []

    def reserve() -> None:
        with suppress(QuotaExceeded):
            won.append(begin(hub, 30).id)

    threads = [threading.Thread(target=reserve) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), reserved(hub)) == (3, 90)


def test_an_upload_is_its_tenants_alone(hub: Hub) -> None:
    upload = begin(hub, 3)
    assert hub.run(service.get_upload, COLLEAGUE, upload.id) == upload
    for who in (STRANGER,):
        with pytest.raises(NotFound):
            hub.run(service.get_upload, who, upload.id)
        with pytest.raises(NotFound):
            hub.run(service.cancel_upload, who, upload.id)
        with pytest.raises(NotFound):
            service.complete_upload(hub.database, hub.uploads, hub.blobs, who, upload.id)
    with pytest.raises(Forbidden):
        hub.run(service.create_upload, VIEWER, 3)


def test_announcements_are_checked(hub: Hub) -> None:
    with pytest.raises(TooLarge):
        begin(hub, 11, limit_bytes=10)
    with pytest.raises(Invalid):
        begin(hub, -1)
    with pytest.raises(BadPath):
        begin(hub, 1, filename="../x")
    with pytest.raises(QuotaExceeded):
        begin(hub, 200 * GIB)
    with pytest.raises(ValueError, match="not the id"):
        hub.uploads.path("../../etc/passwd")


def test_an_abandoned_upload_expires_a_week_after_its_last_byte(hub: Hub, fake_clock: clock.FakeClock) -> None:
    fake_clock.time = clock.SystemClock().now()
    upload, silent = begin(hub, 5), begin(hub, 7)
    fake_clock.advance(timedelta(days=6).total_seconds())
    hub.uploads.append(upload.id, 0, [b"ab"], size_bytes=5)
    os.utime(hub.uploads.path(upload.id), (fake_clock.time.timestamp(),) * 2)
    fake_clock.advance(timedelta(days=2).total_seconds())
    assert hub.collector.expire()
    assert hub.run(service.get_upload, OWNER, silent.id).state is UploadState.EXPIRED
    assert hub.run(service.get_upload, OWNER, upload.id).state is UploadState.OPEN
    assert reserved(hub) == 5
    fake_clock.advance(timedelta(days=8).total_seconds())
    assert hub.collector.expire()
    assert (reserved(hub), list(hub.uploads.folder.iterdir())) == (0, [])


def test_a_file_that_belongs_to_no_upload_is_cleared(hub: Hub) -> None:
    stray, fresh = new_id("upload"), new_id("upload")
    hub.uploads.append(stray, 0, [b"x"], size_bytes=1)
    hub.uploads.append(fresh, 0, [b"x"], size_bytes=1)
    os.utime(hub.uploads.path(stray), (1, 1))
    hub.collector.expire()
    assert [path.name for path in hub.uploads.folder.iterdir()] == [fresh]


def test_a_blob_taken_away_between_seal_and_finish_is_noticed_and_sealed_again(hub: Hub) -> None:
    upload = begin(hub, 3)
    hub.uploads.append(upload.id, 0, [b"abc"], size_bytes=3)
    sealed = service.seal_upload(hub.uploads, hub.blobs, upload, room_bytes=100)
    hub.blobs.delete(sha(b"abc"))
    with pytest.raises(MissingBlobs):
        hub.run(service.finish_upload, OWNER, upload.id, sealed, blobs=hub.blobs)
    assert finish(hub, upload).files[0].sha256 == sha(b"abc")
    assert (hub.used(), reserved(hub)) == (3, 0)


@given(st.lists(st.binary(max_size=300), max_size=12), st.randoms(use_true_random=False))
def test_any_cutting_and_any_process_gives_the_same_digest(tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], random: object) -> None:
    path = tmp_path_factory.mktemp("any")
    folders = [service.UploadFolder(path), service.UploadFolder(path)]
    whole, upload_id = b"".join(pieces), new_id("upload")
    for piece in pieces:
        folder = random.choice(folders)
        at = folder.offset(upload_id)
        folder.append(upload_id, at, [piece], size_bytes=len(whole))
    for folder in folders:
        with folder.whole(upload_id, size_bytes=len(whole)) as (_, digest):
            assert digest == sha(whole)
