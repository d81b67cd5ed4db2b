"""The folder a lab stands on: laid out and owned as the daemons want it before they start, and removed after."""

import contextlib
import fcntl
import os
import pwd
import secrets
import shutil
import stat
from pathlib import Path
from typing import IO

from wutong.centre.engines.slurm.lab import configuration
from wutong.centre.engines.slurm.lab.problems import LabRunning
from wutong.centre.engines.slurm.lab.spec import LabSpec

PARTS = ("etc", "run", "log", "state", "spool", "munge", "db", "pids", "dev", "private")
_LOCK = "lab.lock"
_LOG_BYTES = 1500
_MAJOR = 240  # kept free for experiments: opening such a device says that there is none, or, where a control group forbids it, that one may not


def record(folder: Path) -> Path:
    """Return the file that says what lab lives in a folder; it is there from before the first daemon starts until after the last has ended."""
    return folder / "lab.json"


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
    folder = spec.folder / "dev"
    if spec.devices != "own":
        for number in range(max(sum(pool.accelerators.values()) for pool in spec.pools)):
            path = folder / f"gpu{number}"
            path.symlink_to("/dev/null") if spec.devices == "links" else path.touch()
        return
    minor = 0
    for pool, names in spec.pool_nodes():
        for node in names:
            (folder / node).mkdir()
            for number in range(sum(pool.accelerators.values())):
                path = folder / node / f"gpu{number}"
                os.mknod(path, stat.S_IFCHR, os.makedev(_MAJOR, minor))
                path.chmod(0o666)
                minor += 1


def remove(folder: Path, *, everything: bool, keep_logs: bool) -> None:
    """Remove what `lay_out` and the daemons made; the folder itself and what others put there only where everything is to go."""
    for part in PARTS:
        if not (keep_logs and part == "log"):
            shutil.rmtree(folder / part, ignore_errors=True)
    record(folder).unlink(missing_ok=True)
    (folder / _LOCK).unlink(missing_ok=True)
    if everything:
        shutil.rmtree(folder, ignore_errors=True)


def tail(path: Path) -> str:
    """Return the end of a log, or that there is none."""
    with contextlib.suppress(OSError):
        return path.read_bytes()[-_LOG_BYTES:].decode(errors="replace").strip()
    return "(no log)"
