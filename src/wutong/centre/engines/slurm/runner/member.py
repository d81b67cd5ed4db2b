"""The keeper of one node of a run over several: starts the node's ranks, and does as the first node's runner says until they have ended.

Orders come on standard input, which `srun` hands to all nodes; its end means that the runner is gone, and so must the ranks. What happens is told on
standard output, a line each. Light (see `local/processes`), and fit for Python 3.9.
"""
# ruff: noqa: PTH103, PTH118, PTH123 - pathlib is not light

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os
import resource

from wutong.centre.engines.local import trees, verdict
from wutong.centre.engines.local.limits import Limits
from wutong.centre.engines.local.logs import LogWriter, log_folder
from wutong.centre.engines.local.moments import monotonic_ms
from wutong.centre.engines.local.spawn import CannotStart
from wutong.centre.engines.local.watch import Watch
from wutong.centre.engines.slurm.runner import plan
from wutong.centre.engines.slurm.runner.launcher import Launcher, tmp_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wutong.centre.engines.local.fan import End
    from wutong.centre.engines.slurm.runner.plan import Plan

GROUP = "group"
_NEVER_S = 10**7
_IGNORED = ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGPIPE")


def main(folder: str, told: str, number: str) -> None:
    """Keep this node's ranks of a start. Exits with 0 when all was told, however the ranks ended."""
    os.umask(0o077)
    for name in _IGNORED:
        _signal.signal(getattr(_signal, name), _signal.SIG_IGN)
    home = os.path.join(folder, "starts", number)
    with open(os.path.join(told, "plan"), "rb") as file:
        wanted = plan.read(file.read())
    with open(os.path.join(home, GROUP), "rb") as file:
        group = plan.read(file.read())
    Member(wanted, group, told=told, home=home, logs=os.path.join(folder, "logs", number), number=int(number)).run()
    os._exit(0)


class Member(Watch):
    """The ranks of one node."""

    def __init__(self, wanted: Plan, group: Plan, *, told: str, home: str, logs: str, number: int) -> None:
        confined = bool(wanted.number("confined"))
        disk, signal = wanted.number("disk_limit_mb"), wanted.number("checkpoint_signal")
        super().__init__(
            command=wanted.text("command"), time_limit_s=_NEVER_S, grace_s=_NEVER_S, checkpoint_signal=signal, disk_limit_mb=disk, confined=confined
        )
        self.node = int(os.environ.get("SLURM_NODEID") or 0)
        self.launcher = Launcher(wanted, told=told, home=home, number=number, node=self.node)
        self.layout = self.launcher.layout(group.words("host"), group.number("port"))
        self.logs = logs
        # Those of files are for the first node's runner, which sees the whole.
        self.limits = Limits(memory_mb=wanted.number("memory_mb"), disk_limit_mb=disk, folders=(), since_mono=monotonic_ms())
        self.log_limit = wanted.number("log_limit_bytes")
        self.orders = b""
        self.control = 0
        self.told_failure = False

    def run(self) -> None:
        """Start the ranks, watch them to their end, and tell."""
        self._tell("hello")
        os.set_blocking(0, False)
        try:
            self._start()
        except CannotStart as problem:
            self._tell_end(self.layout.first, problem.reason, problem.sentence)
        except OSError as error:
            self._tell_end(self.layout.first, *verdict.unprepared(error))
        else:
            self.watch()
            self.clear()
            self._tell_why()
        notes = " ".join(filter(None, (self.log.close() if hasattr(self, "log") else "", self.fan.close() if self.fan is not None else "")))
        if self.node:
            trees.remove(tmp_of(self.launcher.home, self.node))
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        peak = max(self.limits.peak, used.ru_maxrss * 1024)
        self._tell("done", peak, int((used.ru_utime + used.ru_stime) * 1000), notes)

    def take_orders(self) -> list[str]:
        """Read what the runner says; where it says no more it is gone."""
        try:
            data = os.read(0, 4096)
        except BlockingIOError:
            return []
        *lines, self.orders = (self.orders + data).split(b"\n")
        return [line.decode(errors="replace") for line in lines] if data else ["kill"]

    def obey(self, order: str) -> None:
        """Carry out one order: "stop" (the checkpoint signal, also for what starts yet), "signal" and a number, "kill"."""
        verb, _, argument = order.partition(" ")
        if verb == "stop":
            self.stop("told", "", self.grace_s)
        elif verb == "kill":
            self.stop("told", "", 0)
        elif verb == "signal" and argument.isdigit():
            self.send(int(argument), once=False)

    def stop(self, reason: str, detail: str, grace_s: int) -> None:
        """Begin to stop; a limit of this node's own is the runner's to hear of, for it ends the run."""
        if reason != "told":
            self._tell_end(self.layout.first, reason, detail)
        super().stop(reason, detail, grace_s)

    def rank_failed(self, end: End) -> None:
        """Tell at once; why it failed follows when all its output is read. What becomes of the others is for the runner to say."""
        if self.stopping is None:
            self._tell("failed", end.rank, _number(end.exit.code), _number(end.exit.signal))
            self.told_failure = True

    # Steps

    def _start(self) -> None:
        os.makedirs(self.launcher.tmp, 0o700, exist_ok=True)
        folder = log_folder(self.logs, self.layout.first)
        os.makedirs(folder, 0o700, exist_ok=True)
        self.log = LogWriter(folder, self.log_limit)
        self.output, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        os.set_blocking(writing, True)
        self.started_mono = monotonic_ms()
        try:
            self.pid, self.fan = self.launcher.spawn(self.layout, writing, self.log, self.logs)
        finally:
            os.close(writing)
        if self.fan is not None:
            self.fan.on_failure = self.rank_failed

    def _tell_why(self) -> None:
        end = self.exit()
        if self.fan is not None and self.fan.failed is not None and self.told_failure:
            self._tell("why", self.fan.failed.rank, *self.judge_rank(self.fan.failed))
        elif (end.code or end.signal) and self.stopping is None:
            self._tell("failed", self.layout.first, _number(end.code), _number(end.signal))
            self._tell("why", self.layout.first, *self.judge(end, self.log.beginning, confined=self.confined))

    def _tell_end(self, rank: int, reason: str, sentence: str) -> None:
        self._tell("failed", rank, "-", "-")
        self._tell("why", rank, reason, sentence)

    def _tell(self, verb: str, *words: object) -> None:
        name = os.environ.get("SLURMD_NODENAME", "")
        line = " ".join(["@", verb, str(self.node), name, *map(str, words)]).replace("\n", " ")
        try:
            os.write(1, line.encode(errors="replace") + b"\n")
        except OSError:
            return


def _number(value: int | None) -> str:
    return "-" if value is None else str(value)
