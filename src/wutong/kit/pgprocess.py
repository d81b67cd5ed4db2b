"""What the system knows of a PostgreSQL server's processes: is its postmaster alive, what did a killed one leave behind, does its socket answer."""

import os
import signal
import socket
import struct
import time
from contextlib import suppress
from pathlib import Path

_NOBODYS_PID = 2**31 - 1
_TOO_MANY_CONNECTIONS = b"C53300"


def postmaster(data: Path) -> int | None:
    """Return the pid of the live postmaster of a data folder.

    Neither a zombie (its parent lives and has not looked) nor a stranger that was given the pid since counts as alive.
    """
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None
    return pid if _runs(pid) and _serves(pid, data) else None


def clear_remains(data: Path, sockets: Path) -> None:
    """Make way for a new postmaster after one was killed; to be called under a lock, and only when none is alive.

    Its orphans are ended. The pid in its lock file is replaced by one that no process can have, because PostgreSQL itself takes a zombie or a
    stranger with that pid for a running server; the file stays, because the new server reads from it which shared memory must be free.
    """
    for pid in _orphans(data):
        _end(pid)
    lock = data / "postmaster.pid"
    if lock.exists():
        lines = lock.read_text().split("\n")
        lock.write_text("\n".join([str(_NOBODYS_PID), *lines[1:]]))
    for name in (".s.PGSQL.5432", ".s.PGSQL.5432.lock"):
        (sockets / name).unlink(missing_ok=True)


def answers(path: Path) -> bool:
    """Tell whether a server takes connections at a socket; one that is merely full does."""
    hello = b"user\0postgres\0database\0postgres\0application_name\0health\0\0"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(3)
            connection.connect(str(path))
            connection.sendall(struct.pack("!ii", 8 + len(hello), 196608) + hello)
            said = connection.recv(4096)
            connection.sendall(b"X\0\0\0\4")
    except OSError:
        return False
    return said[:1] == b"R" or (said[:1] == b"E" and _TOO_MANY_CONNECTIONS in said)


def _runs(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] not in {"Z", "X"}


def _serves(pid: int, data: Path) -> bool:
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"-D" in arguments and os.fsencode(data) in arguments


def _orphans(data: Path) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if (entry / "comm").read_text() == "postgres\n" and (entry / "cwd").readlink() == data and _runs(int(entry.name)):
                    found.append(int(entry.name))
    return found


def _end(pid: int, patience_s: float = 3.0) -> None:
    deadline = time.monotonic() + patience_s
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGQUIT)
        while _runs(pid):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
