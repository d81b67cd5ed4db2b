"""Starting the job's own process: its environment, its limits, and the fork that becomes it. Runs in the keeper."""

import contextlib
import ctypes
import os
import re
import resource
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from wutong.centre.engines.local import sandbox as sandboxes
from wutong.centre.engines.local.folders import RunFolder
from wutong.centre.engines.local.sandbox import Command, Sandbox
from wutong.centre.engines.protocol import EndReason, RunSpec

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_MOST_PROCESSES = 4096
_MOST_FILES = 65536
MARKER = "WUTONG_RUN_MARKER"


@dataclass(frozen=True, slots=True)
class Ticket:
    """All a keeper needs to know to run one start of a run."""

    spec: RunSpec
    folder: RunFolder
    restart: int
    devices: tuple[int, ...]
    identity: int | None
    sandbox: Sandbox
    key_file: Path | None
    former: RunFolder | None


class CannotStart(Exception):
    """The job's process could not be started; the sentence says why to its owner."""

    def __init__(self, sentence: str, reason: EndReason = EndReason.START_FAILED) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.reason = reason


def become_reaper() -> None:
    """Have what the job orphans come to this process, so that nothing it starts can hide from it."""
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def marker(name: str, restart: int) -> str:
    """Return the text in the environment of all a start's processes."""
    return f"{MARKER}={name}/{restart}"


def environment(ticket: Ticket) -> dict[str, str]:
    """Return the job's environment. Nothing is inherited from the agent."""
    spec, folder = ticket.spec, ticket.folder
    inside = ticket.sandbox.kind != "none"
    devices = ",".join(str(device) for device in ticket.devices)
    base = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        **{f"{library}_NUM_THREADS": str(max(1, spec.cpus)) for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")},
    }
    given = {key: _translate(value, spec, inside=inside) for key, value in {**spec.environment, **_unsealed(ticket)}.items()}
    own = {
        "HOME": sandboxes.WORK if inside else str(folder.work),
        "TMPDIR": "/tmp" if inside else str(folder.scratch),  # noqa: S108 - the job's own, on disk
        "WUTONG_RUN": spec.name,
        "WUTONG_RESTART": str(ticket.restart),
        "WUTONG_OUTPUTS": sandboxes.OUTPUTS if inside else str(folder.outputs),
        "WUTONG_CHECKPOINT": sandboxes.CHECKPOINT if inside else str(folder.checkpoint),
        "WUTONG_SLOTS": str(spec.slots),
        "WUTONG_VISIBLE_DEVICES": devices,
        MARKER: f"{spec.name}/{ticket.restart}",
    }
    return {**base, **given, **own}


def spawn(ticket: Ticket, output: int) -> int:
    """Fork the job's process with its output on a descriptor, and return its id once it runs; raise `CannotStart` where it does not."""
    variables = environment(ticket)
    inside = ticket.sandbox.kind != "none"
    if inside:
        line = sandboxes.command(ticket.sandbox, ticket.spec, ticket.folder, variables, ticket.identity)
        variables = sandboxes.safe_environment(variables)
    else:
        line = Command(tuple(_translate(part, ticket.spec, inside=False) for part in ticket.spec.argv))
    failed, report = os.pipe2(os.O_CLOEXEC)
    keeper = os.getpid()
    pid = os.fork()
    if pid == 0:
        _become_job(ticket, line, variables, output=output, report=report, keeper=keeper)
    os.close(report)
    with os.fdopen(failed, "rb") as file:
        why = file.read().decode(errors="replace")
    if why:
        os.waitpid(pid, 0)
        raise CannotStart(f"The command {ticket.spec.argv[0]!r} could not be started: {why}.")
    return pid


def _unsealed(ticket: Ticket) -> dict[str, str]:
    sealed = ticket.spec.sealed_environment
    if not sealed:
        return {}
    if ticket.key_file is None:
        raise CannotStart("The run has secrets, and this machine's agent was started without a key file.")
    # Late, and here: only the keeper of a run with secrets pays for the library, and only it ever holds them in clear.
    from wutong.kit.seal import unseal

    try:
        return {key: unseal(ticket.key_file, text) for key, text in sealed.items()}
    except Exception as error:
        raise CannotStart("A secret of the run cannot be opened with this centre's key. Set the secret again.") from error


def _translate(text: str, spec: RunSpec, *, inside: bool) -> str:
    """Without a sandbox nothing can be mounted: where a text names a mount's place, put the folder that would be there."""
    if inside:
        return text
    for mount in sorted(spec.mounts, key=lambda mount: -len(mount.target)):
        place = re.compile(rf"(?<![\w./-]){re.escape(mount.target.rstrip('/'))}(?![\w.-])")
        text = place.sub(mount.source.replace("\\", r"\\"), text)
    return text


def _become_job(ticket: Ticket, line: Command, variables: Mapping[str, str], *, output: int, report: int, keeper: int) -> NoReturn:
    try:
        os.setsid()
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != keeper:
            os._exit(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        _limit(ticket)
        argv = _with_inputs(line)
        os.chdir("/" if line.inputs else ticket.folder.work)
        os.umask(0o022)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD, signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, signal.SIG_DFL)
        os.execvpe(argv[0], argv, dict(variables))  # noqa: S606 - the tenant's command is what this is for
    except BaseException as error:  # noqa: BLE001 - a forked process must never return into the keeper
        with contextlib.suppress(OSError):
            os.write(report, (getattr(error, "strerror", None) or str(error) or type(error).__name__).encode())
    finally:
        os._exit(127)


def _with_inputs(line: Command) -> list[str]:
    """Open a descriptor with each input's bytes and put their numbers into the command line and into the other inputs."""
    files = [os.memfd_create("input", 0) for _input in line.inputs]
    numbers = [str(file) for file in files]
    for place, (file, data) in enumerate(zip(files, line.inputs, strict=True)):
        last = place == len(files) - 1
        os.write(file, _numbered(data, numbers) if last else data)
        os.lseek(file, 0, os.SEEK_SET)
    return [numbers[int(part[1:-1])] if re.fullmatch(r"\{\d\}", part) and part in line.argv[:3] else part for part in line.argv]


def _numbered(options: bytes, numbers: list[str]) -> bytes:
    parts = options.split(b"\0")
    return b"\0".join(numbers[int(part[1:-1])].encode() if re.fullmatch(rb"\{\d\}", part) else part for part in parts)


def _limit(ticket: Ticket) -> None:
    spec = ticket.spec
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _lower(resource.RLIMIT_FSIZE, spec.disk_limit_mb * 1024 * 1024)
    _lower(resource.RLIMIT_NOFILE, _MOST_FILES)
    _lower(resource.RLIMIT_NPROC, _MOST_PROCESSES)
    os.nice(5)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def _lower(kind: int, limit: int) -> None:
    _soft, hard = resource.getrlimit(kind)
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(kind, (limit, limit))
