"""The types: what was looked at, and what follows from it. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """How bad a finding is. `OPEN`: a tenant can reach or harm another; `WARNING`: the service suffers; `UNKNOWN`: could not look."""

    HOLDS = "holds"
    WARNING = "warning"
    OPEN = "open"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that should hold: what, whether it does, why it matters, and what to set where it does not."""

    level: Level
    what: str
    why: str
    fix: str
    where: str = ""

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        return f"{self.what}{place}" if self.level is Level.HOLDS else f"{self.what}{place}: {self.why} {self.fix}"


@dataclass(frozen=True, slots=True)
class Node:
    """A node as the controller knows it; `resources` is its GRES, `partition` one it is in."""

    name: str
    resources: str
    state: str
    partition: str


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition as the controller knows it; `alone` is whether a node of it serves one user at a time."""

    name: str
    accounts: str
    groups: str
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Host:
    """What was seen on the host that submits: modes of files that are secrets, and of the tenants' folder; None where there is none."""

    secrets: Mapping[str, int] = field(default_factory=dict)
    root_mode: int | None = None
    root_owner: int | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """What a tenant's job saw on a node (the words are `witness.py`'s), as whom it should have run, and how far the clocks are apart at least."""

    saw: Mapping[str, Any]
    uid: int
    skew_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Facts:
    """All that was looked at; None where nobody could look.

    `settings` are slurmctld's and `accounting` slurmdbd's; `powers` maps tenants' users to what they may in the accounting beyond others; `probes`
    maps nodes to what a job of a tenant saw there, or to why none could be run.
    """

    settings: Mapping[str, str] | None = None
    accounting: Mapping[str, str] | None = None
    partitions: tuple[Partition, ...] | None = None
    nodes: tuple[Node, ...] | None = None
    powers: Mapping[str, str] | None = None
    host: Host | None = None
    probes: Mapping[str, Probe | str] = field(default_factory=dict)


Holds = Callable[[Facts], bool | None]


@dataclass(frozen=True, slots=True)
class Check:
    """A rule: `holds` says whether it does, or None when it could not be looked at. `level` is that of its failure."""

    level: Level
    what: str
    why: str
    fix: str
    holds: Holds

    def judge(self, facts: Facts) -> Finding:
        """Look at the facts."""
        held = self.holds(facts)
        level = Level.UNKNOWN if held is None else Level.HOLDS if held else self.level
        return Finding(level, self.what, "It could not be looked at." if held is None else self.why, self.fix)
