"""What a job is started with: its environment with its secrets, and its command inside or outside a sandbox. Runs in the keeper."""

import ctypes
import re
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from wutong.centre.engines import accelerators
from wutong.centre.engines.devices import expand
from wutong.centre.engines.local import sandbox as sandboxes
from wutong.centre.engines.local import spawn as spawning
from wutong.centre.engines.local.cards import Cards
from wutong.centre.engines.local.folders import RunFolder
from wutong.centre.engines.local.sandbox import Command, Sandbox
from wutong.centre.engines.local.spawn import CannotStart, Start
from wutong.centre.engines.protocol import Launch, RunSpec

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
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
    cards: Cards = Cards()  # noqa: RUF009 - it is frozen


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
    base = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        **{f"{library}_NUM_THREADS": str(_threads(spec)) for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")},
    }
    given = {
        key: _translate(value, spec, inside=inside) for key, value in {**spec.environment, **unseal(spec.sealed_environment, ticket.key_file)}.items()
    }
    own = {
        "HOME": sandboxes.WORK if inside else str(folder.work),
        "TMPDIR": "/tmp" if inside else str(folder.scratch),  # noqa: S108 - the job's own, on disk
        "WUTONG_RUN": spec.name,
        "WUTONG_RESTART": str(ticket.restart),
        "WUTONG_OUTPUTS": sandboxes.OUTPUTS if inside else str(folder.outputs),
        "WUTONG_CHECKPOINT": sandboxes.CHECKPOINT if inside else str(folder.checkpoint),
        "WUTONG_SLOTS": str(spec.slots),
        **visible(ticket),
        MARKER: f"{spec.name}/{ticket.restart}",
    }
    return {**base, **given, **own}


def visible(ticket: Ticket) -> dict[str, str]:
    """Return the variables that name the run's devices: those of the vendor where they are true cards, and ours."""
    if not ticket.cards.kind:
        return {"WUTONG_VISIBLE_DEVICES": ",".join(map(str, ticket.devices))}
    return ticket.cards.variables(ticket.devices, hidden=ticket.sandbox.kind != "none")


def unseal(sealed: Mapping[str, str], key_file: Path | None) -> dict[str, str]:
    """Return secrets in clear; raise `CannotStart` where they cannot be opened."""
    if not sealed:
        return {}
    if key_file is None:
        raise CannotStart("The run has secrets, and this engine was started without a key file.")
    # Late, and here: only what keeps a run with secrets pays for the library, and only it ever holds them in clear.
    from wutong.kit.seal import unseal as unseal_text

    try:
        return {key: unseal_text(key_file, text) for key, text in sealed.items()}
    except Exception as error:
        raise CannotStart("A secret of the run cannot be opened with this centre's key. Set the secret again.") from error


def unconfined(ticket: Ticket) -> Command:
    """Return the command that runs the job's own without a sandbox."""
    return Command(tuple(_translate(part, ticket.spec, inside=False) for part in ticket.spec.argv))


def spawn(ticket: Ticket, output: int, *, starter: Sequence[str] = (), more: Mapping[str, str] = MappingProxyType({})) -> int:
    """Fork the job's process with its output on a descriptor, and return its id once it runs; raise `CannotStart` where it does not.

    `starter` is what goes before the command, and `more` are variables beside its own.
    """
    command, variables = ticket.spec.argv[0], {**environment(ticket), **more}
    spec = replace(ticket.spec, argv=(*starter, *ticket.spec.argv))
    ticket = replace(ticket, spec=spec)
    if ticket.sandbox.kind != "none":
        shown = expand(accelerators.shown(ticket.cards.kind, network=spec.network), ticket.devices) if ticket.cards.kind else ()
        groups = ticket.cards.groups() if ticket.cards.kind else ()
        line = sandboxes.command(ticket.sandbox, spec, ticket.folder, variables, ticket.identity, shown=shown, groups=groups)
        folder: Path | str = "/"
        variables = sandboxes.safe_environment(variables)
    else:
        line = unconfined(ticket)
        folder = ticket.folder.work
    start = Start(line.argv, variables, command=command, folder=folder, disk_limit_mb=spec.disk_limit_mb, inputs=line.inputs)
    return spawning.spawn(start, output, bind_to_parent=None if ticket.sandbox.kind == "bubblewrap" else die_with_parent)


def die_with_parent() -> None:
    """Have this process killed when the one that forked it ends."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _threads(spec: RunSpec) -> int:
    return max(1, spec.cpus // (spec.processes if spec.launch is Launch.RANK else 1))


def _translate(text: str, spec: RunSpec, *, inside: bool) -> str:
    """Without a sandbox nothing can be mounted: where a text names a mount's place, put the folder that would be there."""
    if inside:
        return text
    for mount in sorted(spec.mounts, key=lambda mount: -len(mount.target)):
        place = re.compile(rf"(?<![\w./-]){re.escape(mount.target.rstrip('/'))}(?![\w.-])")
        text = place.sub(mount.source.replace("\\", r"\\"), text)
    return text
