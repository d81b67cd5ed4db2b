"""All SQL of runs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from wutong.centre.engines.protocol import EndReason
from wutong.centre.runs.decisions import Step
from wutong.centre.runs.rules import Run, RunEvent, RunPhase, StopWhy
from wutong.centre.runs.tables import EngineRow, RunEventRow, RunRow
from wutong.kit.database import notify, one_of, rows_json

EVENTS = "centre_run_events"
RUNS = "centre_runs"

_FIELDS = [field.name for field in fields(Run) if field.name != "lost_contact_since"]
_TABLE = RunRow.__table__
_COLUMNS = [_TABLE.c[name] for name in _FIELDS]
_FIXED = {"name", "pool", "engine", "tenant", "cards", "requested_at", "version"}
_LIVE = RunRow.phase.in_(("queued", "running"))
_KINDS = (("phase", RunPhase), ("reason", EndReason), ("stop_why", StopWhy))
_ENUMS = [(_FIELDS.index(name), kind) for name, kind in _KINDS]
_EVENT_FIELDS = [field.name for field in fields(RunEvent)]
_EVENT = RunEventRow.__table__
_EVENT_COLUMNS = [_EVENT.c[name] for name in _EVENT_FIELDS]
_EVENT_ENUMS = [(_EVENT_FIELDS.index(name), kind) for name, kind in _KINDS]
_TOLD = [name for name in _EVENT_FIELDS if name not in ("seq", "at")]
_NAMED = one_of(_TABLE.c.name, "names")
_ENGINE = EngineRow.__table__
_LOAD = select(*_COLUMNS, _ENGINE.c.lost_contact_since).join(_ENGINE, _ENGINE.c.name == _TABLE.c.engine, isouter=True).where(_NAMED)
_KNOWN = select(_TABLE.c.name).where(_NAMED)
_LOCK = select(*_COLUMNS).where(_NAMED).order_by(_TABLE.c.name).with_for_update()
_ASKED = (_TABLE.c.engine == bindparam("engine"), _TABLE.c.due_at <= bindparam("now"))
_DUE = select(*_COLUMNS).where(*_ASKED).order_by(_TABLE.c.due_at).limit(bindparam("most"))
_SPECS = select(_TABLE.c.name, _TABLE.c.spec).where(_NAMED)
_EVENTS_AFTER = select(*_EVENT_COLUMNS).where(_EVENT.c.seq > bindparam("cursor")).order_by(_EVENT.c.seq).limit(bindparam("most"))
_SAVE = text(f"""
    WITH kept AS (
        UPDATE centre_run r SET version = r.version + 1, {", ".join(f"{name} = n.{name}" for name in _FIELDS if name not in _FIXED)}
        FROM jsonb_populate_recordset(CAST(NULL AS centre_run), CAST(:runs AS jsonb)) AS n WHERE r.name = n.name AND r.version = n.version),
    told AS (
        INSERT INTO centre_run_event (at, {", ".join(_TOLD)}) SELECT at, {", ".join(_TOLD)}
        FROM jsonb_populate_recordset(CAST(NULL AS centre_run_event), CAST(:events AS jsonb)) RETURNING seq)
    SELECT pg_notify(:channel, '') FROM told LIMIT 1""")  # noqa: S608 - the names of our own columns
_WANT_FORGOTTEN = text("""
    WITH there AS (SELECT name FROM centre_run WHERE name = ANY (:names) AND phase = 'ended' AND NOT forget ORDER BY name FOR UPDATE),
    wanted AS (UPDATE centre_run r SET forget = true, due_at = :now, version = version + 1 FROM there WHERE r.name = there.name RETURNING r.name)
    SELECT pg_notify(:channel, '') FROM wanted LIMIT 1""")
_NEW_FIELDS = ("name", "tenant", "cards", "version", "restart", "detail", "tries", "absent_count", "forget")
_INSERT = text("""
    WITH place AS (
        SELECT p.name, p.engine, coalesce(e.allow_unconfined OR (e.capabilities ->> 'isolated')::boolean OR e.tenant = :tenant, false) AS open
        FROM centre_pool p LEFT JOIN centre_engine e ON e.name = p.engine WHERE p.name = :pool),
    new AS (
        INSERT INTO centre_run (name, pool, engine, tenant, cards, phase, requested_at, due_at, version, restart, detail, tries, absent_count,
            forget, spec)
        SELECT r.name, place.name, place.engine, r.tenant, r.cards, r.phase, r.at, r.at, r.version, r.restart, r.detail, r.tries, r.absent_count,
            r.forget, r.spec
        FROM place, jsonb_to_record(CAST(:row AS jsonb)) AS r(name text, tenant text, cards int, phase text, at timestamptz, version int, restart int,
            detail text, tries int, absent_count int, forget boolean, spec jsonb)
        WHERE place.open
        ON CONFLICT (name) DO NOTHING RETURNING pg_notify(:channel, ''))
    SELECT engine, open, EXISTS (SELECT FROM new) AS new FROM place""")


def changes_cursor(engine: str) -> str:
    """Return the name under which the reader of an engine's changes keeps its place."""
    return f"centre.changes:{engine}"


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a run was to be written: the engine of its pool, whether that takes runs of the tenant as far as known, and whether the name was free."""

    engine: str
    open: bool
    new: bool


def insert_run(session: Session, run: Run, spec: dict[str, Any]) -> Placed | None:
    """Write a run that is to be requested into the engine of its pool, and wake the reconciler, in one statement; None when there is no such pool.

    Nothing is written when the engine is not known to take this tenant's runs, or the name is taken.
    """
    row = {name: getattr(run, name) for name in _NEW_FIELDS}
    values = {"row": json.dumps({**row, "phase": run.phase.value, "at": run.requested_at.isoformat(), "spec": spec}), "pool": run.pool}
    found = session.execute(_INSERT, {**values, "tenant": run.tenant, "channel": RUNS}).first()
    return None if found is None else Placed(found.engine, found.open, found.new)


def load(session: Session, names: Sequence[str]) -> list[Run]:
    """Read runs with their engine's lost contact."""
    return [_run(row) for row in session.execute(_LOAD, {"names": list(names)})]


def known(session: Session, names: Sequence[str]) -> set[str]:
    """Return those of these names that are runs of ours."""
    return set(session.scalars(_KNOWN, {"names": list(names)}))


def lock(session: Session, names: Sequence[str]) -> list[Run]:
    """Read runs and hold them to the end of the transaction, always in one order."""
    return [_run(row) for row in session.execute(_LOCK, {"names": list(names)})]


def due(session: Session, engine: str, now: datetime, limit: int) -> list[Run]:
    """Read the runs to act on now, longest due first."""
    return [_run(row) for row in session.execute(_DUE, {"engine": engine, "now": now, "most": limit})]


def next_due(session: Session, engine: str) -> datetime | None:
    """Return when the next run is due."""
    return session.scalar(select(RunRow.due_at).where(RunRow.engine == engine, RunRow.due_at.is_not(None)).order_by(RunRow.due_at).limit(1))


def unseen(session: Session, engine: str, before: datetime, limit: int) -> list[Run]:
    """Read live runs that were not seen for long and are not due anyway, longest first."""
    rows = select(*_COLUMNS).where(RunRow.engine == engine, _LIVE, RunRow.seen_at < before, RunRow.due_at.is_(None))
    return [_run(row) for row in session.execute(rows.order_by(RunRow.seen_at).limit(limit))]


def touch(session: Session, names: Sequence[str], now: datetime) -> None:
    """Note that live runs were seen, unchanged."""
    session.execute(update(RunRow).where(RunRow.name.in_(names), _LIVE).values(seen_at=now))


def specs(session: Session, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Read what was asked for."""
    return {row.name: row.spec for row in session.execute(_SPECS, {"names": list(names)})}


def save(session: Session, steps: Sequence[Step], now: datetime) -> None:
    """Write the next state of locked runs, and the journal's lines for those that readers are told of, in one statement."""
    if not steps:
        return
    rows = [_plain(step.run) for step in steps]
    events = [{**{name: row[name] for name in _TOLD}, "at": now} for row, step in zip(rows, steps, strict=True) if step.event]
    session.execute(_SAVE, {"runs": rows_json(rows), "events": rows_json(events), "channel": EVENTS})


def want(session: Session, name: str, now: datetime, **wanted: Any) -> None:
    """Note what somebody wants of a run and make it due."""
    session.execute(update(RunRow).where(RunRow.name == name).values(**wanted, due_at=now, version=RunRow.version + 1))
    notify(session, RUNS)


def want_forgotten(session: Session, names: Sequence[str], now: datetime) -> None:
    """Note that runs may be forgotten, those of them that have ended, and make them due."""
    session.execute(_WANT_FORGOTTEN, {"names": sorted(set(names)), "now": now, "channel": RUNS})


def events_after(session: Session, cursor: int, limit: int) -> list[RunEvent]:
    """Read the journal."""
    return [_event(row) for row in session.execute(_EVENTS_AFTER, {"cursor": cursor, "most": limit})]


def events_of(session: Session, name: str) -> list[RunEvent]:
    """Read a run's lines of the journal."""
    return [_event(row) for row in session.execute(select(*_EVENT_COLUMNS).where(RunEventRow.name == name).order_by(RunEventRow.seq))]


def cards_running(session: Session) -> dict[str, int]:
    """Count the cards that running runs hold, by pool."""
    rows = select(RunRow.pool, func.sum(RunRow.cards)).where(RunRow.phase == "running").group_by(RunRow.pool)
    return {pool: int(cards) for pool, cards in session.execute(rows)}


def cards_by_nodes(session: Session) -> dict[tuple[str, str], int]:
    """Count the cards that running runs hold, by pool and the nodes they run on, as their engine writes these."""
    running = select(RunRow.pool, RunRow.node, func.sum(RunRow.cards)).where(RunRow.phase == "running", RunRow.node.is_not(None))
    return {(pool, nodes or ""): int(cards) for pool, nodes, cards in session.execute(running.group_by(RunRow.pool, RunRow.node))}


def waiting(session: Session, pool: str, limit: int) -> list[Run]:
    """Read the head of a pool's queue, in the order of positions as last seen; those without one come last."""
    rows = select(*_COLUMNS).where(_LIVE, RunRow.phase == "queued", RunRow.pool == pool)
    return [_run(row) for row in session.execute(rows.order_by(RunRow.position.nulls_last(), RunRow.requested_at, RunRow.name).limit(limit))]


def find_engine(session: Session, name: str) -> EngineRow | None:
    """Read an engine's row."""
    return session.get(EngineRow, name, populate_existing=True)


def keep_engine(session: Session, name: str, **values: Any) -> None:
    """Write an engine's row."""
    row = {
        "name": name,
        "capabilities": None,
        "refreshed_at": None,
        "lost_contact_since": None,
        "problem": "",
        "allow_unconfined": False,
        "tenant": None,
    }
    session.execute(upsert(EngineRow).values(**{**row, **values}).on_conflict_do_update(index_elements=["name"], set_=values or {"name": name}))


def claim_engine(session: Session, name: str, tenant: str) -> str:
    """Make a tenant the only one of an unconfined engine unless another was first; return who it is."""
    session.execute(update(EngineRow).where(EngineRow.name == name, EngineRow.tenant.is_(None)).values(tenant=tenant))
    return session.scalars(select(EngineRow.tenant).where(EngineRow.name == name)).one() or ""


def _plain(run: Run) -> dict[str, Any]:
    return {name: getattr(run, name) for name in _FIELDS}


def _run(row: Row[*tuple[Any, ...]]) -> Run:
    values = list(row)
    for place, kind in _ENUMS:
        values[place] = None if values[place] is None else kind(values[place])
    return Run(*values)


def _event(row: Row[*tuple[Any, ...]]) -> RunEvent:
    values = list(row)
    for place, kind in _EVENT_ENUMS:
        values[place] = None if values[place] is None else kind(values[place])
    return RunEvent(*values)
