"""All SQL of runs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from wutong.centre.engines.protocol import EndReason
from wutong.centre.runs.decisions import Step
from wutong.centre.runs.rules import Run, RunEvent, RunPhase, StopWhy
from wutong.centre.runs.tables import EngineRow, RunEventRow, RunRow
from wutong.kit.database import notify

EVENTS = "centre_run_events"
RUNS = "centre_runs"

_FIELDS = [field.name for field in fields(Run) if field.name != "lost_contact_since"]
_TABLE = RunRow.__table__
_COLUMNS = [_TABLE.c[name] for name in _FIELDS]
_FIXED = {"name", "pool", "engine", "tenant", "cards", "requested_at", "version"}
_LIVE = RunRow.phase.in_(("queued", "running"))
_ENUMS = [(_FIELDS.index(name), kind) for name, kind in (("phase", RunPhase), ("reason", EndReason), ("stop_why", StopWhy))]
_EVENT_FIELDS = [field.name for field in fields(RunEvent)]
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
    rows = select(*_COLUMNS, EngineRow.lost_contact_since).join(EngineRow, EngineRow.name == RunRow.engine, isouter=True)
    return [_run(row) for row in session.execute(rows.where(RunRow.name.in_(names)))]


def lock(session: Session, names: Sequence[str]) -> list[Run]:
    """Read runs and hold them to the end of the transaction, always in one order."""
    rows = select(*_COLUMNS).where(RunRow.name.in_(names)).order_by(RunRow.name).with_for_update(of=RunRow)
    return [_run(row) for row in session.execute(rows)]


def due(session: Session, engine: str, now: datetime, limit: int) -> list[Run]:
    """Read the runs to act on now, longest due first."""
    rows = select(*_COLUMNS).where(RunRow.engine == engine, RunRow.due_at <= now).order_by(RunRow.due_at).limit(limit)
    return [_run(row) for row in session.execute(rows)]


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
    rows = select(RunRow.name, RunRow.spec).where(RunRow.name.in_(names))
    return {row.name: row.spec for row in session.execute(rows)}


def save(session: Session, steps: Sequence[Step], now: datetime) -> None:
    """Write the next state of locked runs, and the journal's lines for those that readers are told of."""
    if not steps:
        return
    values: dict[str, Any] = {name: bindparam(name) for name in _FIELDS if name not in _FIXED}
    guard = (_TABLE.c.name == bindparam("b_name"), _TABLE.c.version == bindparam("b_version"))
    change = _TABLE.update().where(*guard).values(**values, version=_TABLE.c.version + 1)  # type: ignore[attr-defined]
    rows = [{**_plain(step.run), "b_name": step.run.name, "b_version": step.run.version} for step in steps]
    session.connection().execute(change, rows)
    events = [_event_row(step.run, now) for step in steps if step.event]
    if events:
        session.execute(insert(RunEventRow), events)
        notify(session, EVENTS)


def want(session: Session, name: str, now: datetime, **wanted: Any) -> None:
    """Note what somebody wants of a run and make it due."""
    want_all(session, [name], now, **wanted)


def want_all(session: Session, names: Sequence[str], now: datetime, **wanted: Any) -> None:
    """Note what somebody wants of several runs and make them due."""
    session.execute(update(RunRow).where(RunRow.name.in_(names)).values(**wanted, due_at=now, version=RunRow.version + 1))
    notify(session, RUNS)


def events_after(session: Session, cursor: int, limit: int) -> list[RunEvent]:
    """Read the journal."""
    rows = select(RunEventRow).where(RunEventRow.seq > cursor).order_by(RunEventRow.seq).limit(limit)
    return [_event(row) for row in session.scalars(rows)]


def events_of(session: Session, name: str) -> list[RunEvent]:
    """Read a run's lines of the journal."""
    return [_event(row) for row in session.scalars(select(RunEventRow).where(RunEventRow.name == name).order_by(RunEventRow.seq))]


def cards_running(session: Session) -> dict[str, int]:
    """Count the cards that running runs hold, by pool."""
    rows = select(RunRow.pool, func.sum(RunRow.cards)).where(RunRow.phase == "running").group_by(RunRow.pool)
    return {pool: int(cards) for pool, cards in session.execute(rows)}


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
    values = {name: getattr(run, name) for name in _FIELDS}
    for name in ("phase", "reason", "stop_why"):
        values[name] = None if values[name] is None else values[name].value
    return values


def _run(row: Row[*tuple[Any, ...]]) -> Run:
    values = list(row)
    for place, kind in _ENUMS:
        values[place] = None if values[place] is None else kind(values[place])
    return Run(*values)


def _event_row(run: Run, now: datetime) -> dict[str, Any]:
    return {"at": now, **{name: value for name, value in _plain(run).items() if name in _EVENT_FIELDS}}


def _event(row: RunEventRow) -> RunEvent:
    values = {name: getattr(row, name) for name in _EVENT_FIELDS}
    values["phase"] = RunPhase(row.phase)
    values["reason"] = row.reason and EndReason(row.reason)
    values["stop_why"] = row.stop_why and StopWhy(row.stop_why)
    return RunEvent(**values)
