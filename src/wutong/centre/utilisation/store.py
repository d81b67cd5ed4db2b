"""All SQL of utilisation."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, literal, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from wutong.centre.catalogue.rules import NodeState
from wutong.centre.catalogue.tables import NodeEventRow, NodeRow
from wutong.centre.engines import hostlist
from wutong.centre.foreign.tables import ForeignStartRow
from wutong.centre.runs.tables import RunEventRow, RunRow
from wutong.centre.usage.tables import UsageRow
from wutong.centre.utilisation.rules import By, Group, Used, hour_of
from wutong.centre.utilisation.tables import CapacityRow, UtilisationRow

ZONE = "Asia/Shanghai"
_RECENT = 20_000
_KEYS: dict[Group, Any] = {
    Group.POOL: (UtilisationRow.pool, CapacityRow.pool),
    Group.NODE: (UtilisationRow.pool + "/" + UtilisationRow.node, CapacityRow.pool + "/" + CapacityRow.node),
    Group.TENANT: (UtilisationRow.tenant, None),
}

Sums = dict[tuple[datetime, str], int]
Hours = dict[tuple[str, str], list[tuple[int, int]]]
"""By pool and node: (hours since the beginning, card-milliseconds)."""

# `date_part` and not `extract`, which counts in decimals and takes three times as long.
_HOURS = """
    SELECT pool, node, array_agg(CAST((date_part('epoch', hour) - :begin_s) / 3600 AS int)), array_agg(card_ms) FROM ({hours}) hours
    GROUP BY pool, node"""
_USED = """SELECT pool, node, hour, CAST(sum(card_ms) AS bigint) AS card_ms FROM centre_utilisation
    WHERE hour >= :begin AND hour < :end AND node <> '' GROUP BY pool, node, hour"""
_THERE = "SELECT pool, node, hour, card_ms FROM centre_capacity WHERE hour >= :begin AND hour < :end AND node <> ''"


def uses_after(session: Session, cursor: int, limit: int) -> tuple[list[Used], int]:
    """Read what the usage journal says is new after a cursor: of each window, what it grew by. Returns it with the new cursor."""
    earlier = aliased(UsageRow)
    same = (earlier.run_name == UsageRow.run_name, earlier.restart == UsageRow.restart, earlier.window_start == UsageRow.window_start)
    before = select(func.max(earlier.card_seconds_ms)).where(*same, earlier.seq < UsageRow.seq).scalar_subquery()
    new = (UsageRow.card_seconds_ms - func.coalesce(before, 0)).label("card_ms")
    whose = [func.coalesce(getattr(RunRow, name), getattr(ForeignStartRow, name)) for name in ("pool", "tenant", "node")]
    rows = select(UsageRow.seq, UsageRow.window_start, new, *whose).join(RunRow, RunRow.name == UsageRow.run_name, isouter=True)
    rows = rows.join(ForeignStartRow, ForeignStartRow.name == UsageRow.run_name, isouter=True)
    found = session.execute(rows.where(UsageRow.seq > cursor).order_by(UsageRow.seq).limit(limit)).all()
    uses = [_used(at, card_ms, pool, tenant, node) for _, at, card_ms, pool, tenant, node in found if pool is not None]
    return uses, found[-1].seq if found else cursor


def add_used(session: Session, sums: Mapping[tuple[datetime, str, str, str], int]) -> None:
    """Add to the hours."""
    if sums:
        rows = [dict(zip(("hour", "pool", "node", "tenant", "card_ms"), (*key, card_ms), strict=True)) for key, card_ms in sorted(sums.items())]
        add = insert(UtilisationRow)
        more = {"card_ms": UtilisationRow.card_ms + add.excluded.card_ms}
        session.execute(add.on_conflict_do_update(index_elements=["hour", "pool", "node", "tenant"], set_=more), rows)


def keep_capacity(session: Session, hour: datetime, nodes: Mapping[tuple[str, str], int]) -> None:
    """Write what the nodes had to give in an hour."""
    rows = [{"hour": hour, "pool": pool, "node": node, "card_ms": card_ms} for (pool, node), card_ms in nodes.items()]
    if rows:
        session.execute(insert(CapacityRow).on_conflict_do_nothing(), rows)


def node_history(
    session: Session, begin: datetime, end: datetime
) -> dict[tuple[str, str], tuple[int, NodeState | None, list[tuple[datetime, NodeState]]]]:
    """Return for each node its cards, its state at the beginning of a span (None: nothing is known of it before), and its changes inside.

    A node without any history was there from the first.
    """
    last = select(func.max(NodeEventRow.id)).where(NodeEventRow.at < begin).group_by(NodeEventRow.pool, NodeEventRow.node)
    before = {(row.pool, row.node): NodeState(row.state) for row in session.scalars(select(NodeEventRow).where(NodeEventRow.id.in_(last)))}
    changes: dict[tuple[str, str], list[tuple[datetime, NodeState]]] = {}
    for row in session.scalars(select(NodeEventRow).where(NodeEventRow.at >= begin, NodeEventRow.at < end).order_by(NodeEventRow.id)):
        changes.setdefault((row.pool, row.node), []).append((row.at, NodeState(row.state)))
    known = {(pool, node) for pool, node in session.execute(select(NodeEventRow.pool, NodeEventRow.node).distinct())}
    nodes = [(row.pool, row.name, row.cards) for row in session.scalars(select(NodeRow))]
    first = {key: None if key in known else NodeState.UP for key in ((pool, node) for pool, node, _ in nodes)}
    return {(pool, node): (cards, before.get((pool, node), first[pool, node]), changes.get((pool, node), [])) for pool, node, cards in nodes}


def first_hour(session: Session) -> datetime | None:
    """Return the first hour in which anything was used."""
    return session.scalar(select(func.min(UtilisationRow.hour)))


def used(session: Session, begin: datetime, end: datetime, by: By, group: Group) -> Sums:
    """Add up what was used, by slot and key."""
    return _sums(session, UtilisationRow, _KEYS[group][0], begin, end, by)


def used_by_tenant(session: Session, begin: datetime, end: datetime) -> dict[str, int]:
    """Add up what each tenant used."""
    rows = select(UtilisationRow.tenant, func.sum(UtilisationRow.card_ms)).where(UtilisationRow.hour >= begin, UtilisationRow.hour < end)
    return {tenant: int(card_ms) for tenant, card_ms in session.execute(rows.group_by(UtilisationRow.tenant))}


def capacity(session: Session, begin: datetime, end: datetime, by: By, group: Group) -> Sums:
    """Add up what there was in hours that are over, by slot and key; under the key "" where it is not told by key."""
    column = _KEYS[group][1]
    return _sums(session, CapacityRow, literal("") if column is None else column, begin, end, by)


def _sums(session: Session, table: type[UtilisationRow | CapacityRow], key: Any, begin: datetime, end: datetime, by: By) -> Sums:
    """Add up by hour, in the order of an index, and then, of far fewer rows, by slot: to say on which day a moment is takes longer than to add it."""
    hours = select(table.hour.label("hour"), key.label("key"), func.sum(table.card_ms).label("card_ms"))
    hours = hours.where(table.hour >= begin, table.hour < end).group_by(table.hour, text("2"))
    each = hours.subquery()
    at = _slot(by, each.c.hour)
    rows = select(at, each.c.key, func.sum(each.c.card_ms)).group_by(at, each.c.key)
    return {(slot, name): int(card_ms) for slot, name, card_ms in session.execute(rows)}


def hours_used(session: Session, begin: datetime, end: datetime) -> Hours:
    """Read what each machine gave, hour by hour."""
    return _hours(session, begin, end, _USED)


def hours_there(session: Session, begin: datetime, end: datetime) -> Hours:
    """Read what each machine had to give, hour by hour."""
    return _hours(session, begin, end, _THERE)


def _hours(session: Session, begin: datetime, end: datetime, hours: str) -> Hours:
    rows = session.execute(text(_HOURS.format(hours=hours)), {"begin": begin, "end": end, "begin_s": begin.timestamp()})
    return {(pool, node): list(zip(hours, sums, strict=True)) for pool, node, hours, sums in rows}


def queue(session: Session) -> list[tuple[str, str, int, datetime]]:
    """Count runs that wait, by pool and phase, with the oldest request of each."""
    counts = select(RunRow.pool, RunRow.phase, func.count(), func.min(RunRow.requested_at)).group_by(RunRow.pool, RunRow.phase)
    # Written so that each half has an index of its own, however many runs have ended.
    sent = counts.where(RunRow.phase.in_(("queued", "running")), RunRow.phase == "queued")
    new = counts.where(RunRow.phase.in_(("requested", "unconfirmed")), RunRow.due_at.is_not(None))
    return [(pool, phase, count, since) for pool, phase, count, since in session.execute(sent.union_all(new))]


def node_states(session: Session) -> dict[tuple[str, str], int]:
    """Count nodes by pool and state."""
    rows = session.execute(select(NodeRow.pool, NodeRow.state, func.count()).group_by(NodeRow.pool, NodeRow.state))
    return {(pool, state): count for pool, state, count in rows}


def recent_phases(session: Session, since: datetime) -> dict[str, int]:
    """Count the latest changes of runs by phase; of a storm, the last twenty thousand."""
    last = select(RunEventRow.phase, RunEventRow.at).order_by(RunEventRow.seq.desc()).limit(_RECENT).subquery()
    rows = session.execute(select(last.c.phase, func.count()).where(last.c.at >= since).group_by(last.c.phase))
    return {phase: count for phase, count in rows}  # noqa: C416 - rows are no pairs to the type checker


def _slot(by: By, hour: ColumnElement[datetime] | Any) -> ColumnElement[datetime]:
    return func.date_trunc(text("'day'"), hour, text(f"'{ZONE}'")) if by is By.DAY else hour


def tenants_of(session: Session, pool: str, since: datetime) -> set[str]:
    """Return the tenants that used a pool since a moment."""
    return set(session.scalars(select(UtilisationRow.tenant).where(UtilisationRow.hour >= since, UtilisationRow.pool == pool).distinct()))


def _used(window_start: datetime, card_ms: int, pool: str, tenant: str, node: str | None) -> Used:
    return Used(hour_of(window_start), pool, tenant, tuple(hostlist.expand(node or "")), card_ms)
