"""Watches one started job from its first process to its last: takes its output, stops it for its limits and on order, and leaves nothing running.

What starts the job, where orders come from and what becomes of the end is for those who derive from it: the agent's keeper, and the runner inside a
Slurm job. Light (see `processes`).
"""
# ruff: noqa: SIM105 - `contextlib` is not light

from __future__ import annotations

import os
import select
import time

from wutong.centre.engines.local import processes, verdict
from wutong.centre.engines.local.moments import monotonic_ms
from wutong.centre.engines.local.processes import KILL
from wutong.centre.engines.local.spawn import CannotStart

TYPE_CHECKING = False
if TYPE_CHECKING:
    import resource
    from collections.abc import Callable

    from wutong.centre.engines.local.fan import End, Fan
    from wutong.centre.engines.local.limits import Limits
    from wutong.centre.engines.local.logs import LogWriter
    from wutong.centre.engines.local.verdict import Exit

_READ = 256 * 1024
_DRAIN_MS = 5000


class Watch:
    """The life of one job. `control` is a descriptor that becomes readable when there are orders; -1 stands for none.

    With a `fan` the job is several ranks under one starter; one that fails takes the others along.
    """

    log: LogWriter
    limits: Limits

    def __init__(self, *, command: str, time_limit_s: int, grace_s: int, checkpoint_signal: int, disk_limit_mb: int, confined: bool) -> None:
        self.command = command
        self.time_limit_s = time_limit_s
        self.grace_s = grace_s
        self.checkpoint_signal = checkpoint_signal
        self.disk_limit_mb = disk_limit_mb
        self.confined = confined
        self.control = -1
        self.output = -1
        self.fan: Fan | None = None
        self.restarts_left = 0
        self.pid = 0
        self.status: int | None = None
        self.cpu_s = 0.0
        self.peak_kb = 0
        self.started_mono = 0
        self.ended_mono = 0
        self.stopping: tuple[str, str] | None = None
        self.kill_at: int | None = None
        self.signalled: set[int] = set()

    # For those who derive

    def take_orders(self) -> list[str]:
        """Return what was ordered since the last time: "cancel", "kill", "signal SIGUSR1"."""
        raise NotImplementedError

    def show_life(self) -> None:
        """Leave a sign that the job still ran now; called about once a second."""

    def take_output(self, data: bytes) -> None:
        """Take what the job's first process wrote."""
        self.log.write(data)

    def say(self, sentence: str) -> None:
        """Write a sentence of ours into the main log."""
        self.log.write(f"\n[wutong] {sentence}\n".encode())

    def rank_failed(self, end: End) -> None:
        """End the other ranks, unless all are being stopped: the job may have been signalled before we were told."""
        del end
        self.read_orders()
        if self.stopping is None:
            self.kill_all()

    def obey(self, order: str) -> None:
        """Carry out one order; what is not understood is left."""
        verb, _, argument = order.partition(" ")
        if verb == "cancel":
            self.stop("cancelled", "Cancelled on request.", self.grace_s)
        elif verb == "kill":
            self.stop("cancelled", "Stopped at once on request.", 0)
        elif verb == "signal" and self.pid and (number := processes.signal_number(argument)):
            self.send(number, once=False)

    def settle(self) -> None:
        """Learn what is still to be learnt when everything has ended: Slurm signals job and runner at once, and the job may have ended sooner."""
        self.read_orders()

    def has_failed(self) -> bool:
        """Tell whether a rank failed."""
        return bool(self.exit().code or self.exit().signal)

    # The watch

    def see_through(self, start: Callable[[], object]) -> None:
        """Watch what was started to its end, and start it again for as long as ranks fail that may begin again."""
        while True:
            self.watch()
            self.clear()
            self.settle()
            if self.stopping is not None or not self.restarts_left or not self.has_failed():
                return
            self.restarts_left -= 1
            self.say(f"{self.verdict()[1]} All ranks begin again; {self.restarts_left} more restarts are left.")
            self._forget()
            try:
                start()
            except CannotStart as problem:
                self.stopping = (problem.reason, problem.sentence)
                return

    def watch(self) -> None:
        """Watch until the job's first process has ended; nothing is collected yet."""
        poll = select.poll()
        main, sinks = os.pidfd_open(self.pid), self._sinks()
        for handle in (main, self.control, *sinks):
            if handle >= 0:
                poll.register(handle, select.POLLIN)
        while True:
            for handle, _event in poll.poll(self._patience()):
                if handle in sinks and not _take(handle, sinks[handle]):
                    poll.unregister(handle)
                elif handle == self.control:
                    self.read_orders()
                elif handle == main:
                    self.ended_mono = monotonic_ms()
                    os.close(main)
                    return
            self._collect()
            self._check()

    def read_orders(self) -> None:
        """Carry out what was ordered."""
        for order in self.take_orders():
            self.obey(order)

    def stop(self, reason: str, detail: str, grace_s: int) -> None:
        """Begin to stop the job: the checkpoint signal, then, after the grace, the end. The first reason stays; a shorter grace counts."""
        kill_at = monotonic_ms() + grace_s * 1000
        self.kill_at = kill_at if self.kill_at is None else min(kill_at, self.kill_at)
        self.stopping = self.stopping or (reason, detail)
        if self.pid and grace_s:
            self.send(self.checkpoint_signal, once=True)

    def send(self, number: int, *, once: bool) -> None:
        """Signal the run's processes.

        A first process (of each rank) that would die of the signal, while another wants to handle it, is spared until that one is done: its death
        would end the run before the other could save its work (`sh -c "python train.py; ..."`).
        """
        for own in self._groups():
            others = [pid for pid in own[1:] if not processes.is_zombie(pid)]
            spared = not processes.catches(own[0], number) and any(processes.catches(pid, number) for pid in others)
            chosen = [pid for pid in own if not (spared and pid == own[0]) and not (once and pid in self.signalled)]
            if once:
                self.signalled.update(chosen)
            processes.send(chosen, number)

    def kill_all(self) -> None:
        """Kill whatever runs."""
        processes.send(self._all(), KILL)

    def clear(self) -> None:
        """Kill whatever is left until nothing is, however it hides (what loses its parent comes to us), and take what is still in the pipe."""
        patience = 0
        while True:
            patience += 1
            self.kill_all()
            try:
                while (done := os.wait4(-1, os.WNOHANG))[0]:
                    if done[0] == self.pid:
                        self.status = done[1]
                    self._count(done[2])
            except ChildProcessError:
                break
            time.sleep(min(0.002 * patience, 0.1))
        self._drain()

    def exit(self) -> Exit:
        """Return how the first process ended, or the rank that failed first."""
        if self.fan is not None and self.fan.failed is not None:
            return self.fan.failed.exit
        return verdict.exit_of(self.status, confined=self.confined)

    def verdict(self) -> tuple[str, str]:
        """Return why the job ended (a value of `EndReason`), with a sentence."""
        failed = self.fan.failed if self.fan is not None else None
        if self.stopping is not None or failed is None:
            return self.stopping or self.judge(self.exit(), self.log.beginning, confined=self.confined)
        reason, sentence = self.judge_rank(failed)
        return reason, f"Rank {failed.rank}: {sentence}"

    def judge_rank(self, end: End) -> tuple[str, str]:
        """Return why a rank ended, with a sentence."""
        return self.judge(end.exit, end.log.beginning, confined=True)

    def judge(self, end: Exit, beginning: bytes, *, confined: bool) -> tuple[str, str]:
        """Return why a process that nobody stopped ended. `confined` tells whether its log's beginning may say that it never ran."""
        return verdict.judge(
            end,
            command=self.command,
            disk_limit_mb=self.disk_limit_mb,
            confined=confined,
            lasted_ms=(self.ended_mono or monotonic_ms()) - self.started_mono,
            beginning=beginning,
        )

    # Steps

    def _forget(self) -> None:
        """Be ready for another start."""
        for handle in self._sinks():
            os.close(handle)
        if self.fan is not None:
            self.fan.close()
        self.status, self.fan, self.signalled, self.kill_at = None, None, set(), None

    def _patience(self) -> int:
        now = monotonic_ms()
        due = [self.limits.due, self.started_mono + self.time_limit_s * 1000 if self.stopping is None else now + 100]
        if self.kill_at is not None:
            due.append(self.kill_at)
        return max(1, min(due) - now)

    def _sinks(self) -> dict[int, Callable[[bytes], object]]:
        return {self.output: self.take_output, **(self.fan.sinks if self.fan is not None else {})}

    def _check(self) -> None:
        now = monotonic_ms()
        if self.kill_at is not None and now >= self.kill_at:
            self.kill_all()
            self.kill_at = now + 1000
        if self.stopping is not None:
            self.send(self.checkpoint_signal, once=True)
        elif now >= self.started_mono + self.time_limit_s * 1000:
            self.stop("time_limit", f"It reached its time limit of {self.time_limit_s} seconds.", self.grace_s)
        if now >= self.limits.due:
            if (problem := self.limits.check(now, self._own)) is not None:
                self.stop(*problem, 0)
            self.show_life()

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

    def _groups(self) -> list[list[int]]:
        """List the job's own processes, those of each rank apart; what starts the ranks is not the job's."""
        own = self._own()
        if self.fan is None or not own:
            return [own] if own else []
        ranks = [[first, *processes.tree(first)] for first in processes.children(own[0])]
        known = {own[0], *(pid for rank in ranks for pid in rank)}
        rest = [pid for pid in own if pid not in known]
        return [*ranks, rest] if rest else ranks

    def _collect(self) -> None:
        """Collect orphans that ended; the first process is left for the pidfd to tell of."""
        for pid in processes.children(os.getpid()):
            if pid != self.pid and processes.is_zombie(pid):
                try:
                    self._count(os.wait4(pid, os.WNOHANG)[2])
                except OSError:
                    pass

    def _count(self, used: resource.struct_rusage) -> None:
        self.cpu_s += used.ru_utime + used.ru_stime
        self.peak_kb = max(self.peak_kb, used.ru_maxrss)

    def _drain(self) -> None:
        """Take what is still in the pipes. They end at once, for nobody is left who could write."""
        until = monotonic_ms() + _DRAIN_MS
        for handle, sink in self._sinks().items():
            while handle >= 0 and monotonic_ms() < until and _take(handle, sink, wait=False):
                pass


def _take(handle: int, sink: Callable[[bytes], object], *, wait: bool = True) -> bool:
    """Take what is in a pipe; tell whether more may come (without `wait`: is there now)."""
    try:
        data = os.read(handle, _READ)
    except BlockingIOError:
        return wait
    sink(data)
    return bool(data)
