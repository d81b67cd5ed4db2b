"""Pools and machines: their state, load and history; taking machines out of service and back, opening and closing pools."""

from typing import Annotated, Any

from fastapi import Response

from wutong.centre import service as centre
from wutong.centre.rules import NodeState, NoSuchNode, PoolState
from wutong.doorway.asking import Tx, needs
from wutong.identity.rules import Permission
from wutong.kit.errors import Invalid, Problem
from wutong.web.console.reading import Line, Word
from wutong.web.view import Pages, View

pages = Pages()

Reads = Annotated[View, needs(Permission.CENTRE_READ)]
Operates = Annotated[View, needs(Permission.CENTRE_OPERATE)]


@pages.get("/console/nodes")
def nodes_page(tx: Tx, view: Reads) -> Response:
    """Show every pool with its machines."""
    return view.page("console/nodes.html", **_nodes(tx))


@pages.post("/console/pools/{pool}/state")
def set_pool_state(tx: Tx, view: Operates, pool: str, state: Word = "", reason: Line = "") -> Response:
    """Open, drain or close a pool for new jobs."""
    done = view.attempt(lambda: centre.set_pool_state(tx, view.who, pool, _pool_state(state), reason=_said(reason)))
    if isinstance(done, Problem):
        return view.page("console/nodes.html", done.status, **{**_nodes(tx), "form": {"pool": pool, "state": state, "reason": reason}}, problem=done)
    view.toast("Pool {pool} is {state} now.", pool=pool, state=view.say(done.state.value))
    return view.go("/console/nodes")


@pages.get("/console/nodes/{pool}/{name}")
def node_page(tx: Tx, view: Reads, pool: str, name: str) -> Response:
    """Show a machine with what happened to it."""
    return view.page("console/node.html", **_node(tx, pool, name))


@pages.post("/console/nodes/{pool}/{name}/state")
def set_node_state(tx: Tx, view: Operates, pool: str, name: str, state: Word = "", reason: Line = "") -> Response:
    """Take a machine out of service, or back."""
    done = view.attempt(lambda: centre.set_node_state(tx, view.who, pool, name, _node_state(state), reason=_said(reason)))
    if isinstance(done, Problem):
        if done.status == 404:
            raise done
        return view.page("console/node.html", done.status, **{**_node(tx, pool, name), "form": {"state": state, "reason": reason}}, problem=done)
    view.toast("{node} is {state} now.", node=name, state=view.say(done.state.value))
    return view.go(f"/console/nodes/{pool}/{name}")


def _nodes(tx: Tx) -> dict[str, Any]:
    nodes = centre.list_nodes(tx)
    return {
        "pools": centre.list_pools(tx),
        "nodes": {pool: [node for node in nodes if node.pool == pool] for pool in {node.pool for node in nodes}},
        "busy": centre.cards_by_node(tx),
        "states": list(PoolState),
        "form": {},
    }


def _node(tx: Tx, pool: str, name: str) -> dict[str, Any]:
    node = next((each for each in centre.list_nodes(tx, pool) if each.name == name), None)
    if node is None:
        raise NoSuchNode(kind="node", id=f"{pool}/{name}")
    events, busy = centre.list_node_events(tx, pool, name), centre.cards_by_node(tx).get((pool, name), 0)
    windows = [window for window in centre.list_maintenance(tx) if window.pool == pool and (not window.nodes or name in window.nodes)]
    return {"node": node, "events": events, "busy": busy, "windows": windows, "form": {}}


def _pool_state(text: str) -> PoolState:
    if text not in set(PoolState):
        raise Invalid(field="state", reason="Choose open, draining or closed.")
    return PoolState(text)


def _node_state(text: str) -> NodeState:
    if text not in set(NodeState):
        raise Invalid(field="state", reason="Choose up, draining or down.")
    return NodeState(text)


def _said(reason: str) -> str:
    if not reason.strip():
        raise Invalid(field="reason", reason="Say why, so that others know.")
    return reason.strip()[:500]
