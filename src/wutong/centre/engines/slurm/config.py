"""What the adapter is told about one cluster. Plain values; nothing is looked up here."""

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wutong.centre.engines.protocol import RunSpec
from wutong.centre.engines.slurm.tenants.identities import Identities


@dataclass(frozen=True, slots=True)
class Placement:
    """Where on the cluster and on whose account a run goes; None leaves the cluster's own default.

    `gres` is such as `gpu:ascend910b`; "" is for runs of processors alone, whose slots are processors.
    A run over several nodes waits up to `switch_wait_s` for nodes below one switch, where the cluster knows of switches.
    """

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    gres: str | None = None
    switch_wait_s: int = 0


@dataclass(frozen=True, slots=True)
class SlurmConfig:
    """One cluster.

    `root` is a folder that all nodes share; tenants must be able to pass it. `home` holds the adapter's own records and must be a local disk of the
    one host that acts. `identities` says as which UNIX user a tenant's jobs run. `partition` and `gres` hold for runs that name neither, and `qos`
    says by which QOS the cluster knows each class of service. `place` decides all of that itself where it is given.
    `machine` is the nodes' kind of processor, `python` theirs, 3.9 or younger. Times are seconds.
    """

    name: str
    slurm_conf: Path
    root: Path
    home: Path
    identities: Identities
    partition: str | None = None
    gres: str | None = None
    qos: Mapping[str, str] = field(default_factory=dict)
    place: Callable[[RunSpec], Placement] | None = None
    sandbox: str = "bubblewrap"
    bubblewrap: str = "/usr/bin/bwrap"
    machine: str = platform.machine()
    python: str = "/usr/bin/python3"
    key_file: Path | None = None
    window_s: int = 60
    look_s: float = 0.5
    idle_look_s: float = 5.0
    command_s: float = 12.0
    sacct_s: float = 30.0
    lost_s: float = 3.0
    completing_s: float = 120.0
    at_once: int = 4

    def placement(self, spec: RunSpec) -> Placement:
        """Return where a run goes."""
        if self.place is not None:
            return self.place(spec)
        gres = f"gpu:{spec.accelerator}" if spec.accelerator else self.gres
        return Placement(partition=spec.partition or self.partition, gres=gres, qos=self.qos.get(spec.service))
