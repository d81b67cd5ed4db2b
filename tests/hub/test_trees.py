"""Trees: laid out whole, shared, kept while pinned; and read back from folders that hostile code wrote."""

import os
import stat
import threading
from pathlib import Path

import pytest
from tests.hub.hubkit import OWNER, Hub, file, sha

from wutong.hub import service
from wutong.hub.rules import BlobLost, FolderLimits, FolderTooLarge, Skipped
from wutong.hub.trees.materialise import clean_trees, materialise, remove_tree

DATA = {"a/b/c.txt": b"deep", "a/数据": b"x" * 1000, "run.sh": b"true", "empty": b""}


@pytest.fixture
def files(hub: Hub) -> list:
    """The files of a committed version."""
    return hub.run(service.files_of, hub.commit(DATA).id)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_read_only_tree_links_to_the_blobs(hub: Hub, files: list) -> None:
    tree = materialise(hub.blobs, files, hub.folder / "trees" / "digest")
    assert contents(tree) == DATA
    path = tree / "run.sh"
    assert path.stat().st_ino == hub.blobs.path_of(sha(b"true")).stat().st_ino
    modes = {stat.S_IMODE(place.stat().st_mode) for place in tree.rglob("*")}
    assert modes == {0o444, 0o555}
    before = tree.stat().st_ino
    assert materialise(hub.blobs, files, tree).stat().st_ino == before


def test_a_writable_tree_is_a_copy(hub: Hub, files: list) -> None:
    tree = materialise(hub.blobs, files, hub.folder / "work", writable=True)
    (tree / "run.sh").write_bytes(b"changed")
    (tree / "a" / "new").write_bytes(b"new")
    assert b"".join(hub.blobs.open_range(sha(b"true"))) == b"true"


def test_a_damaged_tree_is_laid_out_again(hub: Hub, files: list) -> None:
    tree = materialise(hub.blobs, files, hub.folder / "trees" / "digest")
    remove_tree(tree / "a")
    assert contents(materialise(hub.blobs, files, tree)) == DATA


def test_several_at_once_end_with_one_whole_tree(hub: Hub, files: list) -> None:
    target = hub.folder / "trees" / "digest"
    errors = []

    def make() -> None:
        try:
            for _ in range(5):
                assert contents(materialise(hub.blobs, files, target)) == DATA
        except (AssertionError, OSError) as error:
            errors.append(error)

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [path.name for path in target.parent.iterdir()] == ["digest"]


def test_a_lost_blob_leaves_no_half_tree(hub: Hub, files: list) -> None:
    hub.blobs.delete(sha(b"true"))
    with pytest.raises(BlobLost):
        materialise(hub.blobs, files, hub.folder / "trees" / "digest")
    assert list((hub.folder / "trees").iterdir()) == []


class Remote(service.LocalBlobs):
    """A store without local files, as an object store is."""

    def path_of(self, sha256: str) -> None:
        return None


def test_a_tree_from_a_distant_store_is_downloaded(hub: Hub, files: list) -> None:
    assert contents(materialise(Remote(hub.blobs.folder), files, hub.folder / "tree")) == DATA


def test_unused_trees_go_pinned_and_recent_ones_stay(tmp_path: Path) -> None:
    for name, used_at in (("old", 100), ("older", 50), ("pinned", 10), ("pinned-copy", 10), ("fresh", 900), (".draft-x", 100)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "f").write_bytes(b"x" * 100)
        (tmp_path / name).chmod(0o555)
        os.utime(tmp_path / name, (used_at, used_at))
    assert clean_trees(tmp_path, {"pinned"}, unused_before=500, most_bytes=400) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fresh", "old", "pinned", "pinned-copy"]
    assert clean_trees(tmp_path, {"pinned"}, unused_before=500) == 1
    assert clean_trees(tmp_path / "none", set(), unused_before=500) == 0


def test_a_folder_is_read_back(hub: Hub, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "m" / "deep").mkdir(parents=True)
    (out / "m" / "deep" / "w.bin").write_bytes(b"weights")
    (out / "log.txt").write_bytes(b"")
    taken = service.ingest_folder(hub.blobs, out)
    assert taken == [file("log.txt", b""), file("m/deep/w.bin", b"weights")]
    assert hub.run(service.record_blobs, "tenant_a", taken, blobs=hub.blobs) == 7
    repo = hub.run(service.create_repo, OWNER, "model", "m")
    assert hub.run(service.commit_version, OWNER, repo.id, taken, {"job": "job_1"}).lineage == {"job": "job_1"}


def test_hostile_things_in_a_folder_are_left_out(hub: Hub, tmp_path: Path) -> None:
    out, secret = tmp_path / "out", tmp_path / "secret"
    secret.write_bytes(b"secret")
    (out / "d").mkdir(parents=True)
    (out / "good").write_bytes(b"good")
    (out / "link").symlink_to(secret)
    (out / "folder").symlink_to(tmp_path)
    os.mkfifo(out / "pipe")
    os.mknod(out / "device", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    Path(os.fsdecode(os.fsencode(out) + b"/bad\xff")).write_bytes(b"x")
    (out / "new\nline").write_bytes(b"x")
    (out / "back\\slash").write_bytes(b"x")
    (out / "e\u0301").write_bytes(b"nfd")
    (out / "é").mkdir()
    (out / "é" / "x").write_bytes(b"nfc")
    (out / "foreign").write_bytes(b"foreign")
    os.link(out / "foreign", tmp_path / "elsewhere")
    os.chown(out / "foreign", 12345, 12345)
    skipped: list[Skipped] = []
    taken = service.ingest_folder(hub.blobs, out, skipped=skipped)
    assert [entry.path for entry in taken] == ["good", "é/x"]
    assert {entry.path for entry in skipped} >= {"link", "folder", "pipe", "device", "bad\\udcff", "new\nline", "back\\slash", "é", "foreign"}
    assert not hub.blobs.exists(sha(b"secret"))


def test_a_folder_that_is_itself_a_link_is_refused(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to("/etc")
    with pytest.raises(OSError, match="out"):
        service.ingest_folder(hub.blobs, tmp_path / "out")


def test_a_file_swapped_for_a_link_while_it_is_read_gives_nothing_away(hub: Hub, tmp_path: Path) -> None:
    out, secret = tmp_path / "out", tmp_path / "secret"
    out.mkdir()
    secret.write_bytes(b"secret" * 100)
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for make in (lambda: (out / "x").write_bytes(b"mine"), lambda: (out / "x").symlink_to(secret)):
                (out / "x").unlink(missing_ok=True)
                make()

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        for _ in range(150):
            for taken in service.ingest_folder(hub.blobs, out):
                assert taken.sha256 != sha(b"secret" * 100)
    finally:
        stop.set()
        swapper.join()


@pytest.mark.parametrize(
    ("limits", "what"), [(FolderLimits(files=2), "files"), (FolderLimits(total_bytes=5), "bytes"), (FolderLimits(entries=2), "entries")]
)
def test_limits_of_a_folder(hub: Hub, tmp_path: Path, limits: FolderLimits, what: str) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / "out").mkdir(exist_ok=True)
        (tmp_path / "out" / name).write_bytes(b"123")
    with pytest.raises(FolderTooLarge, match=what):
        service.ingest_folder(hub.blobs, tmp_path / "out", limits)
    assert list(hub.blobs.list()) == []


def test_a_very_deep_folder_ends(hub: Hub, tmp_path: Path) -> None:
    deep = tmp_path / "out"
    deep.mkdir()
    handle = os.open(deep, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("d", dir_fd=handle)
        below = os.open("d", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = below
    os.close(handle)
    skipped: list[Skipped] = []
    assert service.ingest_folder(hub.blobs, deep, skipped=skipped) == []
    assert "deep" in skipped[0].reason
