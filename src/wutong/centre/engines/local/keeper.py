"""The keeper of one start: a process forked from the agent that outlives it. It starts the job, takes its log, watches it, and writes how it ended.

It answers to nobody for staying alive: agent and control plane may die. Its lock tells that it lives, its facts file when the job began, its result
file how it ended. Whatever the job leaves running is killed before the result is written.
"""

import contextlib
import gc
import itertools
import os
import resource
import select
import signal
import time
import traceback
from pathlib import Path
from typing import NoReturn

from wutong.centre.engines.local import folders, job, processes, verdict
from wutong.centre.engines.local.job import CannotStart, Ticket
from wutong.centre.engines.local.limits import Limits
from wutong.centre.engines.local.logs import LogWriter
from wutong.centre.engines.local.moments import monotonic_ms, now_ms
from wutong.centre.engines.local.verdict import Exit
from wutong.centre.engines.protocol import EndReason

_READ = 256 * 1024
_DRAIN_S = 5.0


def keep(ticket: Ticket, *, control: int, report: int, lock: int) -> NoReturn:
    """Be the keeper, in a freshly forked process, and never return. Descriptors other than these and the standard three are closed."""
    try:
        gc.disable()
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        _detach({control, report, lock})
        Keeper(ticket, control, report).run()
    except BaseException:  # noqa: BLE001 - a forked process must never return into the agent's loop
        with contextlib.suppress(BaseException):
            traceback.print_exc()
    finally:
        os._exit(0)


def _detach(kept: set[int]) -> None:
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_IGN)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names, all read before the first is closed
        if int(name) > 2 and int(name) not in kept:
            with contextlib.suppress(OSError):
                os.close(int(name))
    os.chdir("/")
    job.become_reaper()


class Keeper:
    """One start of a run, from its folders to its result."""

    def __init__(self, ticket: Ticket, control: int, report: int) -> None:
        self.ticket = ticket
        self.spec = ticket.spec
        self.folder = ticket.folder
        self.control = control
        self.report = report
        self.output = -1
        self.pid = 0
        self.status: int | None = None
        self.started_ms: int | None = None
        self.started_mono = 0
        self.ended_mono = 0
        self.stopping: tuple[EndReason, str] | None = None
        self.kill_at: int | None = None
        self.signalled: set[int] = set()
        self.orders = b""
        self.confined = ticket.sandbox.kind != "none"
        self.limits = Limits(ticket.spec, ticket.folder, monotonic_ms())

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
            self._read_orders()
            if self.stopping is None:
                self._start()
        except CannotStart as problem:
            self._finish(problem.reason, problem.sentence)
        except OSError as error:
            self._finish(*verdict.unprepared(error))
        else:
            if self.pid:
                self._watch()
                self._kill_all()
                self._drain()
            self._finish(*self._verdict())

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
            _remove(draft)
        draft.mkdir(mode=0o700)
        try:
            folders.copy_tree(Path(self.spec.code_source), draft, owner)
        except FileNotFoundError as error:
            raise CannotStart("The code of the run is no longer there.") from error
        draft.rename(self.folder.work)

    def _start(self) -> None:
        self.output, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        os.set_blocking(writing, True)
        self.started_ms, self.started_mono = now_ms(), monotonic_ms()
        # Before the job exists: without this file it certainly never began, and may be started again.
        folders.write_json(self.folder.facts(self.ticket.restart), {"started_ms": self.started_ms, "started_mono": self.started_mono})
        self.limits = Limits(self.spec, self.folder, self.started_mono)
        try:
            self.pid = job.spawn(self.ticket, writing)
        except (CannotStart, OSError):
            self.started_ms = None
            raise
        finally:
            os.close(writing)
        with contextlib.suppress(OSError):
            os.write(self.report, b"started\n")

    def _watch(self) -> None:
        poll = select.poll()
        main = os.pidfd_open(self.pid)
        for handle in (main, self.output, self.control):
            poll.register(handle, select.POLLIN)
        while True:
            for handle, _event in poll.poll(self._patience()):
                if handle == self.output and not self._take_output():
                    poll.unregister(self.output)
                elif handle == self.control:
                    self._read_orders()
                elif handle == main:
                    self.ended_mono = monotonic_ms()
                    os.close(main)
                    return
            self._collect()
            self._check()

    def _patience(self) -> int:
        now = monotonic_ms()
        due = [self.limits.due, self.started_mono + self.spec.time_limit_s * 1000 if self.stopping is None else now + 100]
        if self.kill_at is not None:
            due.append(self.kill_at)
        return max(1, min(due) - now)

    def _take_output(self) -> bool:
        try:
            data = os.read(self.output, _READ)
        except BlockingIOError:
            return True
        self.log.write(data)
        return bool(data)

    def _read_orders(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self.orders += os.read(self.control, 4096)
        *orders, self.orders = self.orders.split(b"\n")
        for order in orders:
            verb, _, argument = order.decode(errors="replace").partition(" ")
            if verb == "cancel":
                self._stop(EndReason.CANCELLED, "Cancelled on request.", self.spec.grace_s)
            elif verb == "kill":
                self._stop(EndReason.CANCELLED, "Stopped at once on request.", 0)
            elif verb == "signal" and self.pid and argument in signal.Signals.__members__:
                self._send(signal.Signals[argument], once=False)

    def _check(self) -> None:
        now = monotonic_ms()
        if self.kill_at is not None and now >= self.kill_at:
            processes.send(self._all(), signal.SIGKILL)
            self.kill_at = now + 1000
        if self.stopping is not None:
            self._send(signal.Signals[self.spec.checkpoint_signal], once=True)
        elif now >= self.started_mono + self.spec.time_limit_s * 1000:
            limit = f"It reached its time limit of {self.spec.time_limit_s} seconds."
            self._stop(EndReason.TIME_LIMIT, limit, self.spec.grace_s)
        if now >= self.limits.due:
            if (problem := self.limits.check(now, self._own)) is not None:
                self._stop(*problem, 0)
            self._show_life()

    def _show_life(self) -> None:
        """Touch the facts: should we be killed unseen, this tells until when the job certainly ran."""
        with contextlib.suppress(OSError):
            os.utime(self.folder.facts(self.ticket.restart))

    def _stop(self, reason: EndReason, detail: str, grace_s: int) -> None:
        """Begin to stop the job: the checkpoint signal, then, after the grace, the end. The first reason stays; a shorter grace counts."""
        kill_at = monotonic_ms() + grace_s * 1000
        self.kill_at = kill_at if self.kill_at is None else min(kill_at, self.kill_at)
        self.stopping = self.stopping or (reason, detail)
        if self.pid and grace_s:
            self._send(signal.Signals[self.spec.checkpoint_signal], once=True)

    def _send(self, number: signal.Signals, *, once: bool) -> None:
        """Signal the run's processes.

        A first process that would die of the signal, while another wants to handle it, is spared until that one is done: its death would end the run
        before the other could save its work (`sh -c "python train.py; ..."`).
        """
        own = self._own()
        if not own:
            return
        others = [pid for pid in own[1:] if not processes.is_zombie(pid)]
        spared = not processes.catches(own[0], number) and any(processes.catches(pid, number) for pid in others)
        chosen = [pid for pid in own if not (spared and pid == own[0]) and not (once and pid in self.signalled)]
        if once:
            self.signalled.update(chosen)
        processes.send(chosen, number)

    def _all(self) -> list[int]:
        return processes.tree(os.getpid())

    def _own(self) -> list[int]:
        """List the job's own processes, the first one first; the sandbox's two are not the job's."""
        below = self._all()
        if not self.confined:
            return below
        helpers = {self.pid, *processes.children(self.pid)}
        own = [pid for pid in below if pid not in helpers]
        return [] if own and processes.is_sandbox(own[0]) else own

    def _collect(self) -> None:
        """Collect orphans that ended; the first process is left for the pidfd to tell of."""
        for pid in processes.children(os.getpid()):
            if pid != self.pid and processes.is_zombie(pid):
                with contextlib.suppress(OSError):
                    os.waitpid(pid, os.WNOHANG)

    def _kill_all(self) -> None:
        """Kill whatever is left until nothing is, however it hides: what loses its parent comes to us."""
        for patience in itertools.count(1):
            processes.send(self._all(), signal.SIGKILL)
            try:
                while (done := os.waitpid(-1, os.WNOHANG))[0]:
                    if done[0] == self.pid:
                        self.status = done[1]
            except ChildProcessError:
                return
            time.sleep(min(0.002 * patience, 0.1))

    def _drain(self) -> None:
        """Take what is still in the pipe. It ends at once, for nobody is left who could write."""
        until = monotonic_ms() + int(_DRAIN_S * 1000)
        with contextlib.suppress(BlockingIOError):
            while monotonic_ms() < until:
                data = os.read(self.output, _READ)
                if not data:
                    return
                self.log.write(data)

    def _verdict(self) -> tuple[EndReason, str]:
        lasted = self.ended_mono - self.started_mono
        return self.stopping or verdict.judge(self.spec, self._exit(), confined=self.confined, lasted_ms=lasted, beginning=self.log.beginning)

    def _exit(self) -> Exit:
        return verdict.exit_of(self.status, confined=self.confined)

    def _finish(self, reason: EndReason, detail: str) -> None:
        """Write the result, again and again until it is on disk: until then the run has not ended."""
        note = self.log.close() if hasattr(self, "log") else ""
        end = self._exit()
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        ran = self.started_ms is not None
        result = {
            "reason": reason.value,
            "detail": " ".join(part for part in (detail, note) if part),
            "exit_code": end.code,
            "signal": end.signal,
            "started_ms": self.started_ms,
            "ended_ms": self.started_ms + self.ended_mono - self.started_mono if self.started_ms is not None else now_ms(),
            "max_memory_mb": max(self.limits.peak, usage.ru_maxrss * 1024) // 1048576 if ran else None,
            "cpu_ms": int((usage.ru_utime + usage.ru_stime) * 1000) if ran else None,
        }
        if self.folder.scratch.exists():
            _remove(self.folder.scratch)
        while True:
            try:
                folders.write_reserved(self.folder.result(self.ticket.restart), result)
            except FileNotFoundError:
                return  # somebody removed the run's folder; the agent sees that there is no result
            except OSError:
                time.sleep(1.0)
            else:
                return


def _remove(path: Path) -> None:
    import shutil

    shutil.rmtree(path, ignore_errors=True)
