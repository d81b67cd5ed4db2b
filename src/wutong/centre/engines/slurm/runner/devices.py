"""Which accelerators of the node are the job's, as Slurm says it, and how the sandbox shows them. Pure and light."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NUMBER = "\x02"
"""Stands in a plan for the number of each of the job's devices on the node."""
SHOW = "--dev-bind-try"


def numbers(environment: Mapping[str, str], slots: int) -> list[int]:
    """Return the numbers of the job's devices; where the cluster only counts them, the first so many."""
    said = environment.get("SLURM_STEP_GPUS") or environment.get("SLURM_JOB_GPUS") or ""
    found = [int(part) for part in said.split(",") if part.strip().isdigit()]
    return found or list(range(slots))


def expand(options: Sequence[str], devices: Sequence[int]) -> list[str]:
    """Repeat each option that shows a numbered device for every device of the job."""
    found: list[str] = []
    place = 0
    while place < len(options):
        if options[place] == SHOW and NUMBER in options[place + 1]:
            for device in devices:
                path = options[place + 1].replace(NUMBER, str(device))
                found += [SHOW, path, path]
            place += 3
        else:
            found.append(options[place])
            place += 1
    return found
