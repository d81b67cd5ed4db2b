"""A lab's processes, known by a mark in their environment: a number that was given out again is never taken for one of ours.

The daemons are children in sessions of their own. They outlive an owner that is killed, and whoever stops the lab next finds them here.
"""

import contextlib
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Collection
from pathlib import Path

from wutong.centre.engines.local.processes import is_zombie, marked, send
from wutong.centre.engines.slurm.lab.checks import search_path
from wutong.centre.engines.slurm.lab.daemons import Daemon
from wutong.centre.engines.slurm.lab.spec import LabSpec

_TICK_S = 0.005
_CALL_S = 60.0
_children: dict[int, "subprocess.Popen[bytes]"] = {}


def start(spec: LabSpec, daemon: Daemon) -> int:
    """Start a daemon with nothing of the caller's environment, and return its process id."""
    variables = {**_environment_of(spec), **dict(daemon.environment), **dict([mark(spec.folder), _which(daemon.which)])}
    account = pwd.getpwnam(daemon.user) if daemon.user else None
    with output(spec.folder, daemon.which).open("ab") as log:
        child = subprocess.Popen(
            daemon.argv,
            env=variables,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
        )
    _children[child.pid] = child
    _pid_file(spec.folder, daemon.which).write_text(str(child.pid))
    return child.pid


def call(spec: LabSpec, argv: tuple[str, ...], *, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    """Run a program of the lab's to its end, and return what it said. One that hangs has failed."""
    variables = {**_environment_of(spec), **dict([mark(spec.folder)])}
    try:
        return subprocess.run(argv, env=variables, cwd="/", input=stdin, capture_output=True, text=True, check=False, timeout=_CALL_S)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(argv, 1, "", f"{argv[0]} said nothing for {_CALL_S:.0f} s.")


def _environment_of(spec: LabSpec) -> dict[str, str]:
    return {"PATH": search_path(), "LANG": "C.UTF-8", "SLURM_CONF": str(spec.slurm_conf)}


def mark(folder: Path) -> tuple[str, str]:
    """Return the variable that says to which lab a process belongs."""
    return "WUTONG_LAB", str(folder)


def _which(which: str) -> tuple[str, str]:
    return "WUTONG_LAB_DAEMON", which


def output(folder: Path, which: str) -> Path:
    """Return the file that takes what a daemon prints."""
    return folder / "log" / f"{which.replace(':', '-')}.out"


def _pid_file(folder: Path, which: str) -> Path:
    return folder / "pids" / which


def find_pid(folder: Path, which: str) -> int | None:
    """Return the process id of a daemon that lives."""
    with contextlib.suppress(OSError, ValueError):
        pid = int(_pid_file(folder, which).read_text())
        if not is_gone(pid) and _carries(pid, mark(folder)) and _carries(pid, _which(which)):
            return pid
    return None


def has_ended(folder: Path, which: str) -> bool:
    """Tell whether a daemon that was started just now has ended. Its environment says nothing yet: an exec shows it only when it is through."""
    try:
        return is_gone(int(_pid_file(folder, which).read_text()))
    except (OSError, ValueError):
        return True


def _carries(pid: int, pair: tuple[str, str]) -> bool:
    return "=".join(pair).encode() in environment(pid)


def environment(pid: int) -> set[bytes]:
    """Return the variables that a process was started with; none where it is gone or not ours to see."""
    with contextlib.suppress(OSError):
        return set(Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"))
    return set()


def running(folder: Path) -> list[str]:
    """List the daemons that live, by name."""
    names = sorted(path.name for path in (folder / "pids").glob("*"))
    return [which for which in names if find_pid(folder, which)]


def ours(folder: Path) -> list[int]:
    """List every process that a daemon's mark was given to, recorded or not."""
    return [pid for pid in marked("=".join(mark(folder)).encode()) if not is_gone(pid)]


def is_gone(pid: int) -> bool:
    """Tell whether a process has ended, and collect it where it was our child."""
    child = _children.get(pid)
    if child is not None and child.poll() is not None:
        del _children[pid]
        return True
    return not Path(f"/proc/{pid}").exists() or is_zombie(pid)


def end(pids: Collection[int], *, patience_s: float) -> None:
    """Ask processes to end, and kill those that have not after a while."""
    send(pids, signal.SIGTERM)
    if not wait_for(lambda: all(is_gone(pid) for pid in pids), limit_s=patience_s):
        kill(pids)


def kill(pids: Collection[int]) -> None:
    """Kill processes and wait until they are gone."""
    send([pid for pid in pids if not is_gone(pid)], signal.SIGKILL)
    wait_for(lambda: all(is_gone(pid) for pid in pids), limit_s=5)


def wait_for(condition: Callable[[], bool], *, limit_s: float, tick_s: float = _TICK_S) -> bool:
    """Wait until something holds and tell whether it does."""
    until = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(tick_s)
    return True
