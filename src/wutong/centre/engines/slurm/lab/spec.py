"""What a lab is made of: nodes in pools, services wanted, and the names and ports that follow from them. Pure."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

SERVICE_PORTS = 8  # the first ports of a lab's block; the nodes' follow
BLOCK_PORTS = 256
MOST_NODES = BLOCK_PORTS - SERVICE_PORTS
AI, HPC = "ai", "hpc"
Devices = Literal["links", "own", "count"]


@dataclass(frozen=True)
class Pool:
    """Nodes that are alike. `accelerators` is kind -> count per node; none means a CPU node."""

    nodes: int
    accelerators: Mapping[str, int] = field(default_factory=dict)
    cpus: int = 32
    memory_mb: int = 64000
    partition: str = AI

    def numbers(self) -> list[tuple[str, range]]:
        """Number a node's accelerators through, kind by kind: Slurm takes an accelerator's number from the end of its file's name."""
        found, first = [], 0
        for kind, count in self.accelerators.items():
            found.append((kind, range(first, first + count)))
            first += count
        return found

    @classmethod
    def parse(cls, text: str, *, cpus: int = 32, memory_mb: int = 64000) -> "Pool":
        """Read `4xascend910b:8`, `2xa100:4+l40s:2`, `2xcpu@hpc`. Raises ValueError with a sentence."""
        match = re.fullmatch(r"(\d+)x([^@]+?)(?:@([a-z][a-z0-9_]*))?", text.strip())
        if match is None:
            raise ValueError(f"'{text}' is no pool; write <nodes>x<kind>:<count> or <nodes>xcpu, and @<partition> where it is not '{AI}'.")
        kinds = {} if match[2] == "cpu" else parse_accelerators(match[2])
        return cls(nodes=int(match[1]), accelerators=kinds, cpus=cpus, memory_mb=memory_mb, partition=match[3] or AI)


def parse_accelerators(text: str) -> dict[str, int]:
    """Read `ascend910b:8` or `a100:4+l40s:2` as kind -> count per node. Raises ValueError with a sentence."""
    found: dict[str, int] = {}
    for part in text.split("+"):
        match = re.fullmatch(r"([a-z][a-z0-9_-]*):([1-9]\d*)", part.strip())
        if match is None:
            raise ValueError(f"'{part}' names no accelerators; write <kind>:<count per node>, such as ascend910b:8.")
        found[match[1]] = int(match[2])
    return found


@dataclass(frozen=True)
class LabSpec:
    """Everything the configuration of a lab follows from.

    `settings` overrides or adds slurm.conf keys (None as value leaves one out). `enforce` is whether jobs need an association in the
    accounting. `devices` is what an accelerator's file is: a link to /dev/null, which is enough for Slurm to number them; a device
    of its own ("own"), which control groups can confine; or a plain file ("count"), with which Slurm only counts and sets no variables.
    `switch_size` nodes each hang below a switch of their own, and the switches below one; 0 is for a cluster that knows of no switches.
    "own", `cgroup` and `private_tmp` need a root that may make devices, control groups and mounts.
    """

    name: str
    folder: Path
    host: str
    pools: tuple[Pool, ...]
    base_port: int = 0
    accounting: bool = True
    rest: bool = False
    enforce: bool = True
    devices: Devices = "links"
    cgroup: bool = False
    private_tmp: bool = False
    settings: Mapping[str, str | None] = field(default_factory=dict)
    switch_size: int = 0

    @property
    def node_names(self) -> tuple[str, ...]:
        """All nodes in the order of their pools, each named after the cluster so that labs on one host never share a name."""
        return tuple(name for _, names in self.pool_nodes() for name in names)

    def pool_nodes(self) -> list[tuple[Pool, tuple[str, ...]]]:
        """Each pool with the names of its nodes."""
        found, first = [], 1
        for pool in self.pools:
            found.append((pool, tuple(f"{self.name}n{number}" for number in range(first, first + pool.nodes))))
            first += pool.nodes
        return found

    def node_port(self, node: str) -> int:
        """Return the port the node's slurmd listens on."""
        return self.base_port + SERVICE_PORTS + self.node_names.index(node)

    @property
    def controller_port(self) -> int:
        """Port of slurmctld."""
        return self.base_port

    @property
    def accounting_port(self) -> int:
        """Port of slurmdbd."""
        return self.base_port + 1

    @property
    def database_port(self) -> int:
        """Port of MariaDB."""
        return self.base_port + 2

    @property
    def rest_port(self) -> int:
        """Port of slurmrestd."""
        return self.base_port + 3

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of accelerators there are, sorted."""
        return tuple(sorted({kind for pool in self.pools for kind in pool.accelerators}))

    @property
    def slurm_conf(self) -> Path:
        """Where slurm.conf lies."""
        return self.folder / "etc" / "slurm.conf"

    @property
    def munge_socket(self) -> Path:
        """Where munged listens."""
        return self.folder / "munge" / "sock"

    @property
    def database_socket(self) -> Path:
        """Where MariaDB listens for its root."""
        return self.folder / "db" / "sock"

    @property
    def database_files(self) -> Path:
        """Where MariaDB keeps everything."""
        return self.folder / "db" / "data"

    @property
    def jwt_key(self) -> Path:
        """The key that tokens for slurmrestd are signed with."""
        return self.folder / "etc" / "jwt.key"

    @property
    def partitions(self) -> tuple[str, ...]:
        """Partitions there are, sorted."""
        return tuple(sorted({pool.partition for pool in self.pools}))

    def as_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return {**asdict(self), "folder": str(self.folder)}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "LabSpec":
        """Read what `as_json` gave."""
        pools = tuple(Pool(**pool) for pool in kept["pools"])
        return cls(**{**kept, "folder": Path(kept["folder"]), "pools": pools})
