"""The blob store in a folder and in a bucket: the same promises."""

import os
import resource
import signal
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.hub.hubkit import sha

from wutong.hub.blobs.objects import ObjectBlobs
from wutong.hub.blobs.rules import CHUNK, BadDigest, Blob, BlobLost, BlobStore, StoreFull, WrongDigest
from wutong.hub.service import LocalBlobs


@pytest.fixture(scope="module")
def bucket() -> Iterator[dict[str, object]]:
    """Options of a bucket on a server in this process."""
    import boto3
    from moto.server import ThreadedMotoServer

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    endpoint = f"http://127.0.0.1:{port}"
    boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **keys).create_bucket(Bucket="centre")
    yield {"endpoint": endpoint, "region": "us-east-1", "client_options": {"allow_http": True}, **keys}
    server.stop()


@pytest.fixture(params=["local", pytest.param("objects", marks=pytest.mark.slow)])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    """A store of each kind."""
    if request.param == "local":
        return LocalBlobs(tmp_path / "blobs")
    return ObjectBlobs(f"s3://centre/{tmp_path.name}", **request.getfixturevalue("bucket"))


def put(blobs: BlobStore, tmp_path: Path, data: bytes, **options: bool) -> str:
    path = tmp_path / "source"
    path.write_bytes(data)
    blobs.put_file(path, sha(data), **options)
    return sha(data)


def test_a_blob_is_put_read_listed_and_deleted(blobs: BlobStore, tmp_path: Path) -> None:
    data = os.urandom(CHUNK + 17)
    digest = put(blobs, tmp_path, data)
    assert put(blobs, tmp_path, data) == digest
    assert b"".join(blobs.open_range(digest)) == data
    assert list(blobs.list()) == [Blob(digest, len(data))]
    assert blobs.exists(digest)
    blobs.delete(digest)
    blobs.delete(digest)
    assert not blobs.exists(digest)
    with pytest.raises(BlobLost):
        blobs.open_range(digest)


@pytest.mark.parametrize(("start", "end"), [(0, 5), (3, 3), (7, None), (5, 6), (0, 10), (CHUNK - 1, CHUNK + 2), (CHUNK, None), (9, 3)])
def test_ranges_are_exact(blobs: BlobStore, tmp_path: Path, start: int, end: int | None) -> None:
    data = bytes(range(256)) * (CHUNK // 128)
    digest = put(blobs, tmp_path, data)
    assert b"".join(blobs.open_range(digest, start, end)) == data[start:end]


def test_a_wrong_digest_is_refused(blobs: BlobStore, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    with pytest.raises(WrongDigest):
        blobs.put_file(tmp_path / "x", sha(b"y"))
    for bad in ("../../x", sha(b"x").upper(), "abc"):
        with pytest.raises(BadDigest):
            blobs.exists(bad)
    assert list(blobs.list()) == []


def test_an_intake_takes_many(blobs: BlobStore) -> None:
    given = [b"", b"a", b"a", b"bb" * CHUNK, *(b"%d" % n for n in range(30))]
    with blobs.intake() as intake:
        taken = [intake.add([data[:1], data[1:]]) for data in given]
    assert taken == [Blob(sha(data), len(data)) for data in given]
    assert [blob.sha256 for blob in blobs.list()] == sorted({sha(data) for data in given})
    assert b"".join(blobs.open_range(sha(b""))) == b""


def test_local_blobs_are_read_only_and_a_moved_file_is_the_same_inode(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path / "blobs")
    digest = put(blobs, tmp_path, b"abc", verified=True, move=True)
    path = blobs.path_of(digest)
    assert path is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert path.stat().st_ino == (tmp_path / "source").stat().st_ino
    assert blobs.path_of(sha(b"other")) is None


def test_a_failed_intake_leaves_nothing(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path / "blobs")
    with pytest.raises(ZeroDivisionError), blobs.intake() as intake:
        intake.add(bytes(1 // number) for number in (1, 0))
    assert list(blobs.list()) == []
    assert list((tmp_path / "blobs" / "tmp").iterdir()) == []


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path / "blobs")
    (tmp_path / "big").write_bytes(b"x" * 5000)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(StoreFull), blobs.intake() as intake:
            list(map(intake.add, ([b"small"], [b"x" * 5000])))
        with pytest.raises(StoreFull, match="make room"):
            blobs.put_file(tmp_path / "big", sha(b"x" * 5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, old)
    assert list(blobs.list()) == []
    assert list((tmp_path / "blobs" / "tmp").iterdir()) == []


def test_two_who_put_the_same_end_with_one(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path / "blobs")

    def take() -> None:
        with blobs.intake() as intake:
            for n in range(50):
                intake.add([b"%d" % n])

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(blobs.list())) == 50
    assert all(b"".join(blobs.open_range(sha(b"%d" % n))) == b"%d" % n for n in range(50))


def test_drafts_of_a_killed_process_are_cleared(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path / "blobs")
    for name, at in (("old", 10), ("new", 1000)):
        draft = tmp_path / "blobs" / "tmp" / name
        draft.write_bytes(b"x")
        os.utime(draft, (at, at))
    assert blobs.clean_drafts(older_than=500) == 1
    assert [path.name for path in (tmp_path / "blobs" / "tmp").iterdir()] == ["new"]
