"""What operators change in the catalogue of machines; each change leaves an audit row."""

from sqlalchemy.orm import Session

from wutong.centre.catalogue import service, store
from wutong.centre.catalogue.rules import Flavour, Node, NodeEvent, NodeState, NoSuchNode, OnlyMachine, Pool, PoolState
from wutong.identity import service as identity
from wutong.identity.rules import Permission, Principal, require
from wutong.kit import clock
from wutong.kit.errors import Conflict


def set_pool_state(session: Session, who: Principal, name: str, state: PoolState, *, reason: str) -> Pool:
    """Open, drain or close a pool for new jobs; what was accepted before still runs. The same state again changes nothing."""
    require(who, Permission.CENTRE_OPERATE)
    before = service.get_pool(session, name)
    if before.state == state:
        return before
    if not store.set_pool_state(session, name, before=before.state, after=state):
        raise Conflict(reason=f"Somebody else changed pool {name} at the same moment. Look again.")
    change = {"state": before.state.value}, {"state": state.value, "reason": reason}
    identity.audit(session, who, "pool.state", kind="pool", id=name, before=change[0], after=change[1])
    return service.get_pool(session, name)


def set_node_state(session: Session, who: Principal, pool: str, name: str, state: NodeState, *, reason: str) -> Node:
    """Have a node up, draining or down; its engine is told by the inventory, where it sets machines. One that is down is not counted as capacity.

    Raises `OnlyMachine` for the drain of a one-machine engine, whose node has the engine's name.
    """
    require(who, Permission.CENTRE_OPERATE)
    before = _get_node(session, pool, name)
    engine = service.get_pool(session, pool).engine
    if before.state == state:
        return before
    if state is NodeState.DRAINING and name == engine:
        raise OnlyMachine(node=name, pool=pool)
    if not store.set_node_state(session, pool, name, before=before.state, after=state, reason=reason):
        raise Conflict(reason=f"Somebody else changed node {name} at the same moment. Look again.")
    change = {"state": before.state.value}, {"state": state.value, "reason": reason}
    event = NodeEvent(pool, name, clock.now(), state, reason, who.name)
    store.add_node_events(session, [event])
    store.add_node_order(session, event, engine)
    identity.audit(session, who, "node.state", kind="node", id=f"{pool}/{name}", before=change[0], after=change[1])
    return _get_node(session, pool, name)


def set_flavour_enabled(session: Session, who: Principal, name: str, *, enabled: bool) -> Flavour:
    """Offer a flavour, or stop offering it; what was accepted before still runs."""
    require(who, Permission.CENTRE_OPERATE)
    before = service.get_flavour(session, name)
    if before.enabled != enabled:
        store.set_flavour_enabled(session, name, enabled=enabled)
        identity.audit(session, who, "flavour.enabled", kind="flavour", id=name, before={"enabled": before.enabled}, after={"enabled": enabled})
    return service.get_flavour(session, name)


def _get_node(session: Session, pool: str, name: str) -> Node:
    for node in store.nodes(session, pool):
        if node.name == name:
            return node
    raise NoSuchNode(kind="node", id=f"{pool}/{name}")
