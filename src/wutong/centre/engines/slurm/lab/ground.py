"""The folder a lab stands on: laid out and owned as the daemons want it before they start, and removed after."""

import contextlib
import fcntl
import json
import os
import pwd
import secrets
import shutil
import stat
import subprocess
from pathlib import Path
from typing import IO, Any

from wutong.centre.engines.slurm.lab import configuration
from wutong.centre.engines.slurm.lab.problems import LabRunning
from wutong.centre.engines.slurm.lab.spec import LabSpec

PARTS = ("etc", "run", "log", "state", "spool", "munge", "db", "pids", "dev", "private")
_RECORD, _LOCK = "lab.json", "lab.lock"
_LOG_BYTES = 1500
_MAJOR = 240  # kept free for experiments: opening such a device says that there is none, or, where a control group forbids it, that one may not


def write_record(folder: Path, kept: dict[str, Any]) -> None:
    """Say what lab lives in a folder, whole or not at all; it stays from before the first daemon starts until after the last has ended."""
    fresh = folder / f"{_RECORD}.new"
    fresh.write_text(json.dumps(kept))
    fresh.rename(folder / _RECORD)


def read_record(folder: Path) -> dict[str, Any] | None:
    """Return what was written about the lab in a folder; None where there is none."""
    with contextlib.suppress(OSError):
        return dict(json.loads((folder / _RECORD).read_text()))
    return None


def named(folder: Path) -> str | None:
    """Return the name of the lab in a folder; None where there is none."""
    kept = read_record(folder)
    return str(kept["name"]) if kept else None


def hold(folder: Path) -> IO[str]:
    """Make the folder where there is none, and let nobody else start a lab in it until the file returned is closed. Raises LabRunning.

    The kernel lets go when the owner dies, however it dies; its number is kept only to be shown.
    """
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    if not any(folder.iterdir()):
        folder.chmod(0o755)  # what mkdtemp makes is closed, and jobs run as other users
    lock = (folder / _LOCK).open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        with lock:
            raise LabRunning(folder=folder, pid=lock.read() or "unknown") from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def lay_out(spec: LabSpec) -> None:
    """Make the folders, keys and configuration files."""
    folder = spec.folder
    for part in PARTS:
        (folder / part).mkdir(mode=0o755, exist_ok=True)
    (folder / "pids").chmod(0o700)
    (folder / "log").chmod(0o777 | stat.S_ISVTX)  # daemons of four users write there
    for part in ("run", "state"):
        _give(folder / part, "slurm")
    _give(folder / "munge", "munge")
    _write_private(folder / "munge" / "key", secrets.token_bytes(64), "munge")
    _write_private(spec.jwt_key, secrets.token_bytes(32), "slurm")
    for name, text in configuration.files(spec).items():
        (folder / "etc" / name).write_text(text)
    if spec.accounting:
        _give(folder / "db", "mysql")
        _give(folder / "etc" / "slurmdbd.conf", "slurm")  # or slurmdbd refuses to read it
        (folder / "etc" / "slurmdbd.conf").chmod(0o600)
    if spec.private_tmp:
        for node in spec.node_names:
            (folder / "private" / node).mkdir()
    _make_accelerators(spec)


def _give(path: Path, user: str) -> None:
    account = pwd.getpwnam(user)
    os.chown(path, account.pw_uid, account.pw_gid)


def _write_private(path: Path, content: bytes, user: str) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(content)
    _give(path, user)


def _make_accelerators(spec: LabSpec) -> None:
    for number in range(max(sum(pool.accelerators.values()) for pool in spec.pools)):
        path = spec.folder / "dev" / f"gpu{number}"
        if spec.devices == "links":
            path.symlink_to("/dev/null")
        elif spec.devices == "own":
            os.mknod(path, stat.S_IFCHR, os.makedev(_MAJOR, number))
            path.chmod(0o666)
        else:
            path.touch()


def remove(folder: Path, *, everything: bool, keep_logs: bool) -> None:
    """Remove what `lay_out` and the daemons made; the folder itself and what others put there only where everything is to go."""
    _unmount(folder)
    for part in PARTS:
        if not (keep_logs and part == "log"):
            shutil.rmtree(folder / part, ignore_errors=True)
    (folder / _RECORD).unlink(missing_ok=True)
    if everything and not keep_logs:
        shutil.rmtree(folder, ignore_errors=True)


def _unmount(folder: Path) -> None:
    """Take off what job_container/tmpfs mounted for jobs whose node was killed."""
    points = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for point in sorted((each for each in points if Path(each).is_relative_to(folder)), key=len, reverse=True):
        subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)


def let_go(lock: IO[str], folder: Path) -> None:
    """Give the folder up to whoever starts the next lab in it."""
    (folder / _LOCK).unlink(missing_ok=True)
    lock.close()


def tail(path: Path) -> str:
    """Return the end of a log, or that there is none."""
    with contextlib.suppress(OSError):
        text = path.read_text(errors="replace")
        return (text if len(text) <= _LOG_BYTES else text[-_LOG_BYTES:].partition("\n")[2]).strip()
    return "(no log)"
