"""The batch script of every Slurm job: takes a folder for this start of the run and hands over to its runner. Light (see `local/processes`)."""
# ruff: noqa: PTH102, PTH118, PTH123, SIM105 - pathlib and `suppress` are not light

from __future__ import annotations

import os

from wutong.centre.engines.slurm.runner import plan
from wutong.centre.engines.slurm.runner.start import Runner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wutong.centre.engines.slurm.runner.plan import Plan


def main(folder: str, told: str, first: str) -> None:
    """Keep one start of the run in a folder, by what it is told in another; `first` numbers the Slurm job's first start. Exits as the job did."""
    os.umask(0o077)
    number = claim(folder, int(first) + int(os.environ.get("SLURM_RESTART_COUNT") or 0))
    with open(os.path.join(told, "plan"), "rb") as file:
        wanted = plan.read(file.read())
    os._exit(_runner(wanted)(wanted, folder, told, number).run())


def _runner(wanted: Plan) -> type[Runner]:
    """Return the runner for a run; one on one node does without what the other must load."""
    if wanted.text("launch") == "once" or wanted.number("nodes") < 2:
        return Runner
    from wutong.centre.engines.slurm.runner.group import Group

    return Group


def claim(folder: str, number: int) -> int:
    """Take the first start from this number on that nobody has: where one is taken, Slurm forgot that it had begun, and it may still run."""
    starts = os.path.join(folder, "starts")
    try:
        os.mkdir(starts, 0o700)
    except FileExistsError:
        pass
    while True:
        try:
            os.mkdir(os.path.join(starts, str(number)), 0o700)
        except FileExistsError:
            number += 1
        else:
            return number
