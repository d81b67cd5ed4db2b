"""The agent's side of keepers: forking one, finding again those that outlived an agent, sending orders, and reading what they wrote.

Whether a keeper lives is told by its lock alone: the agent takes it before the fork and the keeper inherits it, so that a free lock means that
there is none and will be none. Process ids only serve to wait for the end of one that was adopted.
"""

import contextlib
import fcntl
import os
from dataclasses import dataclass, field

from wutong.centre.engines.local import folders, job, processes
from wutong.centre.engines.local.folders import RunFolder
from wutong.centre.engines.local.job import Ticket
from wutong.centre.engines.local.pool import Pool
from wutong.centre.engines.local.queue import Need


@dataclass(slots=True)
class Live:
    """A start of a run that holds resources. `watch` becomes readable when its keeper is done or gone, `report` when the job has begun."""

    name: str
    tenant: str
    need: Need
    lasts_s: int
    restart: int
    devices: tuple[int, ...]
    folder: RunFolder
    since_mono: int
    started_ms: int | None = None
    started_mono: int = 0
    watch: int = -1
    report: int = -1
    control: int = -1
    pid: int = 0
    reported_ms: int | None = field(default=None)

    def close(self) -> None:
        """Close the descriptors; the keeper lives on."""
        for handle in (self.watch, self.report, self.control):
            if handle >= 0:
                os.close(handle)
        self.watch = self.report = self.control = -1

    def order(self, text: str) -> None:
        """Tell the keeper something; one that is gone hears nothing."""
        with contextlib.suppress(OSError):
            os.write(self.control, f"{text}\n".encode())


def launch(live: Live, ticket: Ticket, pool: Pool) -> None:
    """Have a keeper begin a start; raise OSError where that fails."""
    folder = live.folder
    folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    for stale in (folder.facts(live.restart), folder.result(live.restart)):
        stale.unlink(missing_ok=True)
    lock = os.open(folder.lock, os.O_CREAT | os.O_RDWR | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    report = over = -1
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with contextlib.suppress(FileExistsError):
            os.mkfifo(folder.control, 0o600)
        live.control = os.open(folder.control, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        live.report, report = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        live.watch, over = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        live.pid = pool.start(ticket, (live.control, report, over, lock))
    finally:
        for handle in (report, over, lock):
            if handle >= 0:
                os.close(handle)


def adopt(live: Live) -> bool | None:
    """Find the keeper of a start again: True when it lives, False when there is none, None when it has only just been forked (ask again)."""
    try:
        lock = os.open(live.folder.lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        if not _is_held(lock):
            return False
        text = os.pread(lock, 32, 0).strip()
        if not text:
            return None
        try:
            live.pid = int(text)
            live.watch = os.pidfd_open(live.pid)
        except OSError:
            return False
        if not _is_held(lock):
            live.close()
            return False
    finally:
        os.close(lock)
    with contextlib.suppress(OSError):
        live.control = os.open(live.folder.control, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    return True


def read_facts(live: Live) -> bool:
    """Learn when the job began; False when it has not."""
    facts = folders.read_json(live.folder.facts(live.restart))
    if facts is None:
        return False
    live.started_ms, live.started_mono = int(facts["started_ms"]), int(facts["started_mono"])
    return True


def last_sign_ms(live: Live) -> int:
    """Return when the keeper last showed that it lived."""
    try:
        return round(live.folder.facts(live.restart).stat().st_mtime * 1000)
    except OSError:
        return live.started_ms or 0


def bury(live: Live) -> None:
    """Kill what a lost keeper's job left behind, and collect the keeper if it was our child."""
    text = job.marker(live.name, live.restart).encode()
    for _round in range(20):
        if not processes.kill_marked(text):
            break


def collect(live: Live) -> None:
    """Take a dead keeper off the list of processes, if it is our child."""
    with contextlib.suppress(OSError):
        os.waitpid(live.pid, os.WNOHANG)


def _is_held(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(lock, fcntl.LOCK_UN)
    return False
