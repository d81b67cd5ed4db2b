"""The agent: one small process a machine that runs what it is given and outlives the control plane.

One thread and one loop, so that forking is safe: take what came in, decide, make it durable in one commit, answer, fork. It sleeps when nothing
happens. It may be killed at any instruction: what runs runs on under its keepers, and the next agent adopts it.
Start it with `python -m wutong.centre.engines.local.agent --home DIR`; `--help` tells the rest.
"""

import argparse
import contextlib
import fcntl
import gc
import os
import resource
import selectors
import signal
import sqlite3
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from wutong.centre.engines.local import cards, wire
from wutong.centre.engines.local import sandbox as sandboxes
from wutong.centre.engines.local.desk import Connection, Desk, Reply
from wutong.centre.engines.local.folders import Home
from wutong.centre.engines.local.keeper import close_others
from wutong.centre.engines.local.keepers import Live
from wutong.centre.engines.local.moments import monotonic_ms
from wutong.centre.engines.local.queue import Need
from wutong.centre.engines.local.records import Records
from wutong.centre.engines.local.runs import Runs
from wutong.centre.engines.local.views import Views
from wutong.centre.engines.protocol import Absent, Accepted, Refused, Unknown

_RETRY_S = 1.0
_LOOK_AGAIN_S = 0.1
_LONGEST_WAIT_S = 60.0


class Agent:
    """The loop that ties socket, runs and keepers together."""

    def __init__(self, home: Home, runs: Runs) -> None:
        self.home = home
        self.runs = runs
        self.records = runs.records
        self.views = Views(runs)
        self.selector = selectors.DefaultSelector()
        self.stopping = False
        self.killing = False
        self.broken = False
        self.sweeper = -1
        runs.watch, runs.unwatch = self._watch, self._unwatch
        runs.pool.watch = lambda handle, gone: self.selector.register(handle, selectors.EVENT_READ, gone)
        runs.pool.unwatch = self.selector.unregister
        self.desk = Desk(home.path, self.selector, self._answer)
        self._wake, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        self.selector.register(self._wake, selectors.EVENT_READ, lambda: os.read(self._wake, 64))

    def serve(self) -> None:
        """Run until told to stop."""
        self._step(self.runs.recover)
        gc.collect()
        gc.freeze()
        while not self.stopping and not (self.killing and not self.runs.live and not self.runs.queue):
            events = self.selector.select(self._patience())
            self._step(lambda: self._work([key.data for key, _mask in events]))  # noqa: B023 - called at once
        self.desk.close()

    def _work(self, handlers: list[Callable[[], object]]) -> None:
        if self.broken:
            self.runs.recover()
        for handle in handlers:
            try:
                handle()
            except sqlite3.Error:
                raise
            except Exception:  # noqa: BLE001 - one request or one keeper must never end the agent
                traceback.print_exc()
        self.runs.look_again()
        self.runs.reckon()
        self.runs.pool.retire()
        self._answer_waiting()

    def _step(self, work: Callable[[], None]) -> None:
        """Do some work, make it durable, then answer and fork. On a database that cannot be written nothing has happened, and it is tried again."""
        try:
            work()
            self.runs.schedule()
            self.records.commit()
        except sqlite3.Error as error:
            if not self.broken:
                _say(f"The agent's records cannot be written: {error}. Runs go on; requests are not answered until it works.")
            self.broken = True
            with contextlib.suppress(sqlite3.Error):
                self.records.rollback()
            self.desk.unsay(str(error))
            return
        if self.broken:
            _say("The agent's records can be written again.")
        self.broken = False
        self._answer_waiting()
        self.desk.flush()
        self.runs.launch()
        self._sweep()

    def _patience(self) -> float | None:
        due: list[float] = []
        if self.broken or self.runs.failed:
            due.append(_RETRY_S if self.broken else 0.0)
        if self.runs.unsure:
            due.append(_LOOK_AGAIN_S)
        due.extend(moment for moment in (self.runs.next_window_s(), self.runs.pool.next_retirement_s()) if moment is not None)
        now = monotonic_ms() / 1000
        due.extend(connection.wait[1] - now for connection in self.desk.waiting() if connection.wait is not None)
        return max(0.0, min(due)) if due else None

    def _answer_waiting(self) -> None:
        now = monotonic_ms() / 1000
        for connection in self.desk.waiting():
            if connection.wait is not None and (self.records.seq > connection.wait[0] or now >= connection.wait[1]):
                self.desk.reply(connection, ({"answer": "value", "changed": self.records.seq > connection.wait[0]}, b""))

    def _answer(self, connection: Connection, ask: dict[str, Any]) -> Reply | None:
        try:
            if ask.get("verb") == "wait":
                until = monotonic_ms() / 1000 + min(float(ask["timeout"]), _LONGEST_WAIT_S)
                connection.wait = (self.records.place(str(ask["since"])), until)
                return None
            return self._verb(ask)
        except (KeyError, TypeError, ValueError) as error:
            return wire.verdict_to_json(Unknown(f"The agent does not understand this request ({type(error).__name__}: {error}).")), b""

    def _verb(self, ask: dict[str, Any]) -> Reply:
        verb = str(ask.get("verb"))
        if verb in {"submit", "cancel", "signal", "forget", "weight", "stop"}:
            return self._plain(self._act(verb, ask))
        if verb == "logs":
            return self._logs(ask)
        return {"answer": "value", **self._tell(verb, ask)}, b""

    def _act(self, verb: str, ask: dict[str, Any]) -> Accepted | Refused | Absent | Unknown:
        match verb:
            case "submit":
                return self.runs.submit(wire.spec_from_json(ask["spec"]))
            case "cancel":
                return self.runs.cancel(str(ask["name"]))
            case "signal":
                return self.runs.signal(str(ask["name"]), str(ask["signal"]))
            case "forget":
                return self.runs.forget(str(ask["name"]))
            case "weight":
                self.runs.set_weight(str(ask["tenant"]), max(float(ask["weight"]), 0.001))
                return Accepted()
            case _:
                return self._shut_down(kill=bool(ask.get("kill")))

    def _tell(self, verb: str, ask: dict[str, Any]) -> dict[str, Any]:
        match verb:
            case "observe":
                return {"runs": self.views.observe([str(name) for name in ask["names"]])}
            case "changes":
                return self.views.changes(str(ask["since"]))
            case "usage":
                return self.views.usage(str(ask["since"]))
            case "capabilities":
                return {"capabilities": asdict(self.views.capabilities("local"))}
            case _:
                raise ValueError(f"no verb {verb!r}")

    def _plain(self, verdict: Accepted | Refused | Absent | Unknown) -> Reply:
        return wire.verdict_to_json(verdict), b""

    def _logs(self, ask: dict[str, Any]) -> Reply:
        restart = None if ask.get("restart") is None else int(ask["restart"])
        found = self.views.logs(str(ask["name"]), max(0, int(ask["offset"])), int(ask["limit"]), restart, int(ask.get("rank", 0)))
        if isinstance(found, Absent | Unknown):
            return self._plain(found)
        return {"answer": "value", **found[0]}, found[1]

    def _shut_down(self, *, kill: bool) -> Accepted:
        """Stop serving; with `kill` only after all runs were ended."""
        self.killing = kill
        self.stopping = not kill
        if kill:
            for name in [run.name for run in self.runs.queue] + list(self.runs.live):
                self.runs.cancel(name, at_once=True)
        return Accepted()

    def _stop(self, _number: int, _frame: object) -> None:
        self.stopping = True

    def _watch(self, live: Live) -> None:
        self.selector.register(live.watch, selectors.EVENT_READ, lambda: self.runs.gone(live))
        if live.report >= 0:
            self.selector.register(live.report, selectors.EVENT_READ, lambda: self._reported(live))

    def _reported(self, live: Live) -> None:
        """The keeper's pipe speaks once, or closes; the rest is told by its end."""
        if live.report >= 0:
            self.selector.unregister(live.report)
            os.close(live.report)
            live.report = -1
            self.runs.started(live)

    def _unwatch(self, live: Live) -> None:
        for handle in (live.watch, live.report):
            with contextlib.suppress(KeyError, ValueError):
                self.selector.unregister(handle)

    def _sweep(self) -> None:
        """Empty the trash in a process of its own: a large tree takes long."""
        if self.sweeper >= 0 or not self.home.trash.exists():
            return
        pid = os.fork()
        if pid == 0:
            _sweep_and_exit(self.home.trash)
        self.sweeper = os.pidfd_open(pid)
        self.selector.register(self.sweeper, selectors.EVENT_READ, lambda: self._swept(pid))

    def _swept(self, pid: int) -> None:
        self.selector.unregister(self.sweeper)
        os.close(self.sweeper)
        self.sweeper = -1
        with contextlib.suppress(OSError):
            os.waitpid(pid, 0)
        with contextlib.suppress(OSError):
            self.home.trash.rmdir()


def _sweep_and_exit(trash: Path) -> None:
    try:
        import shutil

        close_others(set())  # what is the agent's is to close with the agent
        os.nice(10)
        for path in list(trash.iterdir()):
            shutil.rmtree(path, ignore_errors=True)
    finally:
        os._exit(0)


def _say(sentence: str) -> None:
    with contextlib.suppress(OSError):
        print(sentence, file=sys.stderr, flush=True)  # noqa: T201 - the agent's log is its standard error


def _open_many_files() -> None:
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard != resource.RLIM_INFINITY else 65536, hard))


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="wutong-agent", description="Run jobs on this machine for a Wutong centre.")
    parser.add_argument("--home", type=Path, required=True, help="folder for runs, logs, records and socket")
    parser.add_argument("--slots", type=int, default=1, help="accelerators, or processor slots that stand for them")
    parser.add_argument(
        "--accelerator", default=cards.NONE, help="kind of this machine's cards, such as h200; auto asks their driver, none offers none"
    )
    parser.add_argument("--cpus", type=int, default=os.cpu_count() or 1, help="processors offered; may be more than there are")
    parser.add_argument("--memory-mb", type=int, default=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1048576, help="memory offered")
    parser.add_argument("--sandbox", choices=("auto", "bubblewrap", "none"), default="auto", help="how jobs are confined")
    parser.add_argument("--key-file", type=Path, default=None, help="the centre's key, to open runs' secrets")
    parser.add_argument("--half-life-s", type=float, default=24 * 3600.0, help="how fast past use is forgiven in the fair share")
    parser.add_argument("--window-s", type=int, default=60, help="length of a usage window; fixed when the home is made")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve a home until told to stop. A second agent for the same home says so and leaves."""
    options = _arguments(argv)
    home = Home(options.home.resolve())
    os.umask(0o077)
    (home.path / "runs").mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(home.path / "agent.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _say(f"An agent already serves {home.path}.")
        return 0
    _open_many_files()
    sandbox = sandboxes.probe(options.sandbox)
    # A slot without a processor would never be used: processors may be promised more than once, slots not.
    found = cards.find(options.accelerator)
    total = Need(options.slots, max(options.cpus, options.slots), options.memory_mb, len(found.numbers), found.kind)
    key_file = options.key_file.resolve() if options.key_file else None
    records = Records(home.records, options.window_s)
    runs = Runs(home, records, total=total, sandbox=sandbox, key_file=key_file, half_life_s=options.half_life_s, cards=found)
    for problem in (*sandbox.problems, *found.problems):
        _say(f"Warning: {problem}")
    Agent(home, runs).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
