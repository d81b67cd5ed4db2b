"""Forks the job's own process: its descriptors, its limits, and the exec. Light (see `processes`); who confines it and how is decided elsewhere."""
# ruff: noqa: PTH123, SIM105 - pathlib and `suppress` are not light

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os
import resource

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import NoReturn

_MOST_PROCESSES = 4096
_MOST_FILES = 65536
_LIMITED = (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC)
_AS_NEW = ("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGPIPE", "SIGXFSZ", "SIGCHLD", "SIGUSR1", "SIGUSR2")


class CannotStart(Exception):
    """The job's process could not be started; the sentence says why to its owner, the reason is a value of `EndReason`."""

    def __init__(self, sentence: str, reason: str = "start_failed") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.reason = reason


class Start:
    """What is to be started: the command with the bytes of the descriptors it inherits (`{0}` stands for the first), variables, folder, limits."""

    __slots__ = ("argv", "command", "disk_limit_mb", "folder", "inputs", "variables")

    def __init__(
        self,
        argv: Sequence[str],
        variables: Mapping[str, str],
        *,
        command: str,
        folder: Path | str,
        disk_limit_mb: int,
        inputs: Sequence[bytes] = (),
    ) -> None:
        self.argv = argv
        self.variables = variables
        self.command = command
        self.folder = folder
        self.disk_limit_mb = disk_limit_mb
        self.inputs = inputs


def spawn(start: Start, output: int, *, bind_to_parent: Callable[[], object] | None = None, for_good: bool = False) -> int:
    """Fork the job's process with its output on a descriptor, and return its id once it runs; raise `CannotStart` where it does not.

    `bind_to_parent` is called in the new process and has it die with us; without one the command does that for itself, as bubblewrap does.
    `for_good` says that the job's limits may stay ours: this process starts no job with other ones.
    """
    if bind_to_parent is None and (for_good or os.geteuid() == 0) and start.folder == "/" and start.argv[0].startswith("/"):
        return _spawn_without_copy(start, output)
    failed, report = os.pipe2(os.O_CLOEXEC)
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _become_job(start, output=output, report=report, parent=parent, bind_to_parent=bind_to_parent)
    os.close(report)
    with os.fdopen(failed, "rb") as file:
        why = file.read().decode(errors="replace")
    if why:
        os.waitpid(pid, 0)
        raise CannotStart(f"The command {start.command!r} could not be started: {why}.")
    return pid


def _spawn_without_copy(start: Start, output: int) -> int:
    """Start the process without a copy of our memory, which costs more than all a short job does.

    Nothing of ours can run in it before the command, so what it is to inherit we are ourselves for a moment. Only root can become again what it was;
    others keep the limits, and are as nice as the job from then on.
    """
    files, argv = _with_inputs(start)
    streams = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), (os.POSIX_SPAWN_DUP2, output, 1), (os.POSIX_SPAWN_DUP2, output, 2)]
    as_new = [getattr(_signal, name) for name in _AS_NEW]
    mask, limits, nice, score = os.umask(0o022), [(kind, resource.getrlimit(kind)) for kind in _LIMITED], os.getpriority(os.PRIO_PROCESS, 0), _oom()
    try:
        _limit(start.disk_limit_mb)
        return os.posix_spawn(argv[0], argv, start.variables, file_actions=streams, setsid=True, setsigdef=as_new)
    except OSError as error:
        raise CannotStart(f"The command {start.command!r} could not be started: {error.strerror}.") from error
    finally:
        os.umask(mask)
        for file in files:
            os.close(file)
        _unlimit(limits, nice, score)


def _become_job(start: Start, *, output: int, report: int, parent: int, bind_to_parent: Callable[[], object] | None) -> NoReturn:
    try:
        os.setsid()
        if bind_to_parent is not None:
            bind_to_parent()
        if os.getppid() != parent:
            os._exit(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        _limit(start.disk_limit_mb)
        _files, argv = _with_inputs(start)
        os.chdir(start.folder)
        os.umask(0o022)
        for name in _AS_NEW:
            _signal.signal(getattr(_signal, name), _signal.SIG_DFL)
        os.execvpe(argv[0], argv, dict(start.variables))  # noqa: S606 - the tenant's command is what this is for
    except BaseException as error:  # noqa: BLE001 - a forked process must never return into its parent's work
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        try:
            os.write(report, said.encode())
        except OSError:
            os._exit(126)
    finally:
        os._exit(127)


def _with_inputs(start: Start) -> tuple[list[int], list[str]]:
    """Open a descriptor with each input's bytes and put their numbers into the command line and into the last input; returns both."""
    files = [os.memfd_create("input", 0) for _input in start.inputs]
    numbers = {f"{{{place}}}": str(file) for place, file in enumerate(files)}
    for place, (file, data) in enumerate(zip(files, start.inputs)):  # noqa: B905 - `strict` is younger than the oldest Python on nodes
        os.write(file, _numbered(data, numbers) if place == len(files) - 1 else data)
        os.lseek(file, 0, os.SEEK_SET)
    return files, [numbers.get(part, part) for part in start.argv[:3]] + list(start.argv[3:])


def _numbered(options: bytes, numbers: Mapping[str, str]) -> bytes:
    """Put numbers into options that each end with a NUL; none of ours begins with a number."""
    for word, number in numbers.items():
        options = options.replace(f"\0{word}\0".encode(), f"\0{number}\0".encode())
    return options


def _limit(disk_limit_mb: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _lower(resource.RLIMIT_FSIZE, disk_limit_mb * 1024 * 1024)
    _lower(resource.RLIMIT_NOFILE, _MOST_FILES)
    _lower(resource.RLIMIT_NPROC, _MOST_PROCESSES)
    os.nice(5)
    _set_oom("500")


def _unlimit(limits: Sequence[tuple[int, tuple[int, int]]], nice: int, score: str) -> None:
    """Be again what we were before `_limit`, as far as we may."""
    for kind, both in limits:
        try:
            resource.setrlimit(kind, both)
        except (OSError, ValueError):
            pass
    try:
        os.setpriority(os.PRIO_PROCESS, 0, nice)
    except OSError:
        pass
    _set_oom(score)


def _oom() -> str:
    try:
        with open("/proc/self/oom_score_adj") as file:
            return file.read()
    except OSError:
        return "0"


def _set_oom(score: str) -> None:
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write(score)
    except OSError:
        pass


def _lower(kind: int, limit: int) -> None:
    _soft, hard = resource.getrlimit(kind)
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(kind, (limit, limit))
