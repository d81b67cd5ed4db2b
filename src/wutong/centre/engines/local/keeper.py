"""The keeper of one start: a process forked from the agent that outlives it. It starts the job, takes its log, watches it, and writes how it ended.

It answers to nobody for staying alive: agent and control plane may die. Its lock tells that it lives, its facts file when the job began, its result
file how it ended. Whatever the job leaves running is killed before the result is written.
"""

import array
import contextlib
import gc
import os
import pickle
import signal
import socket
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from wutong.centre.engines.local import folders, job, trees, verdict
from wutong.centre.engines.local.job import Ticket
from wutong.centre.engines.local.limits import Limits
from wutong.centre.engines.local.logs import LogWriter
from wutong.centre.engines.local.moments import monotonic_ms, now_ms
from wutong.centre.engines.local.spawn import CannotStart
from wutong.centre.engines.local.team import team_of
from wutong.centre.engines.local.watch import Watch


def keep(ticket: Ticket, handles: Sequence[int], desk: socket.socket) -> NoReturn:
    """Be a keeper, in a freshly forked process, and never return: keep this run and then those handed over through `desk`, until that is closed.

    The descriptors of a run are its pipe of orders, the pipe on which its begin is reported, one that is closed when it is over, and its lock. All
    others but the standard three are closed.
    """
    try:
        gc.disable()
        _detach({*handles, desk.fileno()})
        next_one: tuple[Ticket, Sequence[int]] | None = (ticket, handles)
        while next_one is not None:
            _keep_one(*next_one)
            next_one = _wait_for_next(desk)
    except BaseException:  # noqa: BLE001 - a forked process must never return into the agent's loop
        with contextlib.suppress(BaseException):
            traceback.print_exc()
    finally:
        os._exit(0)


def close_others(kept: set[int]) -> None:
    """Close all descriptors but these and the standard three."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names, all read before the first is closed
        if int(name) > 2 and int(name) not in kept:
            with contextlib.suppress(OSError):
                os.close(int(name))


def _keep_one(ticket: Ticket, handles: Sequence[int]) -> None:
    control, report, _over, lock = handles
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    one = Keeper(ticket, control, report)
    one.run()
    for handle in (one.output, *handles):
        if handle >= 0:
            os.close(handle)


def _wait_for_next(desk: socket.socket) -> tuple[Ticket, Sequence[int]] | None:
    handles = array.array("i")
    text, extra, _flags, _address = desk.recvmsg(1024 * 1024, socket.CMSG_SPACE(4 * handles.itemsize), socket.MSG_CMSG_CLOEXEC)
    for _level, _kind, data in extra:
        handles.frombytes(data)
    return (pickle.loads(text), handles) if text else None  # noqa: S301 - from our own agent, which forked us


def _detach(kept: set[int]) -> None:
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_IGN)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    close_others(kept)
    os.chdir("/")
    job.become_reaper()


class Keeper(Watch):
    """One start of a run, from its folders to its result."""

    def __init__(self, ticket: Ticket, control: int, report: int) -> None:
        spec = ticket.spec
        super().__init__(
            command=spec.argv[0],
            time_limit_s=spec.time_limit_s,
            grace_s=spec.grace_s,
            checkpoint_signal=signal.Signals[spec.checkpoint_signal],
            disk_limit_mb=spec.disk_limit_mb,
            confined=ticket.sandbox.kind != "none",
        )
        self.ticket = ticket
        self.spec = spec
        self.folder = ticket.folder
        self.control = control
        self.report = report
        self.started_ms: int | None = None
        self.orders = b""
        self.restarts_left = spec.rank_restarts
        self.limits = self._limits(monotonic_ms())

    def run(self) -> None:
        """Prepare, start, watch, clean up, and write the result.

        A fault of ours after the job began is not caught: we die, the job with us, and the agent tells what that means.
        """
        logs = self.folder.logs(self.ticket.restart)
        try:
            logs.mkdir(parents=True, exist_ok=True)
            folders.reserve(self.folder.result(self.ticket.restart))
            self.log = LogWriter(logs, self.spec.log_limit_bytes)
            self._prepare()
            self.read_orders()
            if self.stopping is None:
                self._start()
        except CannotStart as problem:
            self._finish(problem.reason, problem.sentence)
        except OSError as error:
            self._finish(*verdict.unprepared(error))
        else:
            if self.pid:
                self.see_through(self._start)
            self._finish(*self.verdict())

    def take_orders(self) -> list[str]:
        """Read the pipe."""
        with contextlib.suppress(BlockingIOError):
            self.orders += os.read(self.control, 4096)
        *orders, self.orders = self.orders.split(b"\n")
        return [order.decode(errors="replace") for order in orders]

    def show_life(self) -> None:
        """Touch the facts: should we be killed unseen, this tells until when the job certainly ran."""
        with contextlib.suppress(OSError):
            os.utime(self.folder.facts(self.ticket.restart))

    def _prepare(self) -> None:
        for mount in self.spec.mounts:
            if not Path(mount.source).exists():
                raise CannotStart(f"What was to be mounted at {mount.target} is no longer there.")
        former = self.ticket.former
        if former is not None and not self.folder.checkpoint.exists():
            with contextlib.suppress(FileNotFoundError):
                former.checkpoint.rename(self.folder.checkpoint)
        owner = self.ticket.identity
        self._copy_code(owner)
        for path in (self.folder.work, self.folder.outputs, self.folder.checkpoint, self.folder.scratch):
            path.mkdir(mode=0o700, exist_ok=True)
            if owner is not None:
                # Its group is ours, so that the sandbox, which is root without a root's powers, can step into it.
                os.chown(path, owner, 0)
                path.chmod(0o710)

    def _copy_code(self, owner: int | None) -> None:
        """Copy the code beside its place and then move it there: what an earlier keeper copied half is never run."""
        if self.spec.code_source is None or self.folder.work.exists():
            return
        draft = self.folder.path / "work.new"
        if draft.exists():
            trees.remove(draft)
        draft.mkdir(mode=0o700)
        try:
            trees.copy_tree(Path(self.spec.code_source), draft, owner)
        except FileNotFoundError as error:
            raise CannotStart("The code of the run is no longer there.") from error
        draft.rename(self.folder.work)

    def _start(self) -> None:
        self.output, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        os.set_blocking(writing, True)
        first = self.started_ms is None
        if self.started_ms is None:
            self.started_ms, self.started_mono = now_ms(), monotonic_ms()
            # Before the job exists: without this file it certainly never began, and may be started again.
            folders.write_json(self.folder.facts(self.ticket.restart), {"started_ms": self.started_ms, "started_mono": self.started_mono})
            self.limits = self._limits(self.started_mono)
        try:
            self.pid = self._spawn(writing)
        except (CannotStart, OSError):
            if first:
                self.started_ms = None
            raise
        finally:
            os.close(writing)
        with contextlib.suppress(OSError):
            os.write(self.report, b"started\n")

    def _spawn(self, writing: int) -> int:
        team = team_of(self.ticket, self.log)
        if team is None:
            return job.spawn(self.ticket, writing)
        self.fan = team.fan
        try:
            return job.spawn(self.ticket, writing, starter=team.starter, more=team.variables)
        finally:
            if self.fan is not None:
                self.fan.on_failure = self.rank_failed
                self.fan.started()

    def _limits(self, since_mono: int) -> Limits:
        own = (self.folder.work, self.folder.outputs, self.folder.checkpoint, self.folder.scratch)
        return Limits(memory_mb=self.spec.memory_mb, disk_limit_mb=self.spec.disk_limit_mb, folders=own, since_mono=since_mono)

    def _finish(self, reason: str, detail: str) -> None:
        """Write the result, again and again until it is on disk: until then the run has not ended."""
        note = " ".join(filter(None, (self.log.close() if hasattr(self, "log") else "", self.fan.close() if self.fan is not None else "")))
        end = self.exit()
        ran = self.started_ms is not None
        result = {
            "reason": reason,
            "detail": " ".join(part for part in (detail, note) if part),
            "exit_code": end.code,
            "signal": end.signal,
            "started_ms": self.started_ms,
            "ended_ms": self.started_ms + self.ended_mono - self.started_mono if self.started_ms is not None else now_ms(),
            "max_memory_mb": max(self.limits.peak, self.peak_kb * 1024) // 1048576 if ran else None,
            "cpu_ms": int(self.cpu_s * 1000) if ran else None,
        }
        if self.folder.scratch.exists():
            trees.remove(self.folder.scratch)
        while True:
            try:
                folders.write_reserved(self.folder.result(self.ticket.restart), result)
            except FileNotFoundError:
                return  # somebody removed the run's folder; the agent sees that there is no result
            except OSError:
                time.sleep(1.0)
            else:
                return
