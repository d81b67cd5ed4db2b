"""The runner: keeps one start of a run inside its Slurm job, as the local engine's keeper does, and answers to Slurm's signals.

SIGUSR2 says that there are orders to be read; SIGTERM and SIGUSR1 that Slurm wants the job to end (preemption, its own limit, an operator).
Every start has a folder of its own, taken by an exclusive mkdir: a copy of the job that Slurm forgot about writes where nobody reads.
"""
# ruff: noqa: PTH102, PTH103, PTH104, PTH110, PTH112, PTH118, PTH119, PTH123, SIM105 - pathlib and `suppress` are not light

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os
import resource
import time

from wutong.centre.engines.local import trees, verdict
from wutong.centre.engines.local.limits import Limits
from wutong.centre.engines.local.logs import LogWriter
from wutong.centre.engines.local.moments import monotonic_ms
from wutong.centre.engines.local.spawn import CannotStart
from wutong.centre.engines.local.watch import Watch
from wutong.centre.engines.slurm.runner import facts
from wutong.centre.engines.slurm.runner.launcher import Launcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wutong.centre.engines.slurm.runner.plan import Plan

_OWN = ("work", "outputs", "checkpoint", "tmp")
_LIFE_MS = 10_000


class Runner(Watch):
    """One start of a run, from its folder to its result."""

    def __init__(self, wanted: Plan, folder: str, told: str, number: int) -> None:
        super().__init__(
            command=wanted.text("command"),
            time_limit_s=wanted.number("time_limit_s"),
            grace_s=wanted.number("grace_s"),
            checkpoint_signal=wanted.number("checkpoint_signal"),
            disk_limit_mb=wanted.number("disk_limit_mb"),
            confined=bool(wanted.number("confined")),
        )
        self.plan = wanted
        self.folder = folder
        self.told = told
        self.number = number
        self.home = os.path.join(folder, "starts", str(number))
        self.facts = os.path.join(folder, f"facts-{number}.json")
        self.result = os.path.join(folder, f"result-{number}.json")
        self.started_ms: int | None = None
        self.orders_read = 0
        self.shown_mono = 0
        self.logs = os.path.join(folder, "logs", str(number))
        self.launcher = Launcher(wanted, told=told, home=self.home, number=number)
        self.restarts_left = wanted.number("rank_restarts")
        self.limits = self._limits(monotonic_ms())
        self.control = _listen()

    def run(self) -> int:
        """Prepare, start, watch, clean up, write the result, and return what to exit with."""
        try:
            self._write_facts()
            facts.reserve(self.result)
            os.makedirs(self.logs, 0o700, exist_ok=True)
            self.log = LogWriter(self.logs, self.plan.number("log_limit_bytes"))
            self._prepare()
            self.read_orders()
            if self.stopping is None:
                self._start()
        except CannotStart as problem:
            return self._finish(problem.reason, problem.sentence)
        except OSError as error:
            return self._finish(*verdict.unprepared(error))
        if self.pid:
            self.see_through(self._start)
        return self._finish(*self.verdict())

    def take_orders(self) -> list[str]:
        """Read the signals that came, and the orders that the adapter has written since the last time."""
        try:
            came = os.read(self.control, 4096)
        except BlockingIOError:
            came = b""
        orders = self._new_orders()
        asked = {_signal.SIGTERM, _signal.SIGUSR1}.intersection(came)
        return [*orders, "end"] if asked and "cancel" not in orders else orders

    def obey(self, order: str) -> None:
        """Carry out an order; "end" is Slurm's wish, whose cause the adapter learns from Slurm itself."""
        if order == "end":
            self.stop("preempted", "The cluster asked it to end.", self.grace_s)
        else:
            super().obey(order)

    def show_life(self) -> None:
        """Touch the facts now and then: should Slurm forget us, this tells until when the job certainly ran."""
        now = monotonic_ms()
        if now >= self.shown_mono + _LIFE_MS:
            self.shown_mono = now
            try:
                os.utime(self.facts)
            except OSError:
                pass

    def folders(self) -> list[str]:
        """List the folders whose size counts."""
        return [os.path.join(self.home, name) for name in _OWN]

    def used(self) -> tuple[int, int]:
        """Return the most memory in bytes, and the processors' time in milliseconds."""
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return max(self.limits.peak, used.ru_maxrss * 1024), int((used.ru_utime + used.ru_stime) * 1000)

    def closing_note(self) -> str:
        """Close the logs and return what is to be said about them."""
        return " ".join(filter(None, (self.log.close() if hasattr(self, "log") else "", self.fan.close() if self.fan is not None else "")))

    # Steps

    def _new_orders(self) -> list[str]:
        try:
            with open(os.path.join(self.told, "orders"), "rb") as file:
                file.seek(self.orders_read)
                text = file.read(65536)
        except OSError:
            return []
        whole = text[: text.rfind(b"\n") + 1]
        before, self.orders_read = self.orders_read, self.orders_read + len(whole)
        orders = whole.decode(errors="replace").split("\n")[:-1]
        # What was ordered before this start began was for an earlier one, but a cancelled run is cancelled for good.
        return orders if before or self.pid else [order for order in orders if order == "cancel"]

    def _prepare(self) -> None:
        for source in self.plan.words("needs"):
            if not os.path.exists(source):
                raise CannotStart(f"What was to be mounted is no longer there, or not on this node: {os.path.basename(source)}.")
        work, code = os.path.join(self.home, "work"), self.plan.text("code")
        os.mkdir(work, 0o700)
        if code:
            trees.copy_tree(code, work, None)
        self._bring_checkpoint()
        for name in _OWN:
            os.makedirs(os.path.join(self.home, name), 0o700, exist_ok=True)

    def _bring_checkpoint(self) -> None:
        """Copy the newest checkpoint of an earlier start, never move it: the earlier start may still be writing."""
        earlier = [os.path.join(self.folder, "starts", str(number), "checkpoint") for number in range(self.number - 1, -1, -1)]
        newest = next((path for path in [*earlier, self.plan.text("former")] if path and os.path.isdir(path)), None)
        if newest is None:
            return
        draft = os.path.join(self.home, "checkpoint.new")
        os.mkdir(draft, 0o700)
        trees.copy_tree(newest, draft, None)
        os.rename(draft, os.path.join(self.home, "checkpoint"))
        for path in earlier[2:]:
            trees.remove(path)

    def _start(self) -> None:
        self.output, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        os.set_blocking(writing, True)
        first = self.started_ms is None
        if self.started_ms is None:
            self.started_ms, self.started_mono = time.time_ns() // 1_000_000, monotonic_ms()
            # Before the job exists: while this says nothing of a beginning it certainly never began.
            self._write_facts()
            self.shown_mono = self.started_mono
            self.limits = self._limits(self.started_mono)
        try:
            self.pid = self._spawn(writing)
        except (CannotStart, OSError):
            if first:
                self.started_ms = None
            raise
        finally:
            os.close(writing)

    def _spawn(self, writing: int) -> int:
        layout = None
        if self.plan.number("told"):
            from wutong.centre.engines import ranks

            layout = self.launcher.layout(["127.0.0.1"], ranks.free_port(int(os.environ.get("SLURM_JOB_ID") or 0)))
        pid, self.fan = self.launcher.spawn(layout, writing, self.log, self.logs)
        if self.fan is not None:
            self.fan.on_failure = self.rank_failed
        return pid

    def _limits(self, since_mono: int) -> Limits:
        memory_mb = self.plan.number("memory_mb")
        return Limits(memory_mb=memory_mb, disk_limit_mb=self.disk_limit_mb, folders=self.folders(), since_mono=since_mono)

    def _write_facts(self) -> None:
        start: dict[str, str | int | None] = {
            "job": os.environ.get("SLURM_JOB_ID", ""),
            "count": int(os.environ.get("SLURM_RESTART_COUNT") or 0),
            "node": os.environ.get("SLURMD_NODENAME", ""),
            "started_ms": self.started_ms,
        }
        facts.write(self.facts, start)

    def _finish(self, reason: str, detail: str) -> int:
        """Write the result, again and again until it is on disk: until then the run has not ended."""
        note, end, ran = self.closing_note(), self.exit(), self.started_ms is not None
        peak, cpu_ms = self.used()
        result: dict[str, str | int | None] = {
            "reason": reason,
            "detail": " ".join(part for part in (detail, note) if part)[:1000],
            "exit_code": end.code,
            "signal": end.signal,
            "started_ms": self.started_ms,
            "ended_ms": self.started_ms + self.ended_mono - self.started_mono if self.started_ms is not None else None,
            "max_memory_mb": peak // 1048576 if ran else None,
            "cpu_ms": cpu_ms if ran else None,
        }
        if os.path.exists(os.path.join(self.home, "tmp")):
            trees.remove(os.path.join(self.home, "tmp"))
        while True:
            try:
                facts.write_reserved(self.result, result)
            except FileNotFoundError:
                break  # somebody removed the run's folder; the adapter sees that there is no result
            except OSError:
                time.sleep(1.0)
            else:
                break
        return end.code if end.code is not None else 128 + end.signal if end.signal else 1


def _listen() -> int:
    """Have signals arrive as bytes in a pipe, and return its reading end."""
    reading, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    _signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for name in ("SIGTERM", "SIGUSR1", "SIGUSR2", "SIGINT", "SIGHUP"):
        _signal.signal(getattr(_signal, name), lambda _number, _frame: None)
    return reading
