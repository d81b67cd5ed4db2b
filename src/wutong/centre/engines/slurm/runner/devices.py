"""Which accelerators of the node are the job's, as Slurm says it, and how the job counts them. Light."""
# ruff: noqa: PTH110 - pathlib is not light

from __future__ import annotations

import os

from wutong.centre.engines.devices import NUMBER, SHOW, numbered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def numbers(environment: Mapping[str, str], slots: int) -> list[int]:
    """Return the numbers of the job's devices; where the cluster only counts them, the first so many."""
    said = environment.get("SLURM_STEP_GPUS") or environment.get("SLURM_JOB_GPUS") or ""
    found = [int(part) for part in said.split(",") if part.strip().isdigit()]
    return found or list(range(slots))


def seen_as(options: Sequence[str], devices: Sequence[int]) -> list[int]:
    """Return the numbers under which the job finds its devices: drivers count those that they can open, and the sandbox shows it no others' files."""
    paths = [options[place + 1] for place, option in enumerate(options) if option == SHOW and NUMBER in options[place + 1]]
    hidden = any(os.path.exists(file) for path in paths for file in numbered(path, devices))
    return list(range(len(devices))) if hidden else list(devices)
