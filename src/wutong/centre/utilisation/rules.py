"""What utilisation is: card time used against card time that was there, by slots of time. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from wutong.centre.catalogue.rules import NodeState
from wutong.kit.errors import Invalid

HOUR = timedelta(hours=1)
_LONGEST = {("hour", "pool"): 366, ("hour", "tenant"): 93, ("hour", "node"): 31}
_LONGEST_BY_DAY = {"pool": 5 * 366, "tenant": 2 * 366, "node": 366}


class By(StrEnum):
    """How long a slot is. Days are those of the bill, in Asia/Shanghai."""

    HOUR = "hour"
    DAY = "day"


class Group(StrEnum):
    """What the figures are told for."""

    POOL = "pool"
    NODE = "node"
    TENANT = "tenant"


@dataclass(frozen=True, slots=True)
class Used:
    """Card time of a run inside one hour, on the nodes it had then."""

    hour: datetime
    pool: str
    tenant: str
    nodes: tuple[str, ...]
    card_ms: int


@dataclass(frozen=True, slots=True)
class Slot:
    """Card time used by one pool, node or tenant in a slot, and what there was: for a tenant, of the whole centre. `key` is `pool/node` for nodes."""

    at: datetime
    key: str
    card_ms: int
    capacity_card_ms: int

    @property
    def share(self) -> float | None:
        """Return what part was in use; None where there was nothing to use."""
        return self.card_ms / self.capacity_card_ms if self.capacity_card_ms else None


@dataclass(frozen=True, slots=True)
class Load:
    """How busy the centre is this moment. `queued` and `oldest_waiting_s` are by pool; `nodes` by pool and state; rates are of the last minute."""

    queued: Mapping[tuple[str, str], int]
    oldest_waiting_s: Mapping[str, float]
    nodes: Mapping[tuple[str, str], int]
    starts_per_minute: int
    ends_per_minute: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many runs wait in a pool, and for how long the oldest has."""

    runs: int
    oldest_s: float


def add_up(uses: Iterable[Used]) -> dict[tuple[datetime, str, str, str], int]:
    """Add up by hour, pool, node and tenant. A run on several nodes is divided evenly; what does not divide goes to the first."""
    sums: dict[tuple[datetime, str, str, str], int] = {}
    for use in uses:
        nodes = use.nodes or ("",)
        each, rest = divmod(use.card_ms, len(nodes))
        for place, node in enumerate(nodes):
            key = use.hour, use.pool, node, use.tenant
            sums[key] = sums.get(key, 0) + each + (rest if place == 0 else 0)
    return {key: card_ms for key, card_ms in sums.items() if card_ms}


def up_ms(before: NodeState | None, changes: Sequence[tuple[datetime, NodeState]], begin: datetime, end: datetime) -> int:
    """Return for how long of a span a node was there: not down, as capacity is counted.

    `before` is its state at the beginning, None where nothing was known of it; `changes` are those inside the span, in order.
    """
    total, since, there = timedelta(), begin, before is not None and before is not NodeState.DOWN
    for at, state in changes:
        if there:
            total += at - since
        since, there = at, state is not NodeState.DOWN
    if there:
        total += end - since
    return round(total / timedelta(milliseconds=1))


def hour_of(moment: datetime) -> datetime:
    """Return the beginning of the hour of a moment."""
    return moment.replace(minute=0, second=0, microsecond=0)


def check_span(begin: datetime, end: datetime, by: By, group: Group) -> None:
    """Refuse a span that is empty, or too long for its slots and groups."""
    if end <= begin:
        raise Invalid(field="to", reason="Name a moment after the first one.")
    most = _LONGEST["hour", group.value] if by is By.HOUR else _LONGEST_BY_DAY[group.value]
    if end - begin > timedelta(days=most):
        raise Invalid(field="from", reason=f"Ask for at most {most} days by {by.value} and {group.value}, or by day, or by pool.")
