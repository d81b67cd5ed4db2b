"""One round after another: look at the queue, take in what changed, ask the accounting where it is needed, act. One at a time, in one process.

While the cluster does not answer it is asked once a second, and first whether anything listens at all.
"""

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterator

from wutong.centre.engines.local.moments import now_ms
from wutong.centre.engines.protocol import Unknown
from wutong.centre.engines.slurm import commands, parse
from wutong.centre.engines.slurm.config import SlurmConfig
from wutong.centre.engines.slurm.parse import Node
from wutong.centre.engines.slurm.pump import Pump
from wutong.centre.engines.slurm.records import Records
from wutong.centre.engines.slurm.runs import Runs
from wutong.centre.engines.slurm.settle import Settle
from wutong.centre.engines.slurm.ship import ship
from wutong.centre.engines.slurm.spool import Spool
from wutong.centre.engines.slurm.transport import Transport, draw_mark

_DARK_S = 1.0
_NODES_S = 30.0
_STALE_S = 30.0
_BUSY = 10
_DAY_MS = 24 * 3600 * 1000
_NEVER = Unknown("The cluster has not been looked at yet.")


class Rounds:
    """The cluster as it was last seen, and what is done about it."""

    def __init__(self, config: SlurmConfig, transport: Transport | None = None) -> None:
        config.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._config = config
        self._lock = threading.RLock()
        self._round = threading.Lock()
        self._held: int | None = None
        self.transport = transport or Transport(config.slurm_conf, limit_s=config.command_s)
        self.records = Records(config.home / "adapter.db", config.window_s)
        is_ours, completing_ms = config.identities.is_ours, round(config.completing_s * 1000)
        self.runs = Runs(self.records, Spool(config.root), now_ms, is_tenants_user=is_ours, completing_ms=completing_ms)
        self.settle = Settle(self.runs, self.transport, limit_s=config.sacct_s, lost_s=config.lost_s)
        self.pump = Pump(config, self.runs, self.transport, self.guard)
        self.dark: Unknown | None = _NEVER
        self._nodes: list[Node] = []
        self._nodes_at = -_NODES_S
        self._retry_at = 0.0
        self._looked_at = 0.0
        self._look_took = 0.0
        self._prune_at = 0
        self._known = False

    @contextlib.contextmanager
    def guard(self) -> Iterator[None]:
        """Hold the runs; commit at the end. Where that fails nothing has happened, and everything is read again."""
        with self._lock:
            try:
                yield
                self.records.commit()
            except BaseException:
                self.records.rollback()
                if self._held is not None:
                    self.runs.recover()
                raise

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Hold the runs while they are read."""
        with self._lock:
            yield

    @property
    def is_acting(self) -> bool:
        """Whether this process is the one that acts on the cluster."""
        return self._held is not None

    def acts(self) -> bool:
        """Tell whether this process is the one that acts on the cluster, and become it where none is."""
        if self._held is not None:
            return True
        handle = os.open(self._config.home / "adapter.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        with self._lock:
            self.records.rollback()  # what another process wrote meanwhile is read
            self.runs.recover()
            self._held = handle
        return True

    def advance(self) -> None:
        """Make a round as far as anything is due. Returns at once where somebody else is at it, unless nothing has been seen yet."""
        if not self._round.acquire(blocking=self.dark is _NEVER):
            return
        try:
            if self.due_s() <= 0:
                self.dark = self._make()
                self._retry_at = time.monotonic() + _DARK_S
        finally:
            self._round.release()

    def due_s(self) -> float:
        """Return in how many seconds the next round is due."""
        if self.dark is not None:
            return max(0.0, self._retry_at - time.monotonic())
        return 0.0 if self.pump.has_work() or self._is_to_cancel() else self._look_due_s()

    def seen(self) -> Unknown | None:
        """Return why nothing can be said of the cluster now, or nothing."""
        if self.dark is None and time.monotonic() - self._looked_at > _STALE_S:
            return Unknown("The cluster has not answered for a while.")
        return self.dark

    def nodes(self) -> list[Node] | Unknown:
        """Return the nodes as they were seen lately."""
        if time.monotonic() - self._nodes_at > _NODES_S:
            said = self.transport.ask(commands.nodes(None))
            if isinstance(said, Unknown):
                return said
            if said.code or not (nodes := parse.nodes(said.out)):
                return Unknown(f"sinfo: {said.why}")
            self._nodes, self._nodes_at = nodes, time.monotonic()
        return self._nodes

    def close(self) -> None:
        """Let another process act."""
        with self._round, self._lock:
            self.records.close()
            if self._held is not None:
                os.close(self._held)
                self._held = None

    # Steps

    def _make(self) -> Unknown | None:
        if self.dark is not None and self.transport.is_refused():
            return Unknown("The cluster's controller is not there.")
        return self._prepare() or (self._look() if self.dark is not None or self._look_due_s() <= 0 else None) or self.pump.step()

    def _look_due_s(self) -> float:
        pause = self._config.look_s if len(self.runs.lives) else self._config.idle_look_s
        return max(0.0, self._looked_at + max(pause, _BUSY * self._look_took) - time.monotonic())

    def _is_to_cancel(self) -> bool:
        return any(live.told_ms is None for live in list(self.runs.lives.cancelling.values()))

    def _prepare(self) -> Unknown | None:
        """Learn once what has to be known of the cluster, and put the runner's code where nodes find it."""
        if self._known:
            return None
        said = self.transport.ask(commands.settings())
        if isinstance(said, Unknown):
            return said
        if said.code:
            return Unknown(f"scontrol: {said.why}")
        storage = parse.settings(said.out).get("AccountingStorageType", "")
        self.settle.accounting = not storage.endswith("/none")
        try:
            self._config.root.mkdir(mode=0o711, parents=True, exist_ok=True)
            self.pump.shipped = ship(self._config.root, python=self._config.python, machine=self._config.machine)
        except OSError as error:
            return Unknown(f"The cluster's shared folder cannot be written: {error}.")
        self._known = True
        return None

    def _look(self) -> Unknown | None:
        began, began_ms, mark = time.monotonic(), now_ms(), draw_mark()
        said = self.transport.ask(commands.queue(mark))
        if isinstance(said, Unknown):
            return said
        if said.code:
            return Unknown(f"squeue: {said.why}")
        with self.guard():
            self.runs.take_look(parse.queue_records(said.out, mark))
            self.pump.give_up_waiting(began_ms, round(self._config.lost_s * 1000))
            self.runs.reckon(began_ms)
            self._prune(began_ms)
        self._ask_accounting()
        self._looked_at = time.monotonic()
        self._look_took = self._looked_at - began
        return None

    def _ask_accounting(self) -> None:
        """Ask what only the accounting knows. It may be away for long; the rest goes on without it."""
        with self._lock:
            jobs = self.settle.questions()
        pasts = self.settle.ask(jobs) if jobs else Unknown("nothing was asked")
        if not isinstance(pasts, Unknown):
            with self.guard():
                self.settle.take(jobs, pasts)

    def _prune(self, now: int) -> None:
        if now >= self._prune_at:
            self._prune_at = now + _DAY_MS
            self.records.prune(now - 30 * _DAY_MS)
