"""What an engine of many machines may offer to operators beyond the protocol: its own accounts, taking machines out of service, reservations.

Plain types and the standard library only, as in the protocol. An engine offers what it can; callers look with `isinstance`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from wutong.centre.engines.protocol import Absent, Accepted, EndReason, Refused, Unknown


@dataclass(frozen=True, slots=True)
class Accounted:
    """One start of a job as the cluster's own accounting keeps it, whoever submitted it. Times are seconds since the epoch.

    `ours` tells whether the engine started it for a run of the same name. `ended` is None while it goes on. `cards` is None where the accounting
    counts no accelerators for it; then it held processors alone.
    """

    name: str
    job: str
    ours: bool
    user: str
    account: str
    partition: str
    state: str
    started: int
    ended: int | None
    cards: int | None
    cpus: int
    accelerator: str = ""
    node: str = ""

    @property
    def seconds(self) -> int:
        """How long it took; 0 while it goes on."""
        return 0 if self.ended is None else max(0, self.ended - self.started)


CUT_SHORT = {"NODE_FAIL": EndReason.NODE_LOST, "BOOT_FAIL": EndReason.ENGINE_FAULT}
"""The accounting's words for a start that was cut short by the centre, not by its owner or by the cluster's rules, and what they mean."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """Machines kept free for maintenance, as wished or as seen. Times are seconds since the epoch; `nodes` is sorted."""

    name: str
    start: int
    end: int
    nodes: tuple[str, ...]


@runtime_checkable
class KeepsAccounts(Protocol):
    """An engine whose cluster writes accounts of its own."""

    name: str

    def accounted(self, since: int, until: int, names: Sequence[str] = ()) -> Sequence[Accounted] | Unknown:
        """List every start that ran at any time from `since` until `until`, and all starts of the runs `names`, however early."""


@runtime_checkable
class SetsMachines(Protocol):
    """An engine that takes its machines out of service and puts them back."""

    name: str

    def set_machine(self, machine: str, state: str, reason: str) -> Accepted | Absent | Refused | Unknown:
        """Bring a machine to "up", "draining" or "down" (what runs on it is started elsewhere). The state it has already is Accepted."""


@runtime_checkable
class Reserves(Protocol):
    """An engine that keeps machines free for a time: no job starts there that would not end before."""

    name: str

    def reservations(self, prefix: str) -> Sequence[Reserved] | Unknown:
        """List the reservations whose names begin so."""

    def reserve(self, wish: Reserved) -> Accepted | Refused | Unknown:
        """Make a reservation, or bring one of this name to these times and machines."""

    def release(self, name: str) -> Accepted | Absent | Unknown:
        """End a reservation."""
