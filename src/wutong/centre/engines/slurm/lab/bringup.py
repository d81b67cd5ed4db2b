"""Brings a lab's daemons up one after the other, each as soon as what it needs is ready, and takes them down the other way round."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wutong.centre.engines.slurm.lab import daemons, database, ground, leftovers, processes
from wutong.centre.engines.slurm.lab.daemons import Daemon
from wutong.centre.engines.slurm.lab.ports import is_listening
from wutong.centre.engines.slurm.lab.problems import DaemonFailed
from wutong.centre.engines.slurm.lab.spec import LabSpec

START_S = 60.0  # a machine with other work to do takes its time
PATIENCE_S = 5.0
JOBS_END_S = 6.0  # longer than KillWait
_READY = ("idle", "mix", "alloc", "comp")


class BringUp:
    """One bring-up: what took how long is in `timings_s`, in order."""

    def __init__(self, spec: LabSpec) -> None:
        self.spec = spec
        self.timings_s: dict[str, float] = {}

    def all(self) -> None:
        """Start everything and wait until the nodes can take jobs."""
        spec = self.spec
        with self._timed("files"):
            ground.lay_out(spec)
        with self._timed("munged"):
            start_and_wait(spec, daemons.munged(spec))
        if spec.accounting:
            self._accounting()
        with self._timed("slurmctld"):
            start_and_wait(spec, daemons.controller(spec))
        with self._timed(f"{len(spec.node_names)} nodes"):
            for node in spec.node_names:
                processes.start(spec, daemons.node_daemon(spec, node))
            wait_for_nodes(spec)
        if spec.rest:
            with self._timed("slurmrestd"):
                start_and_wait(spec, daemons.rest(spec))

    def _accounting(self) -> None:
        spec = self.spec
        with self._timed("database made"):
            database.make_files(spec)
        with self._timed("mariadbd"):
            start_and_wait(spec, daemons.database(spec))
            database.prepare(spec)
        with self._timed("slurmdbd"):
            start_and_wait(spec, daemons.accounting(spec))
        with self._timed("cluster added"):  # before slurmctld starts, or it does not know where it belongs
            database.run(spec, ("sacctmgr", "-i", "add", "cluster", spec.name))

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.timings_s[what] = time.monotonic() - began


def start_and_wait(spec: LabSpec, daemon: Daemon) -> None:
    """Start a daemon and return when it listens. Raises DaemonFailed with the end of its log."""
    pid = processes.start(spec, daemon)

    def settled() -> bool:
        return processes.is_gone(pid) or _answers(daemon)

    in_time = processes.wait_for(settled, limit_s=START_S)
    if processes.is_gone(pid):
        raise DaemonFailed(which=daemon.which, what="ended at once", **_last_words(spec.folder, daemon.which))
    if not in_time:
        raise DaemonFailed(which=daemon.which, what=f"was not ready after {START_S:.0f} s", **_last_words(spec.folder, daemon.which))


def _answers(daemon: Daemon) -> bool:
    if daemon.socket is None:
        return daemon.port is None or is_listening(daemon.port)
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(daemon.socket)) == 0  # the file alone may be one that a killed daemon left


def _last_words(folder: Path, which: str) -> dict[str, object]:
    own, printed = folder / "log" / f"{which.replace(':', '-')}.log", processes.output(folder, which)
    return {"folder": folder / "log", "log": ground.tail(own if own.exists() else printed)}


def wait_for_nodes(spec: LabSpec, limit_s: float = START_S) -> None:
    """Wait until every node can take jobs. Raises DaemonFailed as soon as one's slurmd has ended or the controller refuses it."""
    wanted = set(spec.node_names)

    def ready() -> bool:
        for node in wanted:
            if processes.has_ended(spec.folder, daemons.slurmd(node)):
                which = daemons.slurmd(node)
                raise DaemonFailed(which=which, what="ended at once", **_last_words(spec.folder, which))
        states = node_states(spec)
        if refused := [node for node, state in states.items() if state == "inval"]:
            raise DaemonFailed(which=f"Node {refused[0]}", what="is refused by slurmctld", **_last_words(spec.folder, daemons.CONTROLLER))
        return {node for node, state in states.items() if state in _READY} == wanted

    if not processes.wait_for(ready, limit_s=limit_s, tick_s=0.02):
        raise DaemonFailed(which="A node", what=f"could not take jobs after {limit_s:.0f} s", **_last_words(spec.folder, daemons.CONTROLLER))


def node_states(spec: LabSpec) -> dict[str, str]:
    """Return each node's state as sinfo abbreviates it; a star at its end means that the node does not answer."""
    answer = processes.call(spec, ("sinfo", "-h", "-a", "-N", "-o", "%N %t"))
    return dict(line.split(maxsplit=1) for line in answer.stdout.splitlines())


def end_jobs(spec: LabSpec) -> None:
    """End every job while the daemons that know of them live, so that they end as jobs do; what does not hear is swept later."""
    if processes.find_pid(spec.folder, daemons.CONTROLLER) is None or not _busy(spec):
        return
    for partition in spec.partitions:
        processes.call(spec, ("scontrol", "update", f"PartitionName={partition}", "State=DOWN"))
    processes.call(spec, ("scancel", "--quiet", "--state=RUNNING"))
    processes.call(spec, ("scancel", "--quiet", "--state=SUSPENDED"))
    processes.wait_for(lambda: not _busy(spec), limit_s=JOBS_END_S, tick_s=0.05)


def _busy(spec: LabSpec) -> bool:
    """Tell whether a node that lives has a job; the jobs of one whose slurmd is gone would never be seen to end."""
    living = [node for node in spec.node_names if processes.find_pid(spec.folder, daemons.slurmd(node))]
    asked = ("squeue", "-h", "-a", "-t", "RUNNING,COMPLETING,SUSPENDED,CONFIGURING", "-o", "%i", "-w", ",".join(living))
    return bool(living and processes.call(spec, asked).stdout.strip())


def take_down(spec: LabSpec) -> int:
    """End all daemons, the last started first, then whatever else is left of the lab; return how many had to be swept up."""
    for rank in _ranks(spec):
        processes.end([pid for which in rank if (pid := processes.find_pid(spec.folder, which))], patience_s=PATIENCE_S)
    left = processes.ours(spec.folder)
    processes.kill(left)
    return len(left) + leftovers.sweep(spec)


def _ranks(spec: LabSpec) -> list[list[str]]:
    nodes = [daemons.slurmd(node) for node in spec.node_names]
    return [[daemons.REST], nodes, [daemons.CONTROLLER], [daemons.ACCOUNTING], [daemons.DATABASE], [daemons.MUNGED]]
