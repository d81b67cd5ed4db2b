"""Environments are made whole or not at all, once, and only from what a lock says."""

import fcntl
import subprocess
import tempfile
from pathlib import Path

import pytest

from wutong.compute.environments import install as making
from wutong.compute.environments.install import InstallBusy, InstallFailed, find_links_of, install, scrub
from wutong.compute.environments.rules import lock_digest

EMPTY = "# nothing\n"


def make(root, lock=EMPTY, **options):
    return install(root, name="plain", digest=lock_digest(lock, "3.11"), lock=lock, hashed=options.pop("hashed", False), **options)


def test_an_empty_one_runs_and_moves(tmp_path):
    made = make(tmp_path / "environments")
    moved = tmp_path / "elsewhere"
    made.path.rename(moved)
    said = subprocess.run([moved / "bin" / "python", "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == str(moved)


def test_it_is_readable_by_every_user(tmp_path):
    made = make(tmp_path)
    for path in [made.path, *made.path.rglob("*")]:
        wanted = 0o005 if path.is_dir() else 0o004
        assert path.stat().st_mode & wanted == wanted, path


def test_the_second_time_nothing_is_made(tmp_path, monkeypatch):
    made = make(tmp_path)
    monkeypatch.setattr(making, "_run", lambda *_: pytest.fail("uv was called again"))
    assert make(tmp_path) == made


def test_what_a_killed_builder_left_is_replaced(tmp_path):
    made = make(tmp_path)
    (made.path / making.MARKER).unlink()
    draft = tmp_path / f"{made.path.name}.tmp"
    draft.mkdir()
    (draft / "half").write_text("half")
    again = make(tmp_path)
    assert (again.path / making.MARKER).is_file()
    assert not draft.exists()
    assert not (again.path / "half").exists()


def test_two_at_once_are_one(tmp_path):
    made = make(tmp_path)
    with (tmp_path / f".{made.path.name}.lock").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(InstallBusy):
            make(tmp_path)


def test_a_lock_that_cannot_be_had_says_why_and_leaves_nothing(tmp_path):
    with pytest.raises(InstallFailed) as caught:
        make(tmp_path, "wutong-no-such-package-anywhere==1.0\n", hashed=True)
    assert "wutong-no-such-package-anywhere" in caught.value.log_tail
    assert [path.name for path in tmp_path.iterdir() if path.is_dir() and not path.name.endswith(".tmp")] == []


def test_secrets_of_the_control_plane_do_not_reach_the_installer(tmp_path, monkeypatch):
    monkeypatch.setenv("WUTONG_DATABASE_URL", "postgresql://secret")
    seen = {}
    run = subprocess.run
    monkeypatch.setattr(making.subprocess, "run", lambda *args, **options: seen.update(options["env"]) or run(*args, **options))
    make(tmp_path)
    assert seen
    assert not [name for name in seen if name.startswith("WUTONG_")]


def test_wheels_are_found_where_pip_is_told_unless_we_are_told_ourselves(tmp_path):
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nfind-links = /a /b\n")
    assert find_links_of(None, {"PIP_CONFIG_FILE": str(config)})[:2] == ["/a", "/b"]
    assert find_links_of(None, {"PIP_FIND_LINKS": "/c", "PIP_CONFIG_FILE": str(config)}) == ["/c"]
    assert find_links_of("/d /e", {"PIP_FIND_LINKS": "/c"}) == ["/d", "/e"]


def test_credentials_do_not_reach_the_log():
    assert scrub("GET https://me:secret@index.example/simple failed") == "GET https://index.example/simple failed"


def test_a_program_is_for_all_only_where_all_reach_it():
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        program = Path(folder, "bin", "python")
        program.parent.mkdir(mode=0o755)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        link = Path(folder, "link")
        link.symlink_to(program)
        assert making.is_for_all(program)
        assert making.is_for_all(link)
        program.parent.chmod(0o750)
        assert not making.is_for_all(program)
        assert not making.is_for_all(link)
        assert not making.is_for_all(Path(folder, "none"))


def test_environments_are_made_from_an_interpreter_that_exists():
    assert Path(making.base_python()).is_file()
