"""The same story on a real cluster: Slurm in a box, training across nodes, a preemption, a lost node, and the bill.

Everything Slurm is a real daemon on this machine: slurmctld, slurmdbd with MariaDB, and a slurmd for each of the virtual nodes.
"""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import digits
from story import HERE, Stage, found_tenant, opened, options, settle_up

from wutong.centre.engines.slurm.lab.cluster import Lab
from wutong.centre.engines.slurm.tenants.identities import PasswdIdentities

CENTRE = "demo"
CARDS, NODES = 8, 2
PRICES = {"ascend910b.1": "6", "ascend910b.2": "12", "ascend910b.8.idle": "2", "ascend910b.8.urgent": "18"}
STEADY = {"environment": "python-3.11", "nodes": NODES, "time_limit_s": 900, "checkpoint": {"signal": "SIGTERM", "grace_s": 20}}


def main() -> None:
    """Tell the story."""
    chosen = options(__doc__)
    home = chosen.home.absolute() / "slurm"
    home.mkdir(parents=True, exist_ok=True, mode=0o755)
    print(f"\n# A Slurm cluster comes up: {NODES + 1} nodes of {CARDS} accelerators, with accounting", flush=True)
    with Lab.start(nodes=NODES + 1, accelerators={"ascend910b": CARDS}) as lab:
        show(lab, "sinfo", "-o", "%P %D %G %T")
        shared = lab.folder / "shared"
        shared.mkdir(mode=0o755, exist_ok=True)
        cluster = {"conf": str(lab.slurm_conf), "root": str(shared), "users": "make"}
        with opened(chosen, slots=2, centre=CENTRE, slurm=json.dumps([cluster])) as stage, made_users():
            found_tenant(stage, "Wuhan Digits Technology Co., Ltd.", yuan="500")
            open_for_business(stage)
            images = one_node(stage)
            several_nodes(stage, images)
            steady = {**STEADY, "code": push(stage, "steady", HERE / "cluster" / "steady")}
            preempted(stage, lab, steady)
            last = lost_node(stage, lab, steady)
            settle_up(stage, last)
            stage.say("Slurm's own accounting of the same hours")
            show(lab, "sacct", "-a", "-X", "-D", "-o", "JobName%36,State%12,Elapsed,NNodes,AllocTRES%60")


@contextmanager
def made_users() -> Iterator[None]:
    """Take the tenants' UNIX users away again at the end: this is somebody's own machine."""
    try:
        yield
    finally:
        PasswdIdentities(CENTRE).remove_all()


def open_for_business(stage: Stage) -> None:
    """Wait until the centre has found the cluster's nodes; the operator prices what is offered."""
    stage.say("The centre has found the cluster's nodes and made a pool of them; the operator prices and offers it")
    until(lambda: any(pool["engine"] == "slurm" for pool in stage.ask("admin", "pools", who="operator")["pools"]), "the centre found no nodes")
    for flavour, yuan in PRICES.items():
        stage.run("admin", "flavour", "enable", flavour, who="operator", quiet=True)
        stage.run("admin", "price", flavour, yuan, who="operator", quiet=True)
    stage.run("flavors")


def one_node(stage: Stage) -> Path:
    """Train on one node, as on the embedded centre."""
    python = digits.environment_python(stage)
    images = stage.folder / "digits"
    digits.here(python, HERE / "digits" / "export.py", images)
    stage.say("The tenant pushes its images and trains on one node: two cards, its own UNIX user, a sandbox")
    stage.run("data", "push", str(images), "--name", "digits", "--licence", "CC-BY-4.0")
    job = ["--name", "train digits", "--code", str(digits.CODE), "--command", "python train.py", "--environment", "sklearn"]
    stage.run(
        "job", "submit", *job, "--flavor", "ascend910b.2", "--time-limit", "600", "--data", "digits", "--model", "digits-net", "--yes", "--watch"
    )
    return images


def several_nodes(stage: Stage, images: Path) -> None:
    """Train with two processes on each of two nodes."""
    stage.say("It trains on two nodes with two processes each; the ranks find each other and average their gradients")
    code = stage.folder / "parallel"
    code.mkdir(exist_ok=True)
    for script in (HERE / "cluster" / "parallel" / "train.py", digits.CODE / "digits.py"):
        (code / script.name).write_text(script.read_text())
    request = {
        "name": "train in parallel",
        "command": "python train.py",
        "code": push(stage, "parallel", code),
        "environment": "sklearn",
        "datasets": [{"ref": images.name}],
        "flavour": "ascend910b.2",
        "nodes": 2,
        "processes": 2,
        "launch": "rank",
        "time_limit_s": 600,
        "outputs": {"model": "digits-parallel"},
    }
    job = submit(stage, request)
    stage.run("job", "watch", job)
    stage.run("job", "logs", job, "--rank", "3")


def preempted(stage: Stage, lab: Lab, steady: dict[str, Any]) -> None:
    """Let an urgent job take the place of one that runs in idle time."""
    stage.say("In idle time it is cheap: a long job takes whole nodes, and keeps its count as a checkpoint")
    command = "python steady.py 240"
    idle = submit(stage, {**steady, "name": "idle time", "command": command, "flavour": "ascend910b.8.idle", "nodes": NODES + 1})
    follow(stage, idle, "step 8 ")
    stage.say("An urgent job needs a node: the idle one saves its work, makes room, and goes on afterwards from where it was")
    urgent = submit(stage, {**STEADY, "name": "urgent", "command": "sleep 2; echo urgent work is done", "flavour": "ascend910b.8.urgent", "nodes": 1})
    stage.run("job", "watch", urgent)
    show(lab, "squeue", "-a", "-o", "%.9i %.60j %.12T %.10M %R")
    stage.run("job", "watch", idle)
    stage.run("job", "show", idle)


def lost_node(stage: Stage, lab: Lab, steady: dict[str, Any]) -> str:
    """Kill the node a job runs on."""
    stage.say("A node dies under a running job: Slurm starts the job again elsewhere, and it goes on from its checkpoint")
    job = submit(stage, {**steady, "name": "survivor", "command": "python steady.py 120", "flavour": "ascend910b.1", "nodes": 1})
    follow(stage, job, "step 8 ")
    node = lab.run("squeue", "-h", "-a", "-t", "RUNNING", "-o", "%N").stdout.split()[0]
    print(f"\n(kill -9 of node {node}, with all that runs on it)", flush=True)
    lab.kill_node(node)
    stage.run("job", "watch", job)
    lab.restart_daemon(f"slurmd:{node}")
    return job


def push(stage: Stage, name: str, folder: Path) -> str:
    """Push a code folder and return its name."""
    stage.run("code", "push", str(folder), "--name", name, quiet=True)
    return name


def submit(stage: Stage, request: dict[str, Any]) -> str:
    """Submit a job by a job file and return its id."""
    file = stage.folder / f"{request['name'].replace(' ', '-')}.json"
    file.write_text(json.dumps(request, indent=2))
    print(f"$ wutong job submit {file.name} --yes", flush=True)
    return str(stage.ask("job", "submit", str(file.rename(file.with_suffix(".yaml"))), "--yes")["id"])


def follow(stage: Stage, job: str, text: str) -> None:
    """Wait until a job has said something."""
    until(lambda: text in stage.run("job", "logs", job, quiet=True), f"the job never said {text!r}")


def until(condition: Any, complaint: str, patience_s: float = 90) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"In vain: {complaint}.")
        time.sleep(0.5)


def show(lab: Lab, *command: str) -> None:
    """Run one of Slurm's own commands on the cluster."""
    print(f"$ {subprocess.list2cmdline(command)}", flush=True)
    print(lab.run(*command).stdout, end="", flush=True)


if __name__ == "__main__":
    main()
