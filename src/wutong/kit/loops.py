"""Background loops: each is a `step` that handles one batch and says whether there was work; the `while`, the lease and the waking live here.

A lease row makes a loop run in one process at a time. It is a matter of economy, not of safety: every step guards its own updates, so two
at once, after a pause longer than the lease, do no harm.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import delete, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from wutong.kit import clock
from wutong.kit.database import Database
from wutong.kit.log import get_logger
from wutong.kit.tables import LeaseRow

log = get_logger(__name__)

LEASE_SECONDS = 15
PATIENCE_SECONDS = 8
MOST_REST_SECONDS = 60
MOST_PAUSE_SECONDS = 0.05
_FATES = f"{socket.gethostname()}:{Path('/proc/self/ns/pid').readlink()}"


def _holder() -> str:
    """Name this process so that another on the same machine can tell for sure whether it still lives: pids are used again, start times are not."""
    return f"{_FATES}:{os.getpid()}:{_start_of(os.getpid())}"


def _start_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class Loop:
    """A named step. `channels` are the NOTIFY channels that wake it; `rest_s` is the longest it sleeps without being woken.

    `gather_s` is the least time from one step's end to the next: the first piece of work after a rest is done at once, and what comes right after it
    gathers, because a batch costs little more than one piece.
    """

    name: str
    step: Callable[[], bool]
    channels: Sequence[str] = ()
    rest_s: float = 5.0
    gather_s: float = 0.0

    def __post_init__(self) -> None:
        if self.rest_s > MOST_REST_SECONDS:
            raise ValueError(f"{self.name} may rest {MOST_REST_SECONDS} s at most: a loop that is silent for long is taken for stuck")


def take_lease(session: Session, name: str, holder: str | None = None, seconds: float = LEASE_SECONDS) -> bool:
    """Take or renew a lease for this process, or for the holder given; False while somebody else holds it."""
    holder = holder or _holder()
    now = clock.now()
    row = {"name": name, "holder": holder, "expires_at": now + timedelta(seconds=seconds)}
    take = insert(LeaseRow).values(row)
    free = or_(LeaseRow.holder == holder, LeaseRow.expires_at < now)
    taken = session.execute(take.on_conflict_do_update(index_elements=["name"], set_=row, where=free).returning(LeaseRow.name))
    return taken.first() is not None


def list_leases(session: Session) -> dict[str, timedelta]:
    """Return every lease by name with how long ago it ran out; negative while it is held."""
    now = clock.now()
    return {row.name: now - row.expires_at for row in session.execute(select(LeaseRow.name, LeaseRow.expires_at))}


def free_dead_leases(session: Session) -> int:
    """Drop the leases of processes of this machine that have died, so that a successor need not wait for them to expire. Returns how many."""
    rows = session.execute(select(LeaseRow.name, LeaseRow.holder).where(LeaseRow.holder.startswith(f"{_FATES}:", autoescape=True))).all()
    dead = [row.holder for row in rows if not _lives(row.holder)]
    freed = session.scalars(delete(LeaseRow).where(LeaseRow.holder.in_(dead)).returning(LeaseRow.name)).all()
    return len(freed)


def _lives(holder: str) -> bool:
    _, pid, start = holder.rsplit(":", 2)
    return start != "" and _start_of(int(pid)) == start


def drain(step: Callable[[], bool], *, most: int = 1000) -> int:
    """Run a step until it finds no work, at most `most` times; for tests and commands. Returns how often there was work."""
    for count in range(most):
        if not step():
            return count
    return most


class Runner:
    """Runs loops in threads until it is stopped."""

    def __init__(self, database: Database, loops: Sequence[Loop]) -> None:
        self._database = database
        self._loops = loops
        self._stop = threading.Event()
        self._wake = {loop.name: threading.Event() for loop in loops}
        self.alive_at: dict[str, float] = {}

    def run(self) -> None:
        """Start every loop and return when `stop` was called and all have ended, or the patience with those that have not is over."""
        threads = [threading.Thread(target=self._run_loop, args=(loop,), name=loop.name, daemon=True) for loop in self._loops]
        threads.append(threading.Thread(target=self._listen, name="listen", daemon=True))
        for thread in threads:
            thread.start()
        self._stop.wait()
        deadline = clock.monotonic() + PATIENCE_SECONDS
        for thread in threads:
            thread.join(max(0.0, deadline - clock.monotonic()))
        self._give_leases_back()

    def stop(self) -> None:
        """Ask every loop to end after its present step."""
        self._stop.set()
        for event in self._wake.values():
            event.set()

    def _run_loop(self, loop: Loop) -> None:
        broken, lease_until = False, 0.0
        while not self._stop.is_set():
            wake = self._wake[loop.name]
            wake.clear()
            try:
                if clock.monotonic() > lease_until - LEASE_SECONDS / 2:
                    with self._database.session() as session:
                        held = take_lease(session, f"loop:{loop.name}")
                    lease_until = clock.monotonic() + LEASE_SECONDS if held else 0.0
                begun = time.thread_time()
                worked = bool(lease_until) and loop.step()
                # A busy loop pauses for as long as it worked, so that the other loops get the interpreter.
                self._stop.wait(max(loop.gather_s, min(time.thread_time() - begun, MOST_PAUSE_SECONDS) if worked else 0.0))
                self.alive_at[loop.name] = clock.monotonic()
                if broken:
                    broken = False
                    log.info("loop works again", loop=loop.name)
            except Exception as error:
                worked = False
                if not broken:
                    broken = True
                    log.exception("loop failed, will try again", loop=loop.name, error=repr(error))
                self._stop.wait(1.0)
            if not worked:
                wake.wait(loop.rest_s)

    def _give_leases_back(self) -> None:
        with suppress(Exception), self._database.session() as session:
            session.execute(delete(LeaseRow).where(LeaseRow.holder == _holder()))

    def _listen(self) -> None:
        channels = sorted({channel for loop in self._loops for channel in loop.channels})
        while not self._stop.is_set():
            try:
                with self._database.listen(channels) as connection:
                    self._wake_all()
                    while not self._stop.is_set():
                        for notice in connection.notifies(timeout=1.0, stop_after=1):
                            self._wake_for(notice.channel)
            except Exception as error:  # noqa: BLE001 whatever broke the connection, a new one is made
                log.debug("listening failed, will try again", error=repr(error))
                self._stop.wait(0.5)

    def _wake_for(self, channel: str) -> None:
        for loop in self._loops:
            if channel in loop.channels:
                self._wake[loop.name].set()

    def _wake_all(self) -> None:
        for event in self._wake.values():
            event.set()
