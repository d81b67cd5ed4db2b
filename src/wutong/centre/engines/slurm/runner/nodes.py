"""What the runner asks of Slurm for itself: where its nodes are, and to be started again. Runs outside the sandbox, as the tenant's user."""

from __future__ import annotations

import os
import re
import subprocess

from wutong.centre.engines.local.spawn import CannotStart

_NODE = re.compile(r"^NodeName=(\S+) .*?NodeAddr=(\S+)", re.MULTILINE)
_LIMIT_S = 30


def places(count: int) -> tuple[list[str], list[str]]:
    """Return names and addresses of the job's nodes, in the order in which Slurm numbers them. Raises CannotStart."""
    listed = os.environ.get("SLURM_JOB_NODELIST", "")
    names = _ask("show", "hostnames", listed).split()
    if len(names) != count:
        raise CannotStart("The cluster does not say which nodes the run has. It is the centre's fault, not the run's.")
    known = addresses(_ask("-o", "show", "node", listed))
    return names, [known.get(name, name) for name in names]


def addresses(text: str) -> dict[str, str]:
    """Read the addresses of nodes from `scontrol -o show node`; where a node has none of its own it is its name."""
    return dict(_NODE.findall(text))


def requeue() -> bool:
    """Ask for the job to be started again; False where Slurm will not."""
    try:
        line = ["scontrol", "requeue", os.environ.get("SLURM_JOB_ID", "")]
        return subprocess.run(line, capture_output=True, timeout=_LIMIT_S, check=False).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def _ask(*words: str) -> str:
    try:
        return subprocess.run(["scontrol", *words], capture_output=True, timeout=_LIMIT_S, check=True).stdout.decode(errors="replace")
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotStart(f"The cluster does not say which nodes the run has: {error}. It is the centre's fault, not the run's.") from error
