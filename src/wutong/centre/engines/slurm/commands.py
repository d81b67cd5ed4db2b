"""Makes the command lines and the batch script. Pure; no text of a tenant gets further than one argument, and none into the script."""

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from wutong.centre.engines.protocol import RunSpec
from wutong.centre.engines.slurm.config import Placement
from wutong.centre.engines.slurm.fields import NODE_FORMAT, PAST_FIELDS, QUEUE_FIELDS

MARGIN_S = 60
"""Slurm's own time limit lies this far behind the runner's, which keeps the run's to the second."""
_HIGHEST_PRIORITY = 10
_NICE_PER_PRIORITY = 5
"""A priority orders a tenant's own jobs and must not outbid others': nobody's nice is below 0, and all steps are small beside a site's weights."""
# Where the modules are not packed for the Python of a node they are imported one by one. The folder comes last: what is Python's own is not there.
_SCRIPT = """\
#!{python} -ISE
import sys
from _frozen_importlib_external import MAGIC_NUMBER
from marshal import loads
code = {code!r}
sys.path.append(code)
try:
    with open(f"{{code}}/modules-{{MAGIC_NUMBER.hex()}}", "rb") as file:
        loader, modules = loads(file.read())
except FileNotFoundError:
    pass
else:
    exec(loads(loader), known := {{}})
    known["install"](code, modules)
from wutong.centre.engines.slurm.runner.main import main
main(*sys.argv[1:])
"""


def queue(mark: str) -> list[str]:
    """Return the one look at all jobs. `mark` begins each line: a job's name may hold line ends, and so whole false lines."""
    first, *rest = QUEUE_FIELDS
    # A width of 0 is that of the value, and what follows it is printed as it is.
    fields = [f"{first}:0|", *(f"{field}:0|" for field in rest[:-1]), f"{rest[-1]}:0{mark}"]
    return ["squeue", "-h", "-a", "-t", "all", "-O", ",".join(fields)]


def submit(spec: RunSpec, *, user: str | None, group: int | None, placement: Placement, script: str, arguments: Sequence[str]) -> list[str]:
    """Return the submission, held. `user` and `group` are given where somebody else submits for them; the arguments are the runner's."""
    line = ["sbatch", "--parsable", "--hold", f"--job-name={spec.name}", "--requeue", "--open-mode=append"]
    line += ["--output=/dev/null", "--input=/dev/null", "--chdir=/", "--export=ALL"]
    line += [f"--nodes={spec.nodes}", "--ntasks-per-node=1", f"--cpus-per-task={max(1, spec.cpus)}", f"--mem={spec.memory_mb}M"]
    # The batch script hears of its preemption only by this. Before the time limit it comes too, but the runner has long kept the limit by then.
    line += [f"--time={_minutes(spec)}", f"--nice={_nice(spec.priority)}", f"--signal=B:USR1@{min(max(spec.grace_s, 1), MARGIN_S)}"]
    if spec.slots and placement.gres != "":
        line.append(f"--gres={placement.gres or 'gpu'}:{spec.slots}")
    for option, value in (("partition", placement.partition), ("account", placement.account), ("qos", placement.qos)):
        if value:
            line.append(f"--{option}={value}")
    if spec.nodes > 1 and placement.switch_wait_s:
        line.append(f"--switches=1@{placement.switch_wait_s // 60}:{placement.switch_wait_s % 60:02}")
    if user is not None:
        line += [f"--uid={user}", f"--gid={group}"]
    return [*line, script, *arguments]


def release(ids: Iterable[str]) -> list[str]:
    """Return the release of held jobs."""
    return ["scontrol", "release", ",".join(ids)]


def cancel_waiting(ids: Iterable[str]) -> list[str]:
    """Return the cancellation of jobs as far as they still wait; one that has begun meanwhile is left alone."""
    return ["scancel", "--state=PENDING", *ids]


def cancel(ids: Iterable[str]) -> list[str]:
    """Return Slurm's own, ungentle cancellation."""
    return ["scancel", *ids]


def poke(ids: Iterable[str]) -> list[str]:
    """Return the signal that has runners read their orders."""
    return ["scancel", "--signal=USR2", "--batch", *ids]


def past_of_jobs(ids: Iterable[str], mark: str) -> list[str]:
    """Return the question for all starts of some jobs."""
    return [*_past(mark), "--jobs=" + ",".join(ids)]


def past_named(names: Iterable[str], since: int, mark: str) -> list[str]:
    """Return the question for all starts of jobs of some names since a moment."""
    return [*_past(mark), "--name=" + ",".join(names), f"--starttime={_moment(since)}", "--endtime=now"]


def past_between(since: int, until: int, mark: str) -> list[str]:
    """Return the question for all starts, anybody's, that ran at any time between two moments."""
    return [*_past(mark), f"--starttime={_moment(since)}", f"--endtime={_moment(until)}"]


def nodes(partition: str | None) -> list[str]:
    """Return the question for nodes and their sizes."""
    return ["sinfo", "-h", "-N", "-o", NODE_FORMAT, *([f"--partition={partition}"] if partition else [])]


def settings() -> list[str]:
    """Return the question for the controller's settings."""
    return ["scontrol", "show", "config"]


def script(python: str, code: str) -> str:
    """Return the batch script of every job. It takes the runner's arguments."""
    return _SCRIPT.format(python=python, code=code)


def _past(mark: str) -> Sequence[str]:
    # Duplicates are the earlier starts of requeued jobs; without -X each step has a line of its own.
    return ["sacct", "--allusers", "--duplicates", "--allocations", "--noheader", "--parsable2", f"--delimiter={mark}", "-o", ",".join(PAST_FIELDS)]


def _minutes(spec: RunSpec) -> int:
    return math.ceil((spec.time_limit_s + spec.grace_s + MARGIN_S) / 60)


def _nice(priority: int) -> int:
    return (_HIGHEST_PRIORITY - max(-_HIGHEST_PRIORITY, min(priority, _HIGHEST_PRIORITY))) * _NICE_PER_PRIORITY


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
