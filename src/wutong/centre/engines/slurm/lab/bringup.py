"""Brings a lab's daemons up one after the other, each as soon as what it needs is ready, and takes them down the other way round."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wutong.centre.engines.slurm.lab import daemons, ground, processes
from wutong.centre.engines.slurm.lab.daemons import Daemon
from wutong.centre.engines.slurm.lab.ports import is_listening
from wutong.centre.engines.slurm.lab.problems import DaemonFailed
from wutong.centre.engines.slurm.lab.spec import LabSpec

START_S = 60.0  # a machine with other work to do takes its time
PATIENCE_S = 5.0
JOBS_END_S = 6.0  # longer than KillWait


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
            _call(spec, daemons.install_database(spec))
        with self._timed("mariadbd"):
            start_and_wait(spec, daemons.database(spec))
            argv, sql = daemons.prepare_database(spec)
            _call(spec, argv, stdin=sql)
        with self._timed("slurmdbd"):
            start_and_wait(spec, daemons.accounting(spec))
        with self._timed("cluster added"):  # before slurmctld starts, or it does not know where it belongs
            _call(spec, ("sacctmgr", "-i", "add", "cluster", spec.name))

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.timings_s[what] = time.monotonic() - began


def start_and_wait(spec: LabSpec, daemon: Daemon) -> None:
    """Start a daemon and return when it listens. Raises DaemonFailed with the end of its log."""
    pid = processes.start(spec, daemon)

    def settled() -> bool:
        return processes.is_gone(pid) or ((daemon.socket is None or daemon.socket.is_socket()) and (daemon.port is None or is_listening(daemon.port)))

    in_time = processes.wait_for(settled, limit_s=START_S)
    if not in_time or processes.is_gone(pid):
        raise DaemonFailed(
            which=daemon.which, what="ended at once" if in_time else "was not ready in time", log=_last_words(spec.folder, daemon.which)
        )


def _last_words(folder: Path, which: str) -> str:
    printed = processes.output(folder, which)
    return ground.tail(printed if printed.exists() and printed.stat().st_size else folder / "log" / f"{which.replace(':', '-')}.log")


def _call(spec: LabSpec, argv: tuple[str, ...], stdin: str = "") -> None:
    result = processes.call(spec, argv, stdin=stdin)
    if result.returncode:
        raise DaemonFailed(which=argv[0], what=f"ended with {result.returncode}", log=(result.stdout + result.stderr)[-1500:])


def wait_for_nodes(spec: LabSpec, limit_s: float = START_S) -> None:
    """Wait until every node can take jobs. Raises DaemonFailed."""
    wanted = set(spec.node_names)

    def ready() -> bool:
        answer = processes.call(spec, ("sinfo", "-h", "-a", "-N", "-t", "idle,mix,alloc", "-o", "%N %t"))
        return {line.split()[0] for line in answer.stdout.splitlines() if not line.endswith("*")} == wanted

    if not processes.wait_for(ready, limit_s=limit_s, tick_s=0.02):
        raise DaemonFailed(which="A node", what="did not become idle", log=ground.tail(spec.folder / "log" / "slurmctld.log"))


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
    answer = processes.call(spec, ("squeue", "-h", "-a", "-t", "RUNNING,COMPLETING,SUSPENDED,CONFIGURING", "-o", "%i"))
    return bool(answer.stdout.strip())


def take_down(spec: LabSpec) -> int:
    """End all daemons, the last started first, then whatever else is left of the lab; return how many had to be swept up."""
    for rank in _ranks(spec):
        processes.end([pid for which in rank if (pid := processes.find_pid(spec.folder, which))], patience_s=PATIENCE_S)
    left = processes.ours(spec.folder)
    processes.kill(left)
    return len(left) + processes.sweep(spec.folder, spec.node_names)


def _ranks(spec: LabSpec) -> list[list[str]]:
    nodes = [daemons.slurmd(node) for node in spec.node_names]
    return [[daemons.REST], nodes, [daemons.CONTROLLER], [daemons.ACCOUNTING], [daemons.DATABASE], [daemons.MUNGED]]
