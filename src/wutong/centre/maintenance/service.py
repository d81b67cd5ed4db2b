"""What others may ask of maintenance, and what operators decide."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from wutong.centre.catalogue import service as catalogue
from wutong.centre.catalogue.rules import Flavour, NoSuchNode
from wutong.centre.maintenance import store
from wutong.centre.maintenance.rules import NoSuchWindow, Window, WindowOver, advice, check_times
from wutong.identity import service as identity
from wutong.identity.rules import Permission, Principal, require
from wutong.kit import clock
from wutong.kit.ids import new_id


def announce(
    session: Session, who: Principal, *, pool: str, begins_at: datetime, ends_at: datetime, reason: str, nodes: Sequence[str] = ()
) -> Window:
    """Announce that machines of a pool, or all, are to be kept free of jobs from one moment to another. What runs by then is left to end."""
    require(who, Permission.CENTRE_OPERATE)
    check_times(begins_at, ends_at, clock.now())
    known = {node.name for node in catalogue.list_nodes(session, catalogue.get_pool(session, pool).name)}
    for name in nodes:
        if name not in known:
            raise NoSuchNode(kind="node", id=f"{pool}/{name}")
    window = Window(new_id("maint"), pool, tuple(sorted(set(nodes))), begins_at, ends_at, reason, who.name, clock.now())
    store.add(session, window)
    after = {"pool": pool, "nodes": list(window.nodes), "begins_at": begins_at.isoformat(), "ends_at": ends_at.isoformat(), "reason": reason}
    identity.audit(session, who, "maintenance.announce", kind="maintenance", id=window.id, after=after)
    return window


def cancel_window(session: Session, who: Principal, window_id: str) -> Window:
    """Take an announcement back, or end a maintenance early; raises `NoSuchWindow`, `WindowOver`."""
    require(who, Permission.CENTRE_OPERATE)
    before = store.find(session, window_id)
    if before is None:
        raise NoSuchWindow(kind="maintenance", id=window_id)
    now = clock.now()
    if not store.cancel(session, window_id, now):
        raise WindowOver(id=window_id, state=before.state(now).value)
    identity.audit(session, who, "maintenance.cancel", kind="maintenance", id=window_id, before={"state": before.state(now).value})
    return store.find(session, window_id) or before


def list_maintenance(session: Session) -> list[Window]:
    """Return what is announced or under way, the earliest first."""
    return store.wanted(session, clock.now())


def list_all_maintenance(session: Session, *, limit: int = 100) -> list[Window]:
    """Return all windows, the latest first."""
    return store.latest(session, limit)


def maintenance_advice(session: Session, flavour: Flavour, *, nodes: int, time_limit_s: int) -> str | None:
    """Return the sentence for a job that the next maintenance of its pool would keep waiting; None when none does."""
    windows = store.wanted(session, clock.now(), flavour.pool)
    if not windows:
        return None
    fitting = [node.name for node in catalogue.list_nodes(session, flavour.pool) if flavour.cards <= node.cards and flavour.cpus <= node.cpus]
    return advice(windows, fitting, nodes=nodes, time_limit_s=time_limit_s, now=clock.now())
