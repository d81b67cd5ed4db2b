"""What others may ask of the catalogue of machines."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from wutong.centre.catalogue import kinds, store
from wutong.centre.catalogue.rules import (
    Accelerator,
    Device,
    Faults,
    Flavour,
    Impossible,
    Node,
    NodeEvent,
    NodeState,
    NoSuchAccelerator,
    NoSuchFlavour,
    NoSuchPool,
    Pool,
    PoolState,
    embedded_flavours,
    why_impossible,
)
from wutong.centre.engines.protocol import Capabilities, Machine
from wutong.kit.together import once

WEEK_S = 7 * 24 * 3600


def list_accelerators(session: Session) -> list[Accelerator]:
    """Return all accelerator kinds."""
    return store.accelerators(session)


def get_accelerator(session: Session, name: str) -> Accelerator:
    """Return an accelerator kind, or raise `NoSuchAccelerator`."""
    for found in store.accelerators(session, name):
        return found
    raise NoSuchAccelerator(kind="accelerator kind", id=name)


def list_pools(session: Session) -> list[Pool]:
    """Return all pools."""
    return store.pools(session)


def get_pool(session: Session, name: str) -> Pool:
    """Return a pool, or raise `NoSuchPool`."""
    for found in store.pools(session, name):
        return found
    raise NoSuchPool(kind="pool", id=name)


def list_nodes(session: Session, pool: str | None = None, *, unwell: bool = False) -> list[Node]:
    """Return the nodes of one pool or of all; with `unwell` only those that are down or drained."""
    return store.nodes(session, pool, unwell=unwell)


def list_flavours(session: Session, *, enabled_only: bool = False) -> list[Flavour]:
    """Return the flavours, small ones of a pool first."""
    return [flavour for flavour in store.flavours(session) if flavour.enabled or not enabled_only]


def get_flavour(session: Session, name: str) -> Flavour:
    """Return a flavour, or raise `NoSuchFlavour`, which names those there are."""
    for found in store.flavours(session, name):
        return found
    possible = ", ".join(flavour.name for flavour in store.flavours(session) if flavour.enabled)
    raise NoSuchFlavour(kind="flavour", id=name, possible=possible or "none yet")


def check_possible(session: Session, *, flavour: str, nodes: int, time_limit_s: int) -> Flavour:
    """Return the flavour, or raise `NoSuchFlavour`, or `Impossible` when the machines can never run this; nodes down for now still count."""
    offer = once(session, ("offer", flavour), lambda: store.find_offer(session, flavour))
    if offer is None:
        return get_flavour(session, flavour)
    wanted, pool, machines = offer
    reason = why_impossible(wanted, pool, machines, nodes=nodes, time_limit_s=time_limit_s)
    if reason:
        raise Impossible(reason=reason)
    return wanted


def seed_local(session: Session, *, slots: int, cpus: int, memory_mb: int) -> None:
    """Make the catalogue of the embedded centre. What is there already, an operator may have changed; only the node's size follows."""
    store.keep_accelerator(session, Accelerator("cpu-slot", "generic", 0.1, 0, Device.CPU), replace=False)
    words = "This machine: CPU slots that stand for accelerators"
    store.keep_pool(session, Pool("local", "local", "cpu-slot", words, PoolState.OPEN, WEEK_S), replace=False)
    store.size_node(session, "local", "local", cards=slots, cpus=cpus, memory_mb=memory_mb)
    for flavour in embedded_flavours(slots=slots, cpus=cpus, memory_mb=memory_mb):
        store.keep_flavour(session, flavour, replace=False)


def seed_cards(session: Session, *, kind: str, cards: int, cpus: int, memory_mb: int) -> None:
    """Make the pool of the accelerators in the embedded centre's one machine, beside that of its processors; what is there already stays."""
    machine = Machine("local", "local", kind, cards, cpus, memory_mb, "up")
    pool = replace(kinds.pool_of("local", [machine]), description=f"This machine: its {kind} accelerators", partition="")
    taken = [flavour.name for flavour in store.flavours(session) if flavour.pool != pool.name]
    store.keep_accelerator(session, kinds.accelerator_of(kind), replace=False)
    store.keep_pool(session, pool, replace=False)
    store.size_node(session, pool.name, machine.name, cards=cards, cpus=cpus, memory_mb=memory_mb)
    for flavour in kinds.flavours_of(pool, [machine], taken):
        store.keep_flavour(session, flavour, replace=False)


def list_node_events(session: Session, pool: str, name: str, *, limit: int = 100) -> list[NodeEvent]:
    """Return what happened to a node, the latest first."""
    return store.node_events(session, pool, name, limit=limit)


def list_faults(session: Session, begin: datetime, end: datetime) -> list[Faults]:
    """Return which nodes went down in a span, who did so most often first."""
    return store.faults(session, begin, end)


def follow_engine(session: Session, engine: str, size: Capabilities) -> None:
    """Let the node of a one-machine engine have the size the engine reports, in each of its pools that has that node."""
    processors = {kind.name for kind in store.accelerators(session) if kind.device is Device.CPU}
    for pool in store.pools(session):
        if pool.engine != engine:
            continue
        cards = size.slots
        if size.cards is not None and pool.accelerator not in processors:
            # A pool of another kind of cards than the machine has now is one whose cards are gone.
            cards = size.cards if pool.accelerator == size.accelerator else 0
        for node in store.nodes(session, pool.name):
            if node.name == engine and (node.cards, node.cpus, node.memory_mb) != (cards, size.cpus, size.memory_mb):
                store.size_node(session, pool.name, node.name, cards=cards, cpus=size.cpus, memory_mb=size.memory_mb)


def add_pool(session: Session, accelerator: Accelerator, pool: Pool, nodes: list[Node], flavours: list[Flavour]) -> None:
    """Write a pool with all that belongs to it, replacing what has the same names."""
    store.keep_accelerator(session, accelerator, replace=True)
    store.keep_pool(session, pool, replace=True)
    for node in nodes:
        store.keep_node(session, node, replace=True)
    for flavour in flavours:
        store.keep_flavour(session, flavour, replace=True)


__all__ = [
    "NodeState",
    "add_pool",
    "check_possible",
    "follow_engine",
    "get_accelerator",
    "get_flavour",
    "get_pool",
    "list_accelerators",
    "list_faults",
    "list_flavours",
    "list_node_events",
    "list_nodes",
    "list_pools",
    "seed_cards",
    "seed_local",
]
