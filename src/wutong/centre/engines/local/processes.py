"""A run's processes, from /proc: the tree below one, its memory, and signals to it. Linux only.

Light on purpose, like everything that the Slurm engine's runner takes from this package: that is imported anew for each job, and with a dataclass
here and an enumeration there the imports would take longer than Slurm takes for a whole job.
"""
# ruff: noqa: PTH123, PTH208, SIM105 - read many times a second; Path objects and `suppress` cost more than the reading

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` itself builds enumerations, which takes longer than all the rest
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

KILL: int = _signal.SIGKILL
_PAGE = os.sysconf("SC_PAGE_SIZE")


def signal_number(name: str) -> int | None:
    """Return the number of a signal by its name, such as SIGTERM."""
    number = getattr(_signal, name, None) if name.startswith("SIG") and not name.startswith("SIG_") else None
    return int(number) if number is not None else None


def children(pid: int) -> list[int]:
    """List the direct children of all threads of a process."""
    found: list[int] = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return found
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found.extend(int(child) for child in file.read().split())
        except OSError:
            pass
    return found


def tree(pid: int) -> list[int]:
    """List everything below a process, parents first."""
    found: list[int] = []
    level = [pid]
    while level:
        level = [child for parent in level for child in children(parent)]
        found.extend(level)
    return found


def is_zombie(pid: int) -> bool:
    """Tell whether a process has ended and only waits to be collected."""
    return _state(pid) == "Z"


def memory_bytes(pids: Collection[int], *, exact: bool) -> int:
    """Return the memory of the processes: resident pages, or (exact and slower) with shared pages counted once."""
    return sum(_proportional(pid) if exact else _resident(pid) for pid in pids)


def catches(pid: int, number: int) -> bool:
    """Tell whether the process handles or ignores the signal, so would not die of it."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            masks = [int(line.split()[1], 16) for line in file if line.startswith((b"SigCgt:", b"SigIgn:"))]
    except (OSError, ValueError):
        return False
    return any(mask >> number - 1 & 1 for mask in masks)


def send(pids: Iterable[int], number: int) -> None:
    """Signal each process that is still there."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except OSError:
            pass


def marked(marker: bytes) -> list[int]:
    """List processes whose environment was started with this text: what is left of a run whose keeper was killed."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                with open(f"/proc/{entry}/environ", "rb") as file:
                    if marker in file.read().split(b"\0"):
                        found.append(int(entry))
            except OSError:
                pass
    return found


def kill_marked(marker: bytes) -> int:
    """Kill what carries the marker, with what it started, and return how many were found."""
    found = marked(marker)
    for pid in found:
        send([pid, *tree(pid)], KILL)
    return len(found)


def _state(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return chr(file.read().rpartition(b") ")[2][0])
    except OSError:
        return ""


def _resident(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def _proportional(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            return next((int(line.split()[1]) * 1024 for line in file if line.startswith(b"Pss:")), 0)
    except OSError:
        return _resident(pid)


def is_sandbox(pid: int) -> bool:
    """Tell whether a process is still the sandbox's, about to become the job."""
    try:
        with open(f"/proc/{pid}/comm", "rb") as file:
            return file.read().strip() in {b"bwrap", b"setpriv"}
    except OSError:
        return False
