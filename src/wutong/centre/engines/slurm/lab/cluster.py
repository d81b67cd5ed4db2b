"""One lab: brings a private Slurm cluster up in a folder, lets one run its commands, break its daemons, and takes it down without a trace."""

import atexit
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from wutong.centre.engines.local.processes import send
from wutong.centre.engines.slurm.lab import bringup, checks, daemons, ground, leftovers, processes, users
from wutong.centre.engines.slurm.lab.ports import claim
from wutong.centre.engines.slurm.lab.problems import DaemonFailed, LabRunning, NoLab, NoSuchDaemon
from wutong.centre.engines.slurm.lab.spec import SERVICE_PORTS, Devices, LabSpec, Pool

_OWN_FOLDERS, _PREFIX = Path("/var/tmp"), "wutong-lab-"  # noqa: S108 below /tmp Slurm would refuse to give jobs a /tmp of their own


class Lab:
    """A running cluster. Make one with `Lab.start`, or find one that another process left with `Lab.attach`."""

    def __init__(self, spec: LabSpec, *, own_folder: bool, held: "tuple[IO[str], ...]" = ()) -> None:
        self.spec = spec
        self.timings_s: dict[str, float] = {}
        self._held = held
        self._own_folder = own_folder

    @classmethod
    def start(
        cls,
        folder: Path | None = None,
        *,
        name: str | None = None,
        nodes: int = 8,
        accelerators: Mapping[str, int] | None = None,
        cpus: int = 32,
        memory_mb: int = 64000,
        pools: tuple[Pool, ...] | None = None,
        accounting: bool = True,
        rest: bool = False,
        enforce: bool = True,
        devices: Devices = "links",
        cgroup: bool = False,
        private_tmp: bool = False,
        settings: Mapping[str, str | None] | None = None,
        switch_size: int = 0,
    ) -> Self:
        """Bring a cluster up and return it ready for jobs; what was left of an earlier lab in the folder is ended and removed first.

        `pools` replaces nodes, accelerators (kind -> count per node), cpus and memory_mb where nodes differ. Without a folder the lab makes one
        under /var/tmp and removes it at the end. Raises a Problem that says what is missing or in the way.
        """
        kinds = {"ascend910b": 8} if accelerators is None else accelerators
        spec = LabSpec(
            name=name or f"lab{secrets.token_hex(3)}",
            folder=Path() if folder is None else folder.absolute(),
            host=socket.gethostname().partition(".")[0],
            pools=pools or (Pool(nodes=nodes, accelerators=kinds, cpus=cpus, memory_mb=memory_mb),),
            accounting=accounting,
            rest=rest,
            enforce=enforce,
            devices=devices,
            cgroup=cgroup,
            private_tmp=private_tmp,
            settings=settings or {},
            switch_size=switch_size,
        )
        return cls._start(spec, own_folder=folder is None)

    @classmethod
    def _start(cls, spec: LabSpec, *, own_folder: bool) -> Self:
        checks.machine(spec)
        if own_folder:
            spec = replace(spec, folder=Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_OWN_FOLDERS)))
        checks.folder(spec)
        checks.confinement(spec)
        held = ground.hold(spec.folder)
        try:
            with contextlib.suppress(NoLab):
                cls(cls.attach(spec.folder).spec, own_folder=False).stop()
            claimed = claim(SERVICE_PORTS + len(spec.node_names))
        except BaseException:
            ground.let_go(held, spec.folder)
            raise
        lab = cls(replace(spec, base_port=claimed.base), own_folder=own_folder, held=(held, claimed.lock))
        atexit.register(lab.stop)
        try:
            lab._bring_up()
        except DaemonFailed:
            lab._stop(keep_logs=True)
            raise
        except BaseException:
            lab.stop()
            raise
        return lab

    @classmethod
    def end_abandoned(cls) -> list[Path]:
        """Stop the labs in folders of their own whose owner has died, and return those folders."""
        found = []
        for folder in sorted(_OWN_FOLDERS.glob(f"{_PREFIX}*")):
            with contextlib.suppress(LabRunning, NoLab, OSError):
                left = cls.attach(folder)
                cls(left.spec, own_folder=True, held=(ground.hold(folder),)).stop()
                found.append(folder)
        return found

    @classmethod
    def attach(cls, folder: Path) -> Self:
        """Return the lab in a folder, whoever started it. Raises NoLab."""
        kept = ground.read_record(folder.absolute())
        if kept is None:
            raise NoLab(folder=folder)
        return cls(LabSpec.from_json(kept["spec"]), own_folder=kept["own_folder"])

    def _bring_up(self) -> None:
        """Write down what is to come up, so that it can be found and ended from here on, then bring it up."""
        ground.write_record(self.folder, {"name": self.name, "own_folder": self._own_folder, "spec": self.spec.as_json()})
        course = bringup.BringUp(self.spec)
        self.timings_s = course.timings_s
        course.all()

    @property
    def name(self) -> str:
        """The cluster's name."""
        return self.spec.name

    @property
    def folder(self) -> Path:
        """Where everything of the lab lies."""
        return self.spec.folder

    @property
    def slurm_conf(self) -> Path:
        """The file that every Slurm program reads."""
        return self.spec.slurm_conf

    @property
    def environment(self) -> dict[str, str]:
        """What a program's environment needs for this cluster."""
        return {"SLURM_CONF": str(self.spec.slurm_conf)}

    @property
    def node_names(self) -> tuple[str, ...]:
        """All nodes."""
        return self.spec.node_names

    @property
    def jwt_key(self) -> Path:
        """The key that tokens for slurmrestd are signed with."""
        return self.spec.jwt_key

    @property
    def rest_url(self) -> str:
        """Where slurmrestd answers. Raises NoSuchDaemon in a lab without it."""
        if not self.spec.rest:
            raise NoSuchDaemon(which=daemons.REST, running=", ".join(self.running()))
        return f"http://127.0.0.1:{self.spec.rest_port}"

    def run(self, *argv: str, check: bool = True, stdin: str | None = None, timeout_s: float = 60) -> "subprocess.CompletedProcess[str]":
        """Run one of Slurm's programs against this cluster as the caller. Raises CalledProcessError where check is left on."""
        environment = {**os.environ, "PATH": checks.search_path(), **self.environment}
        return subprocess.run(argv, env=environment, capture_output=True, text=True, input=stdin or "", timeout=timeout_s, check=check)

    def running(self) -> list[str]:
        """List the daemons that live: munged, mariadbd, slurmdbd, slurmctld, slurmrestd, slurmd:<node>."""
        return processes.running(self.folder)

    def pid(self, which: str) -> int:
        """Return a daemon's process id. Raises NoSuchDaemon."""
        pid = processes.find_pid(self.folder, which)
        if pid is None:
            raise NoSuchDaemon(which=which, running=", ".join(self.running()) or "none")
        return pid

    def kill(self, which: str, signal_number: int = signal.SIGKILL) -> None:
        """Send a daemon a signal; with SIGKILL, return when it is gone."""
        pid = self.pid(which)
        send([pid], signal_number)
        if signal_number == signal.SIGKILL:
            processes.wait_for(lambda: processes.is_gone(pid), limit_s=bringup.PATIENCE_S)

    def kill_node(self, node: str) -> None:
        """Have a whole node die at once: its slurmd, its step daemons, and every process of its jobs."""
        self.kill(f"slurmd:{node}")
        leftovers.sweep_node(self.spec, node)

    def end_daemon(self, which: str) -> None:
        """End a daemon as an operator would."""
        processes.end([self.pid(which)], patience_s=bringup.PATIENCE_S)

    def restart_daemon(self, which: str) -> None:
        """Start a daemon again, ending it first where it lives, and wait until it listens."""
        if processes.find_pid(self.folder, which):
            self.end_daemon(which)
        daemon = next((each for each in daemons.daemons(self.spec) if each.which == which), None)
        if daemon is None:
            raise NoSuchDaemon(which=which, running=", ".join(self.running()))
        bringup.start_and_wait(self.spec, daemon)

    def wait_for_nodes(self, limit_s: float = bringup.START_S) -> None:
        """Wait until every node can take jobs. Raises DaemonFailed."""
        bringup.wait_for_nodes(self.spec, limit_s)

    def cgroup_available(self) -> bool:
        """Tell whether this host lets a lab put jobs into control groups (`cgroup=True`)."""
        return not checks.why_no_cgroup()

    def make_user(self, name: str, uid: int) -> None:
        """Make a UNIX user for a tenant; it goes with the last lab that asked for it. A user that was there before stays."""
        users.make(self.folder, name, uid)

    def stop(self) -> None:
        """End every job and daemon and remove what the lab made; its folder too where the lab chose it. Stopping twice does no harm."""
        self._stop(keep_logs=False)

    def _stop(self, *, keep_logs: bool) -> None:
        atexit.unregister(self.stop)
        if ground.named(self.folder) == self.name:  # somebody else may have stopped it, and started another since
            bringup.end_jobs(self.spec)
            bringup.take_down(self.spec)
            users.release(self.folder)
            ground.remove(self.folder, everything=self._own_folder, keep_logs=keep_logs)
        if self._held:
            ground.let_go(self._held[0], self.folder)
        for lock in self._held[1:]:
            lock.close()
        self._held = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
