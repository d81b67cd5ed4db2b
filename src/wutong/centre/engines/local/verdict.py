"""How a run ended, judged from its exit status and the beginning of its log. Pure and light (see `processes`): reasons are values of `EndReason`."""

from __future__ import annotations

import errno
import os

_SOON_MS = 10_000
_FILE_TOO_LARGE = 25


class Exit:
    """An exit code or the number of the signal that ended a process; neither when it never ran."""

    __slots__ = ("code", "signal")

    def __init__(self, code: int | None = None, signal: int | None = None) -> None:
        self.code = code
        self.signal = signal


def exit_of(status: int | None, *, confined: bool) -> Exit:
    """Read a wait status. The sandbox reports a signal as 128 + its number, as shells do, so `exit 137` of a confined job reads as signal 9."""
    if status is None:
        return Exit()
    if os.WIFSIGNALED(status):
        return Exit(signal=os.WTERMSIG(status))
    code = os.WEXITSTATUS(status)
    return Exit(signal=code - 128) if confined and 128 < code <= 128 + 31 else Exit(code=code)


def judge(end: Exit, *, command: str, disk_limit_mb: int, confined: bool, lasted_ms: int, beginning: bytes) -> tuple[str, str]:
    """Return why a run that nobody stopped ended, with a sentence for its owner. `command` is the first word of what it was to run."""
    if end.signal == _FILE_TOO_LARGE:
        return "disk_full", f"It wrote a file larger than the {disk_limit_mb} MiB of disk it may use."
    if end.signal is not None:
        return "failed", f"It was killed by signal {end.signal} ({_signal_name(end.signal)})."
    if end.code == 0:
        return "completed", ""
    if confined and lasted_ms < _SOON_MS and (why := _never_ran(command, end.code, beginning.decode(errors="replace").strip())):
        return "start_failed", why
    return "failed", f"It ended with exit code {end.code}."


def unprepared(error: OSError) -> tuple[str, str]:
    """Return why a run could not be prepared, from what the system said."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "disk_full", "The machine's disk is full, so the run could not be started. It is the centre's fault, not the run's."
    return "start_failed", f"The machine could not prepare the run: {error.strerror or error}."


def _never_ran(command: str, code: int | None, said: str) -> str | None:
    """Tell from the only line of a log whether the sandbox could not start the command. A job that says the same wins nothing by it."""
    if "\n" in said or not said.startswith(("setpriv: ", "bwrap: ", "/usr/bin/env: ", "exec: ")):
        return None
    if code in {126, 127} or said.startswith("bwrap: execvp "):
        return f"The command {command!r} was not found in the run's environment, or may not be executed."
    return f"The sandbox could not be made: {said}"


def _signal_name(number: int) -> str:
    import signal

    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
