"""`wutong lab slurm`: a cluster in a box in the foreground, until Ctrl-C; it says what came up, how long each part took, and how to use it."""

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wutong.kit.errors import Invalid

if TYPE_CHECKING:  # the other commands start without the engine's modules
    from wutong.centre.engines.slurm.lab.cluster import Lab
    from wutong.centre.engines.slurm.lab.spec import Pool

_LOOK_S = 0.5
_POOL = "nodes that differ, instead of --nodes and --accelerators; repeatable: 4xascend910b:8, 2xa100:4+l40s:2, 2xcpu@hpc (@ names the partition)"
_DEVICES = (
    "what stands for an accelerator: a link to /dev/null; a device of its own, which --cgroup confines; "
    "or a plain file, with which Slurm counts but does not number (default links)"
)


def add_lab(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its options."""
    lab = commands.add_parser("lab", help="bring up a private cluster on this machine, for trying things out")
    kinds = lab.add_subparsers(required=True, metavar="KIND")
    slurm = kinds.add_parser("slurm", help="a real Slurm on loopback, until Ctrl-C", description="Bring up a real Slurm on loopback, until Ctrl-C.")
    size = slurm.add_argument_group("what it is made of")
    size.add_argument("--nodes", type=int, default=8, metavar="N", help="how many nodes (default 8)")
    size.add_argument("--accelerators", default="ascend910b:8", metavar="KIND:N", help="of each node; 'none' for none (default ascend910b:8)")
    size.add_argument("--cpus", type=int, default=32, metavar="N", help="that each node claims to have (default 32)")
    size.add_argument("--memory-mb", type=int, default=64000, metavar="MB", help="that each node claims to have (default 64000)")
    size.add_argument("--pool", action="append", default=[], help=_POOL)
    how = slurm.add_argument_group("how it works")
    how.add_argument("--folder", type=Path, help="where it lives; users other than root must reach it (default a new one under /var/tmp)")
    how.add_argument("--no-accounting", action="store_true", help="no MariaDB and slurmdbd: quicker, but no accounts, limits and preemption")
    how.add_argument("--no-enforce", action="store_true", help="take jobs from users without an account, too")
    how.add_argument("--rest", action="store_true", help="start slurmrestd as well")
    how.add_argument("--cgroup", action="store_true", help="confine jobs' memory and devices by control groups")
    how.add_argument("--private-tmp", action="store_true", help="give each job a /tmp of its own")
    how.add_argument("--devices", choices=("links", "own", "count"), default="links", help=_DEVICES)
    how.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of slurm.conf; repeatable")
    slurm.add_argument("--stop", type=Path, metavar="FOLDER", help="stop the lab in this folder, whoever started it, and do nothing else")
    slurm.set_defaults(run=run_slurm)


def run_slurm(arguments: argparse.Namespace) -> int:
    """Bring a lab up and stay until Ctrl-C or until it is stopped from elsewhere; or stop one."""
    from wutong.centre.engines.slurm.lab.cluster import Lab

    if arguments.stop:
        Lab.attach(arguments.stop).stop()
        print(f"The lab in {arguments.stop} is stopped.")
        return 0
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))
    lab = start(arguments)
    try:
        print(describe(lab), flush=True)
        while is_there(lab.folder):
            time.sleep(_LOOK_S)
        print("The lab was stopped from elsewhere.")
    except KeyboardInterrupt:
        print("Stopping.", flush=True)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C would leave half a lab behind
        lab.stop()
    return 0


def start(arguments: argparse.Namespace) -> "Lab":
    """Bring up the lab that the options describe. Raises Problem."""
    from wutong.centre.engines.slurm.lab.cluster import Lab

    return Lab.start(
        arguments.folder,
        pools=pools(arguments),
        accounting=not arguments.no_accounting,
        enforce=not arguments.no_enforce,
        rest=arguments.rest,
        cgroup=arguments.cgroup,
        private_tmp=arguments.private_tmp,
        devices=arguments.devices,
        settings=settings(arguments.set),
    )


def pools(arguments: argparse.Namespace) -> "tuple[Pool, ...]":
    """Read the pools from the options. Raises Invalid."""
    from wutong.centre.engines.slurm.lab.spec import Pool, parse_accelerators

    sizes = {"cpus": arguments.cpus, "memory_mb": arguments.memory_mb}
    try:
        if arguments.pool:
            return tuple(Pool.parse(text, **sizes) for text in arguments.pool)
        kinds = {} if arguments.accelerators == "none" else parse_accelerators(arguments.accelerators)
        return (Pool(nodes=arguments.nodes, accelerators=kinds, **sizes),)
    except ValueError as problem:
        raise Invalid(field="--pool" if arguments.pool else "--accelerators", reason=str(problem)) from None


def settings(texts: Sequence[str]) -> dict[str, str | None]:
    """Read `KEY=VALUE` texts; an empty value leaves the setting out. Raises Invalid."""
    found: dict[str, str | None] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise Invalid(field="--set", reason=f"'{text}' is no setting; write KEY=VALUE, such as KillWait=10.")
        found[key] = value or None
    return found


def is_there(folder: Path) -> bool:
    """Tell whether a lab is in the folder."""
    from wutong.centre.engines.slurm.lab.cluster import Lab
    from wutong.centre.engines.slurm.lab.problems import NoLab

    try:
        Lab.attach(folder)
    except NoLab:
        return False
    return True


def describe(lab: "Lab") -> str:
    """Say what came up and how to use it."""
    lines = [f"Cluster {lab.name} is up after {sum(lab.timings_s.values()):.1f} s, in {lab.folder}"]
    lines += [f"  {what:<16} {seconds:6.2f} s" for what, seconds in lab.timings_s.items()]
    for pool, names in lab.spec.pool_nodes():
        kinds = ", ".join(f"{count} {kind}" for kind, count in pool.accelerators.items()) or "no accelerators"
        nodes = f"{names[0]} to {names[-1]}" if len(names) > 1 else names[0]
        lines.append(f"Nodes {nodes} in partition {pool.partition}: {kinds}, {pool.cpus} CPUs, {pool.memory_mb} MB each")
    lines += ["", "Use it from another terminal:", f"  export SLURM_CONF={lab.slurm_conf}", "  sinfo"]
    if lab.spec.accounting and lab.spec.enforce:
        lines.append("  sacctmgr -i add account trial; sacctmgr -i add user $USER account=trial   # a job needs an account")
    kind = next(iter(lab.spec.kinds), None)
    lines.append(f"  sbatch {f'--gres=gpu:{kind}:1 ' if kind else ''}--output=/tmp/trial.out --wrap 'hostname; env | grep SLURM'")
    if lab.spec.rest:
        lines += ["  export $(scontrol token)", f'  curl -H "X-SLURM-USER-TOKEN: $SLURM_JWT" {lab.rest_url}/slurm/v0.0.38/ping']
    return "\n".join([*lines, "", "It stops with Ctrl-C, or from elsewhere: " + f"wutong lab slurm --stop {lab.folder}"])
