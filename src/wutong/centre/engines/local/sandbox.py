"""The bubblewrap sandbox: what a job sees of the machine, as one command line. Making the command is pure; `probe` tries it once.

When the agent is root each tenant has a UNIX identity of its own inside: bubblewrap keeps only the capabilities to change identity, `setpriv` uses
them and loses them. Without root the sandbox is a user name space, and all tenants share the agent's identity on the host, behind separate mounts.
"""

import functools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from wutong.centre.engines.local import seccomp
from wutong.centre.engines.local.folders import RunFolder
from wutong.centre.engines.protocol import Mount, RunSpec

WORK = "/wutong/work"
OUTPUTS = "/wutong/outputs"
CHECKPOINT = "/wutong/checkpoint"
FIRST_IDENTITY = 200_000

_SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_CONFIGURATION = (
    "alternatives",
    "ca-certificates",
    "fonts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "nsswitch.conf",
    "ssl",
    "timezone",
)
_NETWORK = ("gai.conf", "host.conf", "hosts", "protocols", "resolv.conf", "services")
_TAKEN = ("/usr", *_SYSTEM, "/etc", "/proc", "/dev", "/sys", WORK, OUTPUTS, CHECKPOINT)
_UNSAFE = re.compile(
    r"LD_\w+|GLIBC_TUNABLES|GCONV_PATH|GETCONF_DIR|HOSTALIASES|LOCALDOMAIN|LOCPATH|MALLOC_\w+|NIS_PATH|NLSPATH|RES\w+|TZDIR|BASH_ENV|ENV"
)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """How this machine confines jobs: `kind` is "bubblewrap" or "none"; `problems` say what it cannot do."""

    kind: str
    program: str = ""
    as_root: bool = False
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """A command line and, for each descriptor it is to inherit, the bytes to be read from it (`{0}` in the line stands for the first)."""

    argv: tuple[str, ...]
    inputs: tuple[bytes, ...] = ()


def refusal(mounts: Sequence[Mount]) -> str | None:
    """Say why mounts cannot be made, or nothing."""
    return next((why for mount in mounts if (why := _refuse_place(mount.target)) is not None), None)


@functools.lru_cache(maxsize=4096)
def _refuse_place(place: str) -> str | None:
    """Say why nothing can be mounted there. The same few places come with every run, and paths are slow to compare."""
    target = PurePosixPath(place)
    if not target.is_absolute() or ".." in target.parts or str(target) == "/":
        return f"{place!r} cannot be a mount's place: give an absolute path without '..', such as /data/name."
    if any(target.is_relative_to(taken) or PurePosixPath(taken).is_relative_to(target) for taken in _TAKEN):
        return f"{place} is used by the system; mount elsewhere, such as under /data."
    return None


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Where the command is not to run here but on another machine: its kind of processor, and the job's user there."""

    machine: str
    user: int


def command(
    sandbox: Sandbox,
    spec: RunSpec,
    folder: RunFolder,
    environment: Mapping[str, str],
    identity: int | None,
    *,
    shown: Sequence[str] = (),
    groups: Sequence[int] = (),
    elsewhere: Elsewhere | None = None,
) -> Command:
    """Return the command that runs the job's own inside the sandbox.

    `shown` are options that show it devices, `groups` those that may open them, given to the job beside its `identity`.
    """
    unsafe = [f"{key}={value}" for key, value in environment.items() if _UNSAFE.fullmatch(key)]
    # What the dynamic linker and libc obey must not reach bubblewrap and setpriv, which still are root: `env` sets it after the identity has changed.
    inner = ["/usr/bin/env", *unsafe, *spec.argv] if unsafe else list(spec.argv)
    if identity is not None:
        inner = [*_as(identity, groups), *inner]
    options = [*_name_spaces(sandbox, network=spec.network), *_system(network=spec.network), *([] if elsewhere else _interpreter())]
    options += _own(spec, folder)
    options += shown
    user = elsewhere.user if elsewhere else identity if identity is not None else os.getuid()
    inputs = [
        f"root:x:0:0::/:/bin/false\ntenant:x:{user}:{user}::{WORK}:/bin/sh\n".encode(),
        f"root:x:0:\ntenant:x:{user}:\n".encode(),
    ]
    # Files in the root, which is made read-only below: each thing mounted has bubblewrap read the list of all mounts once more.
    options += ["--perms", "0444", "--file", "{0}", "/etc/passwd", "--perms", "0444", "--file", "{1}", "/etc/group"]
    options += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", WORK]
    if program := seccomp.program(elsewhere.machine) if elsewhere else seccomp.program():
        options += ["--seccomp", "{2}"]
        inputs.append(program)
    # The options go through a descriptor too: a command line can be read by everyone, and the job would learn where things lie on the host.
    place = len(inputs)
    return Command((sandbox.program, "--args", f"{{{place}}}", "--", *inner), (*inputs, "\0".join(options).encode() + b"\0"))


def safe_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the part of the environment that bubblewrap itself may be started with."""
    return {key: value for key, value in environment.items() if not _UNSAFE.fullmatch(key)}


def probe(wanted: str) -> Sandbox:
    """Find out what works here; `wanted` is auto, bubblewrap or none."""
    as_root = os.geteuid() == 0
    loud = "Jobs run without a sandbox: they can read each other's files and this machine's. Serve one trusted tenant only, or install bubblewrap."
    if wanted == "none":
        return Sandbox("none", as_root=as_root, problems=(loud,))
    program = shutil.which("bwrap")
    why = "bubblewrap (bwrap) is not installed." if program is None else _try(Sandbox("bubblewrap", program, as_root))
    if program is not None and not why:
        return Sandbox("bubblewrap", program, as_root, problems=() if as_root else ("All tenants share one UNIX identity on this machine.",))
    if wanted == "bubblewrap":
        raise SystemExit(f"The sandbox asked for does not work: {why}")
    return Sandbox("none", as_root=as_root, problems=(loud, why))


def _try(sandbox: Sandbox) -> str:
    if sandbox.as_root and not Path("/usr/bin/setpriv").exists():
        return "setpriv (of util-linux) is not installed."
    options = [
        *_name_spaces(sandbox, network=False),
        *_system(network=False),
        *_interpreter(),
        "--",
        *(_as(FIRST_IDENTITY) if sandbox.as_root else ()),
        "true",
    ]
    try:
        done = subprocess.run([sandbox.program, *options], capture_output=True, timeout=20, check=False, env={"PATH": "/usr/bin:/bin"}, cwd="/")
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap could not be tried: {error}."
    return "" if done.returncode == 0 else f"bubblewrap does not work here: {done.stderr.decode(errors='replace').strip()[:300]}"


def _as(identity: int, groups: Sequence[int] = ()) -> tuple[str, ...]:
    """Return the front of a command line that changes identity; `--` keeps the command's words from being taken for options of setpriv."""
    belongs = ("--groups", ",".join(map(str, groups))) if groups else ("--clear-groups",)
    return ("/usr/bin/setpriv", "--reuid", str(identity), "--regid", str(identity), *belongs, "--inh-caps=-all", "--")


@functools.cache
def _name_spaces(sandbox: Sandbox, *, network: bool) -> tuple[str, ...]:
    options = [
        "--unshare-ipc",
        "--unshare-pid",
        "--unshare-uts",
        "--unshare-cgroup-try",
        "--hostname",
        "wutong",
        "--die-with-parent",
        "--new-session",
    ]
    options += ["--cap-drop", "ALL"]
    if sandbox.as_root:
        options += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        options += ["--unshare-user", "--disable-userns"]
    return tuple(options if network else [*options, "--unshare-net"])


@functools.cache
def _system(*, network: bool) -> tuple[str, ...]:
    options = ["--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev"]
    for path in map(Path, _SYSTEM):
        if path.is_symlink():
            options += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            options += ["--ro-bind", str(path), str(path)]
    for place in ("/etc", "/sys", "/sys/devices", "/sys/devices/system"):
        options += ["--perms", "0755", "--dir", place]
    for path in (Path("/etc") / name for name in _CONFIGURATION + (_NETWORK if network else ())):
        in_usr = path.is_symlink() and str(path.readlink()).startswith("/usr/")
        options += ["--symlink", str(path.readlink()), str(path)] if in_usr else ["--ro-bind-try", str(path), str(path)]
    return (*options, "--ro-bind-try", "/sys/devices/system/cpu", "/sys/devices/system/cpu")


@functools.cache
def _interpreter() -> tuple[str, ...]:
    prefix = os.path.realpath(sys.base_prefix)
    return () if PurePosixPath(prefix).is_relative_to("/usr") else tuple(_bind(prefix, prefix, read_only=True))


def _own(spec: RunSpec, folder: RunFolder) -> list[str]:
    shared_memory = str(max(1, spec.memory_mb // 2) * 1024 * 1024)
    options = ["--size", shared_memory, "--perms", "1777", "--tmpfs", "/dev/shm"]  # noqa: S108 - a path inside the sandbox
    options += _bind(str(folder.scratch), "/tmp", read_only=False)  # noqa: S108 - a path inside the sandbox
    for source, target in ((folder.work, WORK), (folder.outputs, OUTPUTS), (folder.checkpoint, CHECKPOINT)):
        options += _bind(str(source), target, read_only=False)
    for mount in spec.mounts:
        options += _bind(mount.source, mount.target, read_only=mount.read_only)
    return options


def _bind(source: str, target: str, *, read_only: bool) -> list[str]:
    return [*_parents(target), "--ro-bind" if read_only else "--bind", source, target]


@functools.lru_cache(maxsize=256)
def _parents(target: str) -> tuple[str, ...]:
    """Return the options that make a place's parents: bubblewrap makes those of a private folder private as well, and the tenant could not pass."""
    return tuple(option for parent in reversed(PurePosixPath(target).parents[:-1]) for option in ("--perms", "0755", "--dir", str(parent)))
