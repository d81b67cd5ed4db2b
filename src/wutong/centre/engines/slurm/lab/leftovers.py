"""What jobs of a lab leave behind when its daemons were killed: found by what ties them to the lab, killed, and their control groups removed."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from wutong.centre.engines.local.processes import tree
from wutong.centre.engines.slurm.lab.processes import environment, is_gone, kill
from wutong.centre.engines.slurm.lab.spec import LabSpec

_GROUPS = Path("/sys/fs/cgroup")
_GROUPS_S = 2.0  # the kernel lets go of an empty control group a moment after its last process


def sweep(spec: LabSpec) -> int:
    """Kill step daemons that have a file of the lab open, jobs of its nodes, all that is below them; return how many were found.

    A process that a job started in a session of its own, with an empty environment, and whose parents have ended, carries nothing of the
    lab: only control groups would find it, in a lab that has them.
    """
    found = _kill_all(lambda pid: _belongs(pid, spec))
    _remove_groups(spec)
    return found


def sweep_node(spec: LabSpec, node: str) -> int:
    """Kill the step daemons and jobs of one node, and all that is below them; return how many were found.

    The daemons go first and alone: one that saw its job die would tell the controller that the job failed.
    """
    steps = [pid for pid in _pids() if _is_step(pid, spec.folder, node)]
    below = {pid for step in steps for pid in tree(step)}
    kill(set(steps))
    kill(below)
    return len(steps) + _kill_all(lambda pid: _is_step(pid, spec.folder, node) or _is_job(pid, spec, node))


def of_node(spec: LabSpec, node: str) -> set[int]:
    """Return the step daemons and jobs of one node, and all that is below them."""
    found = [pid for pid in _pids() if _is_step(pid, spec.folder, node) or _is_job(pid, spec, node)]
    return {below for pid in found for below in (pid, *tree(pid))}


def _kill_all(belongs: Callable[[int], bool]) -> int:
    found = 0
    while left := [pid for pid in _pids() if not is_gone(pid) and belongs(pid)]:
        found += len(left)
        kill({below for pid in left for below in (pid, *tree(pid))})
    return found


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _belongs(pid: int, spec: LabSpec) -> bool:
    return _is_step(pid, spec.folder) or _is_job(pid, spec) or _in_group(pid, spec)


def _is_step(pid: int, folder: Path, node: str = "") -> bool:
    """Tell whether this is a slurmstepd of the lab. It overwrites its arguments and environment, but keeps the node's log and spool open."""
    with contextlib.suppress(OSError):
        if Path(f"/proc/{pid}/comm").read_text().strip() == "slurmstepd":
            targets = [_target(each) for each in (Path(f"/proc/{pid}/cwd"), *Path(f"/proc/{pid}/fd").iterdir())]
            own = [target.relative_to(folder) for target in targets if target.is_relative_to(folder)]
            return any(not node or f"slurmd-{node}" == target.stem or node in target.parts for target in own)
    return False


def _is_job(pid: int, spec: LabSpec, node: str = "") -> bool:
    variables = environment(pid)
    names = [node] if node else spec.node_names
    return f"SLURM_CONF={spec.slurm_conf}".encode() in variables and any(f"SLURMD_NODENAME={name}".encode() in variables for name in names)


def _in_group(pid: int, spec: LabSpec) -> bool:
    if spec.cgroup:
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{pid}/cgroup").read_text()
            return any(f"/slurm_{node}/" in text for node in spec.node_names)
    return False


def _target(link: Path) -> Path:
    with contextlib.suppress(OSError):
        return link.readlink()
    return Path()


def _remove_groups(spec: LabSpec) -> None:
    until = time.monotonic() + _GROUPS_S
    while (left := list(_groups(spec))) and time.monotonic() < until:
        for group in left:
            with contextlib.suppress(OSError):
                group.rmdir()


def _groups(spec: LabSpec) -> Iterator[Path]:
    """Give the nodes' control groups, the innermost first."""
    for node in spec.node_names if spec.cgroup else ():
        for top in _GROUPS.glob(f"*/slurm_{node}"):
            yield from sorted((path for path in top.rglob("*") if path.is_dir()), key=lambda path: len(path.parts), reverse=True)
            yield top
