"""A process that is kept running: started, looked at, started again with growing pauses when it keeps dying, and stopped in good order."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
SETTLED_S = 30.0


def say(event: str, detail: str) -> None:
    """Write one line to standard error; the supervisor has no other log."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    print(f"{stamp} [supervisor] {event}{': ' + detail if detail else ''}", file=sys.stderr, flush=True)


def write(path: Path, text: str) -> None:
    """Put a small file in place whole."""
    draft = path.with_suffix(".new")
    draft.write_text(text)
    draft.rename(path)


@dataclass
class Child:
    """One kept process. With `log` it has a session and a log file of its own and is meant to outlive us; without, it shares our standard error."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    pid_file: Path | None = None
    pass_fds: Sequence[int] = ()
    log: Path | None = None
    _process: subprocess.Popen[bytes] | None = None
    _started_at: float = 0.0
    _pause_s: float = 0.0
    _not_before: float = 0.0

    def is_running(self) -> bool:
        """Tell whether our own process of this name runs."""
        return self._process is not None and self._process.poll() is None

    def keep(self) -> None:
        """Start the process when it does not run and its pause is over."""
        if self.is_running():
            return
        self.reap()
        if time.monotonic() >= self._not_before:
            self._start()

    def reap(self) -> None:
        """Take note of a process that ended and set the pause before the next start."""
        if self._process is None or self._process.poll() is None:
            return
        lived = time.monotonic() - self._started_at
        self._pause_s = FIRST_PAUSE_S if lived > SETTLED_S else min(max(FIRST_PAUSE_S, self._pause_s * 2), LONGEST_PAUSE_S)
        self._not_before = time.monotonic() + self._pause_s
        self._end_group()
        say(f"{self.name} ended", f"{_how(self._process.returncode)} after {lived:.1f} s; next start in {self._pause_s:.1f} s")
        self._process = None

    def terminate(self) -> None:
        """Ask the process to end."""
        if self._process is not None and self.is_running():
            self._process.terminate()

    def end_by(self, deadline: float) -> None:
        """Wait for the process to end, and kill it at the deadline."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            say(f"{self.name} does not end", "killed")
            self._process.kill()
            self._process.wait()
        self._end_group()
        if self.pid_file is not None:
            self.pid_file.unlink(missing_ok=True)

    def _end_group(self) -> None:
        """Kill what the process had started and left behind, such as an installer at work; not for those that are meant to leave something."""
        if self._process is not None and self.log is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _start(self) -> None:
        self._started_at = time.monotonic()
        try:
            if self.log is None:
                self._process = self._spawn(None)
            else:
                self.log.parent.mkdir(parents=True, exist_ok=True)
                with self.log.open("ab") as output:
                    self._process = self._spawn(output.fileno())
            if self.pid_file is not None:
                write(self.pid_file, str(self._process.pid))
        except OSError as error:
            say(f"{self.name} does not start", str(error))
            self._not_before = time.monotonic() + LONGEST_PAUSE_S

    def _spawn(self, output: int | None) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **self.environment},
            pass_fds=self.pass_fds,
            start_new_session=True,
        )


def _how(status: int | None) -> str:
    if status is None:
        return "unknown"
    return f"signal {-status}" if status < 0 else f"status {status}"
