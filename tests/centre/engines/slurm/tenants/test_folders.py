"""Folders of tenants: closed to each other, made through handles, and no link, second name or pipe leads root astray."""

import os
import stat
import subprocess

import pytest

from wutong.centre.engines.slurm.tenants import folders
from wutong.centre.engines.slurm.tenants.identities import Identity
from wutong.kit.errors import Conflict

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")

GOOD = Identity("good", 263_101, 263_101, private=True)
EVIL = Identity("evil", 263_102, 263_102, private=True)
PROJECT = 263_103


@pytest.fixture
def root(tmp_path):
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 0o001:
            folder.chmod(0o755)
    return tmp_path / "tenants"


def as_user(identity, script, *groups):
    extra = f"--groups={','.join(map(str, groups))}" if groups else "--clear-groups"
    line = ["setpriv", f"--reuid={identity.uid}", f"--regid={identity.gid}", extra, "sh", "-c", script]
    return subprocess.run(line, capture_output=True, text=True, check=False)


def kind(path):
    found = path.stat()
    return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)


def test_the_tree(root):
    made = folders.make_tenant_folders(root, "good", GOOD)
    project = folders.make_project_folder(root, "good", "p", GOOD, PROJECT)
    run = folders.make_run_folder(made, "run-1", GOOD)
    assert kind(root) == (0, 0, 0o711)
    assert kind(made.gate) == (0, GOOD.gid, 0o710)
    assert kind(made.home) == (GOOD.uid, GOOD.gid, 0o700)
    assert kind(made.runs) == (0, 0, 0o711)
    assert kind(run) == (GOOD.uid, GOOD.gid, 0o700)
    assert kind(project) == (GOOD.uid, PROJECT, 0o2770)
    assert folders.folders_of(root, "good") == made
    assert run == made.runs / "run-1"


def test_again_puts_modes_right_and_keeps_files(root):
    made = folders.make_tenant_folders(root, "good", GOOD)
    (made.home / "kept").write_text("x")
    made.home.chmod(0o777)
    os.chown(made.gate, GOOD.uid, GOOD.gid)
    folders.make_tenant_folders(root, "good", GOOD)
    assert kind(made.home) == (GOOD.uid, GOOD.gid, 0o700)
    assert kind(made.gate) == (0, GOOD.gid, 0o710)
    assert (made.home / "kept").read_text() == "x"


def test_a_stranger_sees_nothing(root):
    made = folders.make_tenant_folders(root, "good", GOOD)
    folders.make_tenant_folders(root, "evil", EVIL)
    project = folders.make_project_folder(root, "good", "p", GOOD, PROJECT)
    run = folders.make_run_folder(made, "run-1", GOOD)
    for place in (root, made.gate, made.home, made.runs, run, project):
        assert "Permission denied" in as_user(EVIL, f"ls {place}").stderr
        assert "Permission denied" in as_user(EVIL, f"touch {place}/x").stderr
    assert "Permission denied" in as_user(EVIL, f"stat {run}").stderr
    assert "Permission denied" in as_user(GOOD, f"touch {made.gate}/x; mv {made.runs} {made.gate}/other").stderr
    assert as_user(GOOD, f"touch {made.home}/x {run}/x {project}/x").returncode == 0


def test_a_colleague_of_the_project_sees_the_project_only(root):
    made = folders.make_tenant_folders(root, "good", GOOD)
    project = folders.make_project_folder(root, "good", "p", GOOD, PROJECT)
    made.gate.chmod(0o711)  # as where the tenant's first group is not its alone
    assert as_user(EVIL, f"touch {project}/y", PROJECT).returncode == 0
    assert kind(project / "y")[1] == PROJECT
    assert "Permission denied" in as_user(EVIL, f"ls {made.home}", PROJECT).stderr


def test_a_shared_first_group_opens_nothing(root):
    shared = Identity("good", GOOD.uid, 100, private=False)
    other = Identity("evil", EVIL.uid, 100, private=False)
    made = folders.make_tenant_folders(root, "good", shared)
    run = folders.make_run_folder(made, "run-1", shared)
    alone = folders.make_project_folder(root, "good", "p", shared, None)
    for place in (made.gate, made.home, run, alone):
        assert "Permission denied" in as_user(other, f"ls {place}").stderr


def test_a_link_in_a_folders_place_is_refused(root, tmp_path):
    folders.make_tenant_folders(root, "evil", EVIL)
    made = folders.folders_of(root, "evil")
    made.home.rmdir()
    made.home.symlink_to(tmp_path)
    with pytest.raises(Conflict, match="not a folder"):
        folders.make_tenant_folders(root, "evil", EVIL)
    (made.runs / "run-1").symlink_to(tmp_path)
    with pytest.raises(Conflict, match="already"):
        folders.make_run_folder(made, "run-1", EVIL)
    assert kind(tmp_path)[0] == 0


def test_a_tree_is_given_without_following_anything(root, tmp_path):
    """Links to others' files, second names of others' files, pipes: all stay with their owners."""
    treasure, tree = tmp_path / "treasure", tmp_path / "tree"
    treasure.write_text("root's")
    (tmp_path / "outside").mkdir()
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "a" / "b" / "file").write_text("x")
    (tree / "link").symlink_to(treasure)
    (tree / "folder-link").symlink_to(tmp_path / "outside")
    (tree / "second-name").hardlink_to(treasure)
    os.mkfifo(tree / "a" / "pipe")
    left = folders.give_tree(tree, EVIL.uid, EVIL.gid)
    assert {kind(tree / path)[:2] for path in (".", "a", "a/b", "a/b/file")} == {(EVIL.uid, EVIL.gid)}
    assert {kind(path)[0] for path in (treasure, tmp_path / "outside", tree / "a" / "pipe")} == {0}
    assert (tree / "link").lstat().st_uid == 0
    assert sorted(sentence.split()[0] for sentence in left) == [f"{tree}/a/pipe", f"{tree}/second-name"]
    assert folders.give_tree(tree, EVIL.uid, EVIL.gid) == left


def test_a_tree_that_is_a_link_is_refused(tmp_path):
    (tmp_path / "link").symlink_to("/etc")
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        folders.give_tree(tmp_path / "link", EVIL.uid, EVIL.gid)
