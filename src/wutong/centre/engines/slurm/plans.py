"""Makes a run's plan: everything the runner on a node must know, worked out here so that a job starts quickly there. Pure but for opening secrets."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from wutong.centre.engines import accelerators, ranks
from wutong.centre.engines.local import fan, job, processes, sandbox
from wutong.centre.engines.local.folders import RunFolder
from wutong.centre.engines.local.sandbox import Command, Elsewhere, Sandbox
from wutong.centre.engines.protocol import Launch, Mount, RunSpec
from wutong.centre.engines.slurm.runner import plan

_HERE = RunFolder(Path(plan.START))
PYTHON = "/usr/bin/python3"
Pairs = Iterator[tuple[str, str | int]]


def make(
    spec: RunSpec,
    *,
    confine_with: str | None,
    machine: str,
    uid: int,
    kind: str,
    shipped: Path,
    code: Path | None,
    former: Path | None,
    python: str = PYTHON,
) -> bytes:
    """Return the plan.

    `confine_with` is the nodes' bubblewrap, None for no sandbox; `python` theirs; `kind` is that of the accelerators, `former` a checkpoint.
    """
    box = Sandbox("bubblewrap", confine_with) if confine_with else Sandbox("none")
    started = _started(spec, python)
    ticket = job.Ticket(replace(started, sealed_environment={}), _HERE, 0, (), None, box, None, None)
    variables = job.environment(ticket)
    if confine_with:
        shown = accelerators.shown(kind, network=started.network) if spec.slots else ()
        line = sandbox.command(box, started, _HERE, variables, None, shown=shown, elsewhere=Elsewhere(machine, uid))
        variables = sandbox.safe_environment(variables)
    else:
        line = job.unconfined(ticket)
    pairs = [*_numbers(spec), *_command(line, shipped / filter_name(machine)), *(("variable", f"{key}={value}") for key, value in variables.items())]
    pairs += [("visible", name) for name in accelerators.visible(kind)]
    pairs += [("needs", mount.source) for mount in spec.mounts]
    pairs += [(key, str(path)) for key, path in (("code", code), ("former", former)) if path is not None]
    return plan.write([*pairs, ("confined", int(bool(confine_with))), ("secrets", int(bool(spec.sealed_environment)))])


def secrets(spec: RunSpec, key_file: Path | None) -> bytes | None:
    """Return the run's secrets in clear, None where it has none. Raises CannotStart where they cannot be opened."""
    opened = job.unseal(spec.sealed_environment, key_file)
    return plan.write(("variable", f"{key}={value}") for key, value in opened.items()) if opened else None


def filter_name(machine: str) -> str:
    """Return the name, beside the runner's code, of the file that holds the filter of system calls for a kind of processor."""
    return f"seccomp-{machine}"


def _started(spec: RunSpec, python: str) -> RunSpec:
    """Return what is started on each node, where it is more than the run's command on one."""
    mounts, several = spec.mounts, spec.launch is Launch.RANK and spec.processes > 1
    if several and not PurePosixPath(python).is_relative_to("/usr"):
        prefix = str(PurePosixPath(python).parent.parent)
        mounts = (*mounts, Mount(prefix, prefix))
    argv = (*fan.starter(python), *spec.argv) if several else spec.argv
    # The ranks of several nodes reach each other by the nodes' own network, so they share it.
    return replace(spec, argv=argv, mounts=mounts, network=spec.network or shares_network(spec))


def shares_network(spec: RunSpec) -> bool:
    """Tell whether a run's processes are on several nodes and have to reach each other."""
    return spec.nodes > 1 and spec.launch is not Launch.ONCE


def _numbers(spec: RunSpec) -> Pairs:
    yield "name", spec.name
    yield "launch", spec.launch.value
    yield "told", int(ranks.is_told(spec.launch.value, nodes=spec.nodes, processes=spec.processes))
    yield "command", spec.argv[0]
    yield "checkpoint_signal", processes.signal_number(spec.checkpoint_signal) or 15
    for key in ("slots", "memory_mb", "time_limit_s", "grace_s", "log_limit_bytes", "disk_limit_mb", "nodes", "processes", "cpus", "rank_restarts"):
        yield key, int(getattr(spec, key))


def _command(line: Command, filter_file: Path) -> Pairs:
    for word in line.argv:
        yield "argv", word
    if not line.inputs:
        return
    *inputs, options = line.inputs
    for place, data in enumerate(inputs):
        # The third is the filter of system calls, which is not text and the same for all.
        yield ("input", data.decode()) if place < 2 else ("input_file", str(filter_file))
    for option in options.split(b"\0")[:-1]:
        yield "option", option.decode()
