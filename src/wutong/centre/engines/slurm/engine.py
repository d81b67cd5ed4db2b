"""The Slurm engine: the protocol's verbs. Accepted is what is in its own records; a round brings records and cluster together.

Rounds are made by whoever calls: the watcher that waits for changes, or, where nobody waits, any verb that finds the last round too old. Of all
processes only the one that holds the lock beside the records acts; in the others runs and logs can be read.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from wutong.centre.engines.local import admission
from wutong.centre.engines.local.moments import now_ms
from wutong.centre.engines.protocol import (
    Absent,
    Accepted,
    Capabilities,
    Changes,
    LogChunk,
    Refused,
    RunSpec,
    Sighting,
    Unknown,
    UsageBatch,
)
from wutong.centre.engines.slurm import commands, parse, sizes
from wutong.centre.engines.slurm.config import SlurmConfig
from wutong.centre.engines.slurm.operating import Operating
from wutong.centre.engines.slurm.parse import Node
from wutong.centre.engines.slurm.rounds import Rounds
from wutong.centre.engines.slurm.transport import Transport
from wutong.centre.engines.slurm.views import Views
from wutong.kit.errors import Problem

_LARGEST_SPEC = 4 * 1024 * 1024
_WAITER_S = 3.0
_PUMPING_S = 0.3
_ELSEWHERE = Unknown("Another process acts on this cluster.")

T = TypeVar("T")


class SlurmEngine(Operating):
    """One cluster. Safe to use from many threads."""

    def __init__(self, config: SlurmConfig, *, transport: Transport | None = None) -> None:
        self.name = config.name
        self._config = config
        self._rounds = Rounds(config, transport)
        self._records = self._rounds.records
        self._runs = self._rounds.runs
        self._views = Views(self._runs)
        self._waited_at = -_WAITER_S
        self._waiters = 0
        self._news = threading.Event()
        self._sweeper: threading.Thread | None = None

    def capabilities(self) -> Capabilities | Unknown:
        """Say what the cluster is made of."""
        nodes = self._glance() or self._rounds.nodes()
        if isinstance(nodes, Unknown):
            return nodes
        users = self._config.identities
        return sizes.capabilities(self._config, nodes, shared_user=users.user_name("a") == users.user_name("b"))

    def submit(self, spec: RunSpec) -> Accepted | Refused | Unknown:
        """Take the run under its name; it is on disk before this returns, and goes to the cluster soon after."""
        return self.submit_many([spec])[0]

    def submit_many(self, specs: Sequence[RunSpec]) -> list[Accepted | Refused | Unknown]:
        """Take many runs with one sync of the disk."""
        nodes = self._touch() or self._rounds.nodes()
        if isinstance(nodes, Unknown):
            return [nodes] * len(specs)
        answer = self._write(lambda: [self._take(spec, nodes) for spec in specs])
        return [answer] * len(specs) if isinstance(answer, Unknown) else answer

    def observe(self, names: Sequence[str]) -> Mapping[str, Sighting | Absent] | Unknown:
        """Look runs up by name."""
        return self._read(lambda: self._views.observe(names), unless=self._glance())

    def changes(self, since: str) -> Changes | Unknown:
        """List runs that changed after the cursor, at most a few thousand at a time."""
        return self._read(lambda: self._views.changes(since), unless=self._touch())

    def wait(self, cursor: str, timeout_s: float) -> bool:
        """Make rounds until something changed after the cursor of `changes`; False when nothing did in time or the cluster does not answer."""
        begun = time.monotonic()
        self._waiters += 1
        try:
            while self._rounds.acts():
                self._news.clear()
                self._rounds.advance()
                left, due = begun + timeout_s - time.monotonic(), self._rounds.due_s()
                if self._rounds.dark is None and self._changed(cursor) and (due or time.monotonic() - begun > _PUMPING_S):
                    return True
                if left <= 0:
                    return False
                self._news.wait(min(left, due))
        finally:
            self._waiters -= 1
            self._waited_at = time.monotonic()
        return False

    def usage(self, since: str) -> UsageBatch | Unknown:
        """List usage written after the cursor, at most a few thousand records at a time."""
        return self._read(lambda: self._views.usage(since), unless=self._touch())

    def cancel(self, name: str) -> Accepted | Absent | Unknown:
        """Note that the run is to stop; the next round tells the cluster."""
        return self._write(lambda: self._cancel(name), unless=self._touch())

    def signal(self, name: str, signal: str) -> Accepted | Absent | Unknown:
        """Have the run's runner pass a signal on."""
        if (unknown := self._touch()) is not None:
            return unknown
        if not admission.is_signal(signal):
            return Unknown(f"{signal!r} is not a signal that can be sent to a run.") if self._find(name) else Absent()
        job = self._read(lambda: self._order(name, f"signal {signal}"))
        if not isinstance(job, str):
            return job
        said = self._rounds.transport.ask(commands.poke([job])) if job else None
        if isinstance(said, Unknown):
            return said
        return Accepted() if said is None or not said.code or parse.is_absent(said.error) else Unknown(f"scancel: {said.why}")

    def logs(self, name: str, offset: int, limit: int, restart: int | None = None, rank: int = 0) -> LogChunk | Absent | Unknown:
        """Read a piece of a log from the shared folder."""
        return self._read(lambda: self._views.logs(name, max(0, offset), limit, restart, rank), unless=self._glance())

    def forget(self, name: str) -> Accepted | Absent | Unknown:
        """Drop an ended run's files and record."""
        return self.forget_many([name])[0]

    def forget_many(self, names: Sequence[str]) -> list[Accepted | Absent | Unknown]:
        """Drop many ended runs with one sync of the disk."""
        answer = self._write(lambda: [self._forget(name) for name in names], unless=self._touch())
        self._sweep()
        return [answer] * len(names) if isinstance(answer, Unknown) else answer

    def close(self) -> None:
        """Let another process act. Jobs run on."""
        self._rounds.close()

    # Steps

    def _touch(self) -> Unknown | None:
        """See to it that the last round is not too old; return why nothing can be said, or nothing."""
        if not self._rounds.acts():
            return _ELSEWHERE
        if not self._is_watched():
            self._rounds.advance()
        return self._rounds.seen()

    def _glance(self) -> Unknown | None:
        """The same for what can be answered where another process acts as well."""
        return self._touch() if self._rounds.is_acting else None

    def _is_watched(self) -> bool:
        return (self._waiters > 0 or time.monotonic() - self._waited_at < _WAITER_S) and self._rounds.dark is None

    def _changed(self, cursor: str) -> bool:
        return self._records.seq > self._records.place(cursor)

    def _read(self, work: Callable[[], T], *, unless: Unknown | None = None) -> T | Unknown:
        if unless is not None:
            return unless
        try:
            with self._rounds.reading():
                return work()
        except (sqlite3.Error, OSError) as error:
            return Unknown(f"The adapter's records cannot be read: {error}.")

    def _write(self, work: Callable[[], T], *, unless: Unknown | None = None) -> T | Unknown:
        if unless is not None:
            return unless
        try:
            with self._rounds.guard():
                answer = work()
        except (sqlite3.Error, OSError) as error:
            return Unknown(f"The adapter's records cannot be written: {error}.")
        self._news.set()
        return answer

    def _find(self, name: str) -> bool:
        return self._read(lambda: self._records.find(name)) is not None

    def _take(self, spec: RunSpec, nodes: Sequence[Node]) -> Accepted | Refused | Unknown:
        if self._records.find(spec.name) is not None:
            return Accepted()
        if self._records.was_forgotten(spec.name):
            return Refused(f"A run named {spec.name} was here, ended, and was forgotten; a new run needs a name of its own.")
        why = sizes.refusal(spec, self._config.placement(spec), nodes) or self._refuse_former(spec) or _refuse_text(spec)
        if why is not None:
            return Refused(why)
        try:
            identity = self._config.identities.ensure(spec.tenant)
        except Problem as problem:
            return Refused(problem.sentence())
        self._runs.add(spec, identity.user)
        return Accepted()

    def _refuse_former(self, spec: RunSpec) -> str | None:
        former = None if spec.resume_from is None else self._records.find(spec.resume_from)
        if former is None:
            return None
        if former["tenant"] != spec.tenant:
            return f"There is no run {spec.resume_from} to resume from."
        return None if former["phase"] == "ended" else f"The run {spec.resume_from} has not ended, so it cannot be resumed from yet."

    def _cancel(self, name: str) -> Accepted | Absent:
        live = self._runs.lives.find(name)
        if live is None:
            return Absent() if self._records.find(name) is None else Accepted()
        self._runs.cancel(live)
        return Accepted()

    def _order(self, name: str, order: str) -> str | Accepted | Absent:
        """Write an order down; return the job whose runner is to read it, Accepted where none runs."""
        live = self._runs.lives.find(name)
        if live is None:
            return Absent() if self._records.find(name) is None else Accepted()
        if live.phase != "running" or live.job is None:
            return Accepted()
        self._runs.spool.order(live.tenant, name, order)
        return live.job

    def _forget(self, name: str) -> Accepted | Absent | Unknown:
        row = self._records.find(name)
        if row is None:
            return Absent()
        if row["phase"] != "ended":
            return Unknown("The run has not ended; cancel it first.")
        if self._records.has_closing(name):
            return Unknown("What an earlier start of the run used is still to be read from the cluster's accounting.")
        self._runs.spool.drop(row["tenant"], name)
        self._records.forget(name, now_ms())
        return Accepted()

    def _sweep(self) -> None:
        """Remove what was dropped beside everything else: a large tree takes long."""
        if self._sweeper is None or not self._sweeper.is_alive():
            self._sweeper = threading.Thread(target=self._runs.spool.empty_trash, name=f"{self.name}-trash", daemon=True)
            self._sweeper.start()


def _refuse_text(spec: RunSpec) -> str | None:
    try:
        size = sum(len(part.encode()) for part in (*spec.argv, *spec.environment.values(), *spec.sealed_environment.values()))
    except UnicodeEncodeError:
        return "The run's description contains something that is not text."
    return None if size <= _LARGEST_SPEC else f"The run's description takes {size} bytes, far too many; put data into files."
