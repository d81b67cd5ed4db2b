"""Blocks of ports for labs side by side: claimed under a lock file, and only where every port is free."""

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from wutong.centre.engines.slurm.lab.problems import NoPortsFree
from wutong.centre.engines.slurm.lab.spec import BLOCK_PORTS

FIRST, LAST = 10240, 20000  # below the ports that Linux gives to outgoing connections, and below those that jobs choose from
LOCKS = Path("/run/wutong-lab")


class Claim:
    """A block that is ours until `lock` is closed, or while a daemon listens on it."""

    def __init__(self, base: int, lock: IO[str]) -> None:
        self.base = base
        self.lock = lock


def claim(count: int) -> Claim:
    """Take a block whose first `count` ports are free on loopback. The lock ends with the process; what still listens keeps others out then."""
    LOCKS.mkdir(mode=0o755, exist_ok=True)
    for base in range(FIRST, LAST - BLOCK_PORTS, BLOCK_PORTS):
        lock = (LOCKS / f"ports-{base}.lock").open("a")
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if all(_is_free(port) for port in range(base, base + count)):
                return Claim(base, lock)
        lock.close()
    raise NoPortsFree(first=FIRST, last=LAST)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def is_listening(port: int) -> bool:
    """Tell whether something listens on the port, without connecting: a daemon would log a connection that says nothing."""
    return port in set(_listening())


def _listening() -> Iterator[int]:
    for name in ("/proc/net/tcp", "/proc/net/tcp6"):
        if os.path.exists(name):  # noqa: PTH110
            for line in Path(name).read_text().splitlines()[1:]:
                words = line.split()
                if words[3] == "0A":
                    yield int(words[1].rpartition(":")[2], 16)
