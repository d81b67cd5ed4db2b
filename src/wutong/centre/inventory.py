"""Keeps pools and nodes as the engines see their machines: new ones are added, sizes and states followed, each change of a state written down.

What an operator decided is told to the engine first, once, and then followed like everything else. Where an engine sets no machines it stays here: a
node drained by hand is drained until an operator says otherwise. Pools and flavours are only ever added.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Protocol, runtime_checkable

from sqlalchemy.orm import Session

from wutong.centre.catalogue import kinds, store
from wutong.centre.catalogue.rules import Node, NodeEvent, NodeState
from wutong.centre.engines.operations import SetsMachines
from wutong.centre.engines.protocol import Accepted, Engine, Machine, Refused, Unknown
from wutong.centre.registry import Engines, ask
from wutong.kit import clock
from wutong.kit.database import Database
from wutong.kit.log import get_logger

log = get_logger(__name__)

LOOK_AGAIN = timedelta(seconds=15)
GONE = "The engine no longer knows it."


@runtime_checkable
class HasMachines(Protocol):
    """An engine of several machines."""

    name: str

    def machines(self) -> Sequence[Machine] | Unknown:
        """List the nodes, once for each partition and kind of cards."""


@dataclass(frozen=True, slots=True)
class NodeChange:
    """What becomes of a node row, and whether its history gets a line."""

    node: Node
    event: bool


class Inventory:
    """The loop that follows machines."""

    def __init__(self, database: Database, engines: Engines) -> None:
        self._database = database
        self._engines = engines
        self._due: dict[str, datetime] = {}

    def step(self) -> bool:
        """Look at each engine that is due; True when something changed."""
        changed = False
        for engine in self._engines:
            now = clock.now()
            told = self._tell(engine)
            if not isinstance(engine, HasMachines) or (not told and now < self._due.get(engine.name, now)):
                continue
            self._due[engine.name] = now + LOOK_AGAIN
            found = ask(engine.machines)
            if isinstance(found, Unknown):
                log.debug("the engine's machines could not be seen", engine=engine.name, why=found.why)
                continue
            with self._database.session() as session:
                changed |= follow(session, engine.name, found, sets=isinstance(engine, SetsMachines))
        return changed

    def _tell(self, engine: Engine) -> bool:
        """Tell an engine what operators want of its nodes; True when it was told something. What it does not answer is asked again."""
        with self._database.session() as session:
            orders = store.node_orders(session, engine.name)
        told = False
        for order in orders:
            answer = ask(engine.set_machine, order.node, order.state, order.reason) if isinstance(engine, SetsMachines) else Accepted()
            if isinstance(answer, Unknown):
                log.warning("the engine could not be told of a node", engine=engine.name, node=order.node, why=answer.why)
                break
            told = True
            outcome = "" if isinstance(answer, Accepted) else answer.sentence if isinstance(answer, Refused) else GONE
            with self._database.session() as session:
                store.end_node_order(session, order.id, clock.now(), outcome)
                if outcome:
                    event = NodeEvent(order.pool, order.node, clock.now(), order.state, f"Not done: {outcome}", engine.name)
                    store.add_node_events(session, [event])
        return told


def follow(session: Session, engine: str, machines: Sequence[Machine], *, sets: bool = False) -> bool:
    """Write what an engine's machines are now; True when something changed. `sets` says that the engine does as operators want, so it is believed."""
    changed = False
    by_pool = {name: list(group) for name, group in groupby(sorted(machines, key=kinds.pool_name), kinds.pool_name)}
    pools = {pool.name: pool for pool in store.pools(session)}
    for name, group in by_pool.items():
        if name not in pools:
            _open(session, engine, group)
        elif pools[name].engine != engine:
            log.warning("another engine has a pool of this name", pool=name, engine=engine)
            continue
        changed |= _follow_nodes(session, engine, name, group, sets=sets)
    for pool in pools.values():
        if pool.engine == engine and pool.name not in by_pool:
            changed |= _follow_nodes(session, engine, pool.name, [], sets=sets)
    return changed


def compare(pool: str, rows: Sequence[Node], machines: Sequence[Machine], drained: Sequence[str]) -> list[NodeChange]:
    """Return what is to be written of a pool's nodes. `drained` names those that an operator of ours took out of service. Pure."""
    known, changes = {row.name: row for row in rows}, []
    for machine in machines:
        seen = Node(pool, machine.name, kinds.cards_of(machine), machine.cpus, machine.memory_mb, NodeState(machine.state), machine.reason)
        row = known.pop(machine.name, None)
        if row is not None and machine.name in drained and seen.state is NodeState.UP:
            seen = replace(seen, state=row.state, reason=row.reason)
        if row != seen:
            changes.append(NodeChange(seen, event=row is None or row.state != seen.state or row.reason != seen.reason))
    gone = [row for row in known.values() if row.state is not NodeState.DOWN]
    return changes + [NodeChange(replace(row, state=NodeState.DOWN, reason=GONE), event=True) for row in gone]


def _open(session: Session, engine: str, machines: Sequence[Machine]) -> None:
    """Make the pool of machines that no pool had, with what it offers; prices are set by people."""
    store.keep_accelerator(session, kinds.accelerator_of(machines[0].accelerator), replace=False)
    pool = kinds.pool_of(engine, machines)
    store.keep_pool(session, pool, replace=False)
    taken = [flavour.name for flavour in store.flavours(session)]
    for flavour in kinds.flavours_of(pool, machines, taken):
        store.keep_flavour(session, flavour, replace=False)
    log.info("a pool was found", pool=pool.name, engine=engine, nodes=len(machines))


def _follow_nodes(session: Session, engine: str, pool: str, machines: Sequence[Machine], *, sets: bool) -> bool:
    ordered = {order.node for order in store.node_orders(session, engine)} if sets else set()
    machines = [machine for machine in machines if machine.name not in ordered]
    rows = [row for row in store.nodes(session, pool) if row.name not in ordered]
    by_hand = not sets and any(row.state is not NodeState.UP for row in rows)
    drained = store.drained_by_people(session, pool, engine) if by_hand else []
    changes = compare(pool, rows, machines, drained)
    for change in changes:
        store.keep_node(session, change.node, replace=True)
    now = clock.now()
    store.add_node_events(
        session, [NodeEvent(pool, each.node.name, now, each.node.state, each.node.reason, engine) for each in changes if each.event]
    )
    return bool(changes)
