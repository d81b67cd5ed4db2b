"""UNIX users for a lab's tenants: made when first asked for, removed with the last lab that asked. Users that were there before stay."""

import fcntl
import grp
import hashlib
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wutong.centre.engines.slurm.lab.ports import LOCKS
from wutong.kit.errors import Conflict

_MADE = LOCKS / "users"  # a folder for each user that a lab made, in it a file for each lab that wants it


def make(folder: Path, name: str, uid: int) -> None:
    """Make the user, with a group of the same number and no home. Raises Conflict where the name or number is someone else's."""
    with _alone():
        there, kept = _is_there(name, uid), _MADE / name
        if there and not kept.exists():
            return
        kept.mkdir(parents=True, exist_ok=True)
        (kept / _token(folder)).write_text(str(folder))
        if not there:
            if not any(group.gr_name == name for group in grp.getgrall()):
                _call("groupadd", "--gid", str(uid), name)
            shell = ("--shell", "/bin/sh", "--home-dir", "/nonexistent")
            _call("useradd", "--no-create-home", *shell, "--uid", str(uid), "--gid", str(uid), name)


def _call(*argv: str) -> None:
    result = subprocess.run(argv, check=False, capture_output=True, text=True)
    if result.returncode:
        raise Conflict(reason=f"The user could not be made: {result.stderr.strip()}")


def _is_there(name: str, uid: int) -> bool:
    by_name = next((each for each in pwd.getpwall() if each.pw_name == name), None)
    by_uid = next((each for each in pwd.getpwall() if each.pw_uid == uid), None)
    if by_name is None and by_uid is None:
        return False
    if by_name is None or by_name.pw_uid != uid:
        raise Conflict(reason=f"The user {name} or the number {uid} is taken on this machine by someone else. Choose another.")
    return True


def release(folder: Path) -> None:
    """Let go of the users that the lab asked for, and remove those that no other lab wants."""
    if not _MADE.exists():
        return
    with _alone():
        for kept in list(_MADE.iterdir()):
            mine = kept / _token(folder)
            if mine.exists():
                mine.unlink()
                if not any(kept.iterdir()):
                    _remove(kept.name)
                    shutil.rmtree(kept)


def _remove(name: str) -> None:
    subprocess.run(["userdel", name], check=False, capture_output=True)
    subprocess.run(["groupdel", name], check=False, capture_output=True)  # gone with the user in most set-ups


def _token(folder: Path) -> str:
    return hashlib.sha256(str(folder).encode()).hexdigest()[:16]


@contextmanager
def _alone() -> Iterator[None]:
    LOCKS.mkdir(mode=0o755, exist_ok=True)
    with (LOCKS / "users.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
