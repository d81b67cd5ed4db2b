"""All SQL of the catalogue of machines."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from wutong.centre.catalogue.rules import Accelerator, Device, Faults, Flavour, Node, NodeEvent, NodeOrder, NodeState, Pool, PoolState, Service
from wutong.centre.catalogue.tables import AcceleratorRow, FlavourRow, NodeEventRow, NodeOrderRow, NodeRow, PoolRow
from wutong.kit.database import Base, notify

NODES = "centre_nodes"

_OFFER = text("""
    SELECT f.name, f.pool, p.engine, f.accelerator, f.cards, f.cpus, f.memory_mb, f.description, f.enabled, f.service, p.partition,
        p.accelerator AS pool_accelerator, p.description AS pool_description, p.state, p.max_time_limit_s,
        (SELECT jsonb_agg(jsonb_build_array(n.name, n.cards, n.cpus, n.memory_mb, n.state)) FROM centre_node n WHERE n.pool = f.pool) AS nodes
    FROM centre_flavour f JOIN centre_pool p ON p.name = f.pool WHERE f.name = :name""")


def find_offer(session: Session, flavour: str) -> tuple[Flavour, Pool, list[Node]] | None:
    """Read a flavour with its pool and the pool's nodes, in one statement."""
    row = session.execute(_OFFER, {"name": flavour}).first()
    if row is None:
        return None
    pool = Pool(row.pool, row.engine, row.pool_accelerator, row.pool_description, PoolState(row.state), row.max_time_limit_s, row.partition)
    machines = [Node(row.pool, name, cards, cpus, memory_mb, NodeState(state)) for name, cards, cpus, memory_mb, state in row.nodes or ()]
    values = {**row._asdict(), "service": Service(row.service)}
    return Flavour(**{name: values[name] for name in Flavour.__slots__}), pool, machines


def accelerators(session: Session, name: str | None = None) -> list[Accelerator]:
    """Read accelerator kinds, all or one."""
    rows = select(AcceleratorRow).order_by(AcceleratorRow.name)
    found = session.scalars(rows if name is None else rows.where(AcceleratorRow.name == name))
    return [Accelerator(row.name, row.vendor, row.fp16_tflops, row.memory_gb, Device(row.device)) for row in found]


def pools(session: Session, name: str | None = None) -> list[Pool]:
    """Read pools, all or one."""
    rows = select(PoolRow).order_by(PoolRow.name).execution_options(populate_existing=True)
    found = session.scalars(rows if name is None else rows.where(PoolRow.name == name))
    return [Pool(row.name, row.engine, row.accelerator, row.description, PoolState(row.state), row.max_time_limit_s, row.partition) for row in found]


def nodes(session: Session, pool: str | None = None, *, unwell: bool = False) -> list[Node]:
    """Read nodes, all or a pool's; with `unwell` those that are not up."""
    rows = select(NodeRow).order_by(NodeRow.pool, NodeRow.name).execution_options(populate_existing=True)
    if unwell:
        rows = rows.where(NodeRow.state != NodeState.UP)
    found = session.scalars(rows if pool is None else rows.where(NodeRow.pool == pool))
    return [Node(row.pool, row.name, row.cards, row.cpus, row.memory_mb, NodeState(row.state), row.reason) for row in found]


def flavours(session: Session, name: str | None = None) -> list[Flavour]:
    """Read flavours with their pool's engine, all or one; small ones of a pool first."""
    rows = (
        select(FlavourRow, PoolRow.engine, PoolRow.partition).join(PoolRow, PoolRow.name == FlavourRow.pool).execution_options(populate_existing=True)
    )
    rows = rows.order_by(FlavourRow.pool, FlavourRow.cards, FlavourRow.cpus, FlavourRow.name)
    found = session.execute(rows if name is None else rows.where(FlavourRow.name == name))
    return [_flavour(row, engine, partition) for row, engine, partition in found]


def keep_accelerator(session: Session, accelerator: Accelerator, *, replace: bool) -> None:
    """Write an accelerator kind."""
    _keep(session, AcceleratorRow, ["name"], {**asdict(accelerator), "device": accelerator.device.value}, replace=replace)


def keep_pool(session: Session, pool: Pool, *, replace: bool) -> None:
    """Write a pool."""
    _keep(session, PoolRow, ["name"], {**asdict(pool), "state": pool.state.value}, replace=replace)


def keep_node(session: Session, node: Node, *, replace: bool) -> None:
    """Write a node."""
    _keep(session, NodeRow, ["pool", "name"], {**asdict(node), "state": node.state.value}, replace=replace)


def keep_flavour(session: Session, flavour: Flavour, *, replace: bool) -> None:
    """Write a flavour."""
    values = {**asdict(flavour), "service": flavour.service.value}
    del values["engine"], values["partition"]
    _keep(session, FlavourRow, ["name"], values, replace=replace)


def size_node(session: Session, pool: str, name: str, *, cards: int, cpus: int, memory_mb: int) -> None:
    """Write a node's size and leave its state."""
    row = {"pool": pool, "name": name, "cards": cards, "cpus": cpus, "memory_mb": memory_mb}
    size = {"cards": cards, "cpus": cpus, "memory_mb": memory_mb}
    session.execute(
        insert(NodeRow).values(**row, state=NodeState.UP.value, reason="").on_conflict_do_update(index_elements=["pool", "name"], set_=size)
    )


def set_node_state(session: Session, pool: str, name: str, *, before: NodeState, after: NodeState, reason: str) -> bool:
    """Move a node's state; False when it was not in `before`."""
    there = update(NodeRow).where(NodeRow.pool == pool, NodeRow.name == name, NodeRow.state == before.value)
    return session.execute(there.values(state=after.value, reason=reason).returning(NodeRow.name)).first() is not None


def add_node_events(session: Session, events: Sequence[NodeEvent]) -> None:
    """Append to the history of nodes."""
    if events:
        session.execute(insert(NodeEventRow), [{**asdict(event), "state": event.state.value} for event in events])


def add_node_order(session: Session, event: NodeEvent, engine: str) -> None:
    """Have a node's engine told of what an operator wants; what was wanted before and not told yet is wanted no more."""
    there = (NodeOrderRow.engine == engine, NodeOrderRow.node == event.node, NodeOrderRow.done_at.is_(None))
    session.execute(update(NodeOrderRow).where(*there).values(done_at=event.at, outcome="Replaced by a later one."))
    row = {**asdict(event), "state": event.state.value, "engine": engine, "outcome": "", "done_at": None}
    session.execute(insert(NodeOrderRow).values(row))
    notify(session, NODES)


def node_orders(session: Session, engine: str) -> list[NodeOrder]:
    """Read what an engine is still to be told of its nodes, in the order in which it was wanted."""
    rows = select(NodeOrderRow).where(NodeOrderRow.engine == engine, NodeOrderRow.done_at.is_(None)).order_by(NodeOrderRow.id)
    return [NodeOrder(row.id, row.engine, row.pool, row.node, NodeState(row.state), row.reason) for row in session.scalars(rows)]


def end_node_order(session: Session, order: int, at: datetime, outcome: str) -> None:
    """Write down what came of telling an engine; nothing where it is over already."""
    session.execute(update(NodeOrderRow).where(NodeOrderRow.id == order, NodeOrderRow.done_at.is_(None)).values(done_at=at, outcome=outcome))


def drained_by_people(session: Session, pool: str, engine: str) -> list[str]:
    """Name the nodes of a pool that a person took out of service and nobody put back."""
    by_people = select(func.max(NodeEventRow.id)).where(NodeEventRow.pool == pool, NodeEventRow.by != engine).group_by(NodeEventRow.node)
    last = select(NodeEventRow.node).where(NodeEventRow.id.in_(by_people), NodeEventRow.state != NodeState.UP.value)
    return list(session.scalars(last))


def node_events(session: Session, pool: str, name: str, *, limit: int) -> list[NodeEvent]:
    """Read a node's history, the latest first."""
    rows = select(NodeEventRow).where(NodeEventRow.pool == pool, NodeEventRow.node == name).order_by(NodeEventRow.id.desc()).limit(limit)
    return [NodeEvent(row.pool, row.node, row.at, NodeState(row.state), row.reason, row.by) for row in session.scalars(rows)]


def faults(session: Session, begin: datetime, end: datetime) -> list[Faults]:
    """Count how often each node went down in a span, with what was said of it the last time."""
    times, last = func.count(), func.max(NodeEventRow.id)
    down = (NodeEventRow.state == NodeState.DOWN.value, NodeEventRow.at >= begin, NodeEventRow.at < end)
    sums = select(times.label("times"), last.label("last")).where(*down).group_by(NodeEventRow.pool, NodeEventRow.node).subquery()
    rows = select(NodeEventRow, sums.c.times).join(sums, sums.c.last == NodeEventRow.id)
    rows = rows.order_by(sums.c.times.desc(), NodeEventRow.pool, NodeEventRow.node)
    return [Faults(row.pool, row.node, count, row.at, row.reason) for row, count in session.execute(rows)]


def set_pool_state(session: Session, name: str, *, before: PoolState, after: PoolState) -> bool:
    """Move a pool's state; False when it was not in `before`."""
    change = update(PoolRow).where(PoolRow.name == name, PoolRow.state == before.value).values(state=after.value)
    return session.execute(change.returning(PoolRow.name)).first() is not None


def set_flavour_enabled(session: Session, name: str, *, enabled: bool) -> None:
    """Offer a flavour or not."""
    session.execute(update(FlavourRow).where(FlavourRow.name == name).values(enabled=enabled))


def _keep(session: Session, table: type[Base], keys: Sequence[str], values: dict[str, Any], *, replace: bool) -> None:
    row = insert(table).values(**values)
    rest = {name: value for name, value in values.items() if name not in keys}
    session.execute(row.on_conflict_do_update(index_elements=keys, set_=rest) if replace else row.on_conflict_do_nothing(index_elements=keys))


def _flavour(row: FlavourRow, engine: str, partition: str) -> Flavour:
    sizes = (row.cards, row.cpus, row.memory_mb)
    return Flavour(row.name, row.pool, engine, row.accelerator, *sizes, row.description, row.enabled, Service(row.service), partition)
