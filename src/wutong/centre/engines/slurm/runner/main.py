"""The runner: the batch script of a Slurm job. It keeps one start of a run as the local engine's keeper does, and answers to Slurm's signals.

SIGUSR2 says that there are orders to be read; SIGTERM and SIGUSR1 that Slurm wants the job to end (preemption, its own limit, an operator).
Every start has a folder of its own, taken by an exclusive mkdir: a copy of the job that Slurm forgot about writes where nobody reads.
"""
# ruff: noqa: PTH102, PTH103, PTH104, PTH110, PTH112, PTH118, PTH119, PTH123, SIM105 - pathlib and `suppress` are not light

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os
import resource
import time

from wutong.centre.engines.local import processes, trees, verdict
from wutong.centre.engines.local.limits import Limits
from wutong.centre.engines.local.logs import LogWriter
from wutong.centre.engines.local.moments import monotonic_ms
from wutong.centre.engines.local.spawn import CannotStart, Start, spawn
from wutong.centre.engines.local.watch import Watch
from wutong.centre.engines.slurm.runner import devices, facts, plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from wutong.centre.engines.slurm.runner.plan import Plan

_OWN = ("work", "outputs", "checkpoint", "tmp")
_LIFE_MS = 10_000


def main(folder: str, told: str, first: str) -> None:
    """Keep one start of the run in a folder, by what it is told in another; `first` numbers the Slurm job's first start. Exits as the job did."""
    os.umask(0o077)
    number = claim(folder, int(first) + int(os.environ.get("SLURM_RESTART_COUNT") or 0))
    with open(os.path.join(told, "plan"), "rb") as file:
        wanted = plan.read(file.read())
    os._exit(Runner(wanted, folder, told, number).run())


def claim(folder: str, number: int) -> int:
    """Take the first start from this number on that nobody has: where one is taken, Slurm forgot that it had begun, and it may still run."""
    starts = os.path.join(folder, "starts")
    try:
        os.mkdir(starts, 0o700)
    except FileExistsError:
        pass
    while True:
        try:
            os.mkdir(os.path.join(starts, str(number)), 0o700)
        except FileExistsError:
            number += 1
        else:
            return number


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
        self.devices = devices.numbers(os.environ, wanted.number("slots"))
        self.limits = self._limits(monotonic_ms())
        self.control = _listen()

    def run(self) -> int:
        """Prepare, start, watch, clean up, write the result, and return what to exit with."""
        try:
            self._write_facts()
            facts.reserve(self.result)
            logs = os.path.join(self.folder, "logs", str(self.number))
            os.makedirs(logs, 0o700, exist_ok=True)
            self.log = LogWriter(logs, self.plan.number("log_limit_bytes"))
            self._prepare()
            self.read_orders()
            if self.stopping is None:
                self._start()
        except CannotStart as problem:
            return self._finish(problem.reason, problem.sentence)
        except OSError as error:
            return self._finish(*verdict.unprepared(error))
        if self.pid:
            self.watch()
            self.clear()
            self.read_orders()  # Slurm signals the job and us at once, and the job may have been quicker to end
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
        start = self._what()
        self.started_ms, self.started_mono = time.time_ns() // 1_000_000, monotonic_ms()
        # Before the job exists: while this says nothing of a beginning it certainly never began.
        self._write_facts()
        self.shown_mono = self.started_mono
        self.limits = self._limits(self.started_mono)
        try:
            self.pid = spawn(start, writing, bind_to_parent=None if self.confined else _keep_all())
        except (CannotStart, OSError):
            self.started_ms = None
            raise
        finally:
            os.close(writing)

    def _what(self) -> Start:
        argv = [self._here(word) for word in self.plan.words("argv")]
        if self.confined and not os.access(argv[0], os.X_OK):
            raise CannotStart(f"This node cannot confine jobs: {argv[0]} is not there. It is the centre's fault, not the run's.")
        inputs = [word.encode() for word in self.plan.words("input")]
        for path in self.plan.words("input_file"):
            with open(path, "rb") as file:
                inputs.append(file.read())
        options = devices.expand(self.plan.words("option"), self.devices)
        if options:
            inputs.append(b"".join(self._here(option).encode("utf-8", "surrogateescape") + b"\0" for option in options))
        folder = "/" if self.confined else os.path.join(self.home, "work")
        variables = self._variables()
        return Start(argv, variables, command=self.command, folder=folder, disk_limit_mb=self.disk_limit_mb, inputs=inputs)

    def _variables(self) -> dict[str, str]:
        words = [*self.plan.words("variable"), *self._secrets()]
        pairs = (word.partition("=") for word in words)
        variables = {key: self._here(value) for key, _, value in pairs}
        shown = ",".join(map(str, self.devices))
        # Where Slurm numbers a job's devices anew, because it shows it no others, its own word counts.
        variables.update({key: os.environ.get(key) or shown for key in self.plan.words("visible")})
        variables["WUTONG_RESTART"] = str(self.number)
        variables["WUTONG_RUN_MARKER"] = f"{self.plan.text('name')}/{self.number}"
        variables["WUTONG_JOB_ID"] = os.environ.get("SLURM_JOB_ID", "")
        return variables

    def _secrets(self) -> list[str]:
        if not self.plan.number("secrets"):
            return []
        try:
            with open(os.path.join(self.told, "secrets"), "rb") as file:
                return plan.read(file.read()).words("variable")
        except OSError as error:
            raise CannotStart("The run's secrets are no longer there.") from error

    def _here(self, text: str) -> str:
        return text.replace(plan.START, self.home)

    def _limits(self, since_mono: int) -> Limits:
        own = [os.path.join(self.home, name) for name in _OWN]
        return Limits(memory_mb=self.plan.number("memory_mb"), disk_limit_mb=self.disk_limit_mb, folders=own, since_mono=since_mono)

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
        note = self.log.close() if hasattr(self, "log") else ""
        end, ran = self.exit(), self.started_ms is not None
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        result: dict[str, str | int | None] = {
            "reason": reason,
            "detail": " ".join(part for part in (detail, note) if part)[:1000],
            "exit_code": end.code,
            "signal": end.signal,
            "started_ms": self.started_ms,
            "ended_ms": self.started_ms + self.ended_mono - self.started_mono if self.started_ms is not None else None,
            "max_memory_mb": max(self.limits.peak, used.ru_maxrss * 1024) // 1048576 if ran else None,
            "cpu_ms": int((used.ru_utime + used.ru_stime) * 1000) if ran else None,
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


def _keep_all() -> Callable[[], object]:
    """Without a sandbox: have what the job orphans come to us, and the job die with us."""
    import ctypes

    prctl = ctypes.CDLL(None).prctl
    prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    return lambda: prctl(1, processes.KILL, 0, 0, 0)  # PR_SET_PDEATHSIG
