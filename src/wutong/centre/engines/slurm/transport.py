"""Runs Slurm's programs: argument lists, a clean environment, and a limit of time on each. What does not answer is `Unknown`, and quickly so.

While a program is slow to answer the controllers' ports are tried: where none takes a connection there is no point in waiting for the program, which
would go on trying for several times Slurm's MessageTimeout. Ports are not tried otherwise, for the controller writes each such try into its log.
"""

import io
import os
import secrets
import select
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from wutong.centre.engines.protocol import Unknown
from wutong.centre.engines.slurm import parse

_PATIENT_S = 0.3
_KNOCK_S = 0.5
_KNOCKS_EVERY_S = 1.0
_KEPT_ERROR = 600


@dataclass(frozen=True, slots=True)
class Said:
    """What a program printed and how it ended."""

    code: int
    out: str
    error: str

    @property
    def why(self) -> str:
        """The error in one line."""
        return " ".join(self.error.split())[:_KEPT_ERROR] or f"exit code {self.code}"


@dataclass(slots=True)
class _Running:
    process: "subprocess.Popen[bytes]"
    out: io.FileIO
    error: io.FileIO
    due: float
    knock_at: float
    given_up: str = ""

    def is_over(self) -> bool:
        """Tell whether the program has ended."""
        return self.process.poll() is not None


class Transport:
    """Slurm's programs against one cluster."""

    def __init__(self, slurm_conf: Path, *, limit_s: float) -> None:
        self._conf = slurm_conf
        self._limit_s = limit_s
        self.environment = {
            "SLURM_CONF": str(slurm_conf),
            "SLURM_TIME_FORMAT": "%s",
            "TZ": "UTC",
            "LC_ALL": "C.UTF-8",
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin",
        }

    def ask(self, argv: Sequence[str], *, limit_s: float | None = None) -> Said | Unknown:
        """Run one program to its end."""
        return next(self.ask_many([argv], at_once=1, limit_s=limit_s))

    def ask_many(self, lines: Iterable[Sequence[str]], *, at_once: int, limit_s: float | None = None) -> Iterator[Said | Unknown]:
        """Run programs, several at a time, and yield what they said in the order of the lines; a slow one does not keep the next from starting."""
        waiting, running = iter(lines), list[_Running | Unknown]()
        try:
            while True:
                while _busy(running) < at_once and (argv := next(waiting, None)) is not None:
                    running.append(self._start(argv, limit_s or self._limit_s))
                if not running:
                    return
                first = running[0]
                if isinstance(first, Unknown) or first.is_over() or self._is_given_up(first):
                    running.pop(0)
                    yield first if isinstance(first, Unknown) else self._end(first)
                else:
                    self._await_one([each for each in running if isinstance(each, _Running)])
        finally:
            for each in running:  # whoever asked has left; what was begun is let end
                if isinstance(each, _Running):
                    self._end(each)

    def is_refused(self) -> bool:
        """Tell whether no controller takes a connection. False where it is not known where they listen."""
        return bool(places := self._controllers()) and not any(_takes_connections(place) for place in places)

    def _start(self, argv: Sequence[str], limit_s: float) -> _Running | Unknown:
        # Files in memory, not pipes: a program that is not read from while others are waited for would block.
        out, error = (io.FileIO(os.memfd_create(name), "w+b") for name in ("out", "error"))
        try:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=error, env=self.environment, cwd="/")
        except OSError as problem:
            return Unknown(f"{argv[0]} could not be run: {problem.strerror or problem}.")
        now = time.monotonic()
        return _Running(process, out, error, now + limit_s, now + _PATIENT_S)

    def _end(self, running: _Running) -> Said | Unknown:
        program = str(running.process.args[0])  # type: ignore[index]
        with running.out, running.error:
            if running.given_up or self._await_end(running):
                running.process.kill()
                running.process.wait()
                return Unknown(f"{program}: {running.given_up}")
            texts = []
            for file in (running.out, running.error):
                file.seek(0)
                texts.append(file.readall().decode(errors="surrogateescape"))
        code = running.process.returncode
        if code < 0:
            return Unknown(f"{program} was killed by signal {signal.Signals(-code).name}.")
        return Said(code, *texts)

    def _await_end(self, running: _Running) -> bool:
        """Wait for the end; True when that was given up."""
        while not running.is_over() and not self._is_given_up(running):
            self._await_one([running])
        return bool(running.given_up)

    def _await_one(self, running: Sequence[_Running]) -> None:
        """Wait until one of the programs is over, or for as long as the first has patience."""
        poll, handles = select.poll(), [os.pidfd_open(each.process.pid) for each in running if not each.is_over()]
        try:
            for handle in handles:
                poll.register(handle, select.POLLIN)
            poll.poll(max(1, round(1000 * (min(running[0].knock_at, running[0].due) - time.monotonic()))))
        finally:
            for handle in handles:
                os.close(handle)

    def _is_given_up(self, running: _Running) -> bool:
        """Tell whether it is no use to wait any longer."""
        now = time.monotonic()
        if now >= running.due:
            running.given_up = "no answer in time."
        elif now >= running.knock_at:
            running.knock_at = now + _KNOCKS_EVERY_S
            if self.is_refused():
                running.given_up = "the cluster's controller is not there."
        return bool(running.given_up)

    def _controllers(self) -> list[tuple[str, int]]:
        try:
            return parse.controllers(self._conf.read_text(errors="replace"))
        except OSError:
            return []


def _busy(running: Iterable["_Running | Unknown"]) -> int:
    return sum(isinstance(each, _Running) and not each.is_over() for each in running)


def draw_mark() -> str:
    """Return a text that no job's name can hold, for it did not exist before."""
    return f"~{secrets.token_hex(8)}"


def _takes_connections(place: tuple[str, int]) -> bool:
    try:
        socket.create_connection(place, _KNOCK_S).close()
    except ConnectionRefusedError:
        return False
    except OSError:
        return True  # not refused: slow, or behind something
    return True


def is_root() -> bool:
    """Tell whether we may act for any user."""
    return os.geteuid() == 0
