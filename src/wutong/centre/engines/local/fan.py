"""The keeper's side of several ranks on one machine: a log for each, what the one that starts them inside the sandbox is told, and what it reports.

Light (see `processes`).
"""
# ruff: noqa: PTH103, PTH118, PTH120, PTH123 - pathlib is not light

from __future__ import annotations

import os

from wutong.centre.engines.local.logs import LogWriter, log_folder
from wutong.centre.engines.local.verdict import exit_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wutong.centre.engines.local.verdict import Exit

_LEAST_LOG = 1024 * 1024


class End:
    """How a rank ended, with its log, into which the last of its output may still be on its way."""

    __slots__ = ("exit", "log", "rank")

    def __init__(self, rank: int, end: Exit, log: LogWriter) -> None:
        self.rank = rank
        self.exit = end
        self.log = log


class Fan:
    """Ranks `first` and on, one for each mapping of `variables`. The first one's output is the starter's own, and so goes into the run's main log."""

    def __init__(self, first: int, variables: Sequence[Mapping[str, str]], main: LogWriter, *, logs: str, limit_bytes: int) -> None:
        self.first = first
        self.failed: End | None = None
        self.on_failure: Callable[[End], object] = lambda _end: None
        self._logs = {0: main}
        self._text = b""
        self.sinks: dict[int, Callable[[bytes], object]] = {}
        self._writing: list[int] = []
        report = self._pipe(self._take_report)
        lines = [str(report)]
        for local, own in enumerate(variables):
            output = 1 if local == 0 else self._open_log(local, logs, limit_bytes)
            lines.append(" ".join([str(output), *(f"{name}={value}" for name, value in own.items())]))
        self.variables = {"WUTONG_FAN": "\n".join(lines)}

    def started(self) -> None:
        """Leave the writing ends to those who were started, so that their end can be seen."""
        for handle in self._writing:
            os.close(handle)
        self._writing = []

    def close(self) -> str:
        """Close the ranks' logs, not the main one, and return what is to be said about them."""
        self.started()
        notes = [f"Rank {self.first + local}: {note}" for local, log in self._logs.items() if local and (note := log.close())]
        return " ".join(notes)

    # Steps

    def _pipe(self, sink: Callable[[bytes], object]) -> int:
        reading, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        os.set_blocking(writing, True)
        os.set_inheritable(writing, True)
        self.sinks[reading] = sink
        self._writing.append(writing)
        return writing

    def _open_log(self, local: int, logs: str, limit_bytes: int) -> int:
        folder = log_folder(logs, self.first + local)
        os.makedirs(folder, 0o700, exist_ok=True)
        self._logs[local] = log = LogWriter(folder, limit_bytes)
        return self._pipe(log.write)

    def _take_report(self, data: bytes) -> None:
        """Take in "<local rank> <wait status>" lines; what is none a job wrote, to its own harm."""
        *lines, self._text = (self._text + data)[-4096:].split(b"\n")
        for line in lines:
            words = line.split()
            if len(words) == 2 and words[0].isdigit() and words[1].isdigit() and (log := self._logs.get(int(words[0]))) is not None:
                self._ended(int(words[0]), int(words[1]) & 0xFFFF, log)

    def _ended(self, local: int, status: int, log: LogWriter) -> None:
        if status and self.failed is None:
            self.failed = End(self.first + local, exit_of(status, confined=False), log)
            self.on_failure(self.failed)


def starter(python: str) -> tuple[str, ...]:
    """Return what goes before the ranks' command: the starter's text, which needs nothing but a Python inside the sandbox."""
    with open(os.path.join(os.path.dirname(__file__), "fanout.py")) as file:
        return (python, "-ISE", "-c", file.read())


def log_limit(limit_bytes: int, ranks: int) -> int:
    """Return how large the log of each rank but the first may become, so that all of them together stay near the run's limit."""
    return min(limit_bytes, max(_LEAST_LOG, limit_bytes // ranks))
