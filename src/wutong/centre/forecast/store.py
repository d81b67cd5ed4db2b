"""All SQL of the forecast: runs as forecasters see them, what is told of them, and what came of it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from wutong.centre.forecast.rules import WAITS_S, Ask, Past
from wutong.centre.forecast.tables import ForecasterRow, ForecastRow, ForecastScoreRow, OutlookRow
from wutong.centre.forecast.told import Cell, Forecast, ForecastAccuracy, Outlook, Seen
from wutong.centre.runs.tables import RunEventRow, RunRow
from wutong.kit.database import one_of, rows_json

_TELL = text("""
    INSERT INTO centre_forecast (run_name, pool, made_at, start_at, bound_at, first_made_at, first_start_at, first_bound_at)
    SELECT run_name, pool, made_at, start_at, bound_at, made_at, start_at, bound_at
    FROM jsonb_populate_recordset(CAST(NULL AS centre_forecast), CAST(:rows AS jsonb))
    ON CONFLICT (run_name) DO UPDATE SET pool = excluded.pool, made_at = excluded.made_at,
        start_at = excluded.start_at, bound_at = excluded.bound_at""")
_SCORE = text("""
    WITH began AS (SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS b(run_name text, started_at timestamptz)),
    gone AS (DELETE FROM centre_forecast f USING began b WHERE f.run_name = b.run_name RETURNING f.*, b.started_at)
    INSERT INTO centre_forecast_score (run_name, made_at, pool, start_at, bound_at, started_at)
    SELECT run_name, first_made_at, pool, first_start_at, first_bound_at, started_at FROM gone
    WHERE started_at >= first_made_at AND greatest(started_at, first_start_at) >= first_made_at + make_interval(secs => :waits_s)
    ON CONFLICT DO NOTHING""")
_ACCURACY = text("""
    SELECT pool, count(*) FILTER (WHERE waited >= :waits_s) AS jobs,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY error) FILTER (WHERE waited >= :waits_s) AS median_error_s,
        count(*) FILTER (WHERE told >= :waits_s AND kept IS NOT NULL) AS foretold,
        avg(kept) FILTER (WHERE told >= :waits_s) AS coverage
    FROM (SELECT pool COLLATE "C" AS pool, extract(epoch FROM started_at - made_at) AS waited, extract(epoch FROM start_at - made_at) AS told,
            CAST(abs(extract(epoch FROM started_at - start_at)) AS double precision) AS error, CAST(started_at <= bound_at AS int) AS kept
        FROM centre_forecast_score WHERE started_at >= :since AND started_at < :until AND (CAST(:pool AS text) IS NULL OR pool = :pool)) AS s
    GROUP BY pool ORDER BY pool""")


_LIMIT, _PERSON, _SERVICE = (RunRow.spec[name].astext for name in ("time_limit_s", "person", "service"))
_SEEN: Select[Any] = select(
    *(RunRow.name, RunRow.pool, RunRow.tenant, RunRow.cards, RunRow.phase, func.coalesce(RunRow.submitted_at, RunRow.requested_at)),
    *(RunRow.started_at, RunRow.ended_at, _LIMIT, _PERSON),
)
_NAMED = _SEEN.where(one_of(RunRow.__table__.c.name, "names"))


def seen(session: Session, names: Sequence[str]) -> dict[str, Seen]:
    """Read runs by name."""
    return {row[0]: _seen(row) for row in session.execute(_NAMED, {"names": list(names)})}


def live(session: Session) -> dict[str, Seen]:
    """Read all runs that wait or run."""
    return {row[0]: _seen(row) for row in session.execute(_SEEN.where(RunRow.phase.in_(("queued", "running"))))}


def ended_lately(session: Session, pool: str, limit: int) -> list[Seen]:
    """Read a pool's runs that ended last, in the order of their ends."""
    rows = _SEEN.where(RunRow.phase == "ended", RunRow.pool == pool, RunRow.started_at.is_not(None))
    return [_seen(row) for row in session.execute(rows.order_by(RunRow.ended_at.desc()).limit(limit))][::-1]


def last_seq(session: Session) -> int:
    """Return where the journal of runs ends."""
    return session.scalar(select(func.max(RunEventRow.seq))) or 0


def tell(session: Session, forecasts: Iterable[Forecast]) -> None:
    """Write what is told of runs now; what was told of each first stays."""
    rows = [{name: getattr(each, name) for name in ("run_name", "pool", "made_at", "start_at", "bound_at")} for each in forecasts]
    if rows:
        session.execute(_TELL, {"rows": rows_json(rows)})


def score(session: Session, began: Mapping[str, datetime]) -> None:
    """Hold what was told of runs that started against when they did. What was no wait, and foretold to be none, says nothing."""
    if began:
        rows = [{"run_name": name, "started_at": at} for name, at in began.items()]
        session.execute(_SCORE, {"rows": rows_json(rows), "waits_s": WAITS_S})


def drop(session: Session, names: Iterable[str]) -> None:
    """Tell nothing more of runs that do not wait."""
    session.execute(delete(ForecastRow).where(one_of(ForecastRow.__table__.c.run_name, "names")), {"names": sorted(names)})


def told(session: Session, names: Sequence[str] | None = None) -> dict[str, Forecast]:
    """Read what is told of runs; of all when none is named."""
    rows = select(ForecastRow.run_name, ForecastRow.pool, ForecastRow.made_at, ForecastRow.start_at, ForecastRow.bound_at)
    named = rows if names is None else rows.where(one_of(ForecastRow.__table__.c.run_name, "names"))
    return {row[0]: Forecast(*row) for row in session.execute(named, {"names": list(names or ())})}


def accuracy(session: Session, since: datetime, until: datetime, pool: str | None) -> list[ForecastAccuracy]:
    """Sum up what came of forecasts of the runs that started in a span, by pool."""
    found = session.execute(_ACCURACY, {"since": since, "until": until, "pool": pool, "waits_s": WAITS_S})
    return [ForecastAccuracy(name, jobs, median_s, many, None if part is None else float(part)) for name, jobs, median_s, many, part in found]


def forget_scores(session: Session, before: datetime) -> None:
    """Drop what is too old to be asked for."""
    session.execute(delete(ForecastScoreRow).where(ForecastScoreRow.started_at < before))


def keep_outlook(session: Session, outlook: Outlook) -> None:
    """Write a pool's outlook."""
    cells = [[cell.cards, cell.limit_s, cell.wait_s, cell.bound_s] for cell in outlook.cells]
    keep = insert(OutlookRow).values(pool=outlook.pool, made_at=outlook.made_at, cells=cells)
    session.execute(keep.on_conflict_do_update(index_elements=["pool"], set_={"made_at": outlook.made_at, "cells": cells}))


def looked_at(session: Session) -> dict[str, datetime]:
    """Return when each pool was looked at last, or not long before."""
    return {row.pool: row.made_at for row in session.execute(select(OutlookRow.pool, OutlookRow.made_at))}


def outlooks(session: Session, pool: str | None = None) -> dict[str, Outlook]:
    """Read the outlook of a pool, or of all."""
    rows = select(OutlookRow.pool, OutlookRow.made_at, OutlookRow.cells)
    found = session.execute(rows if pool is None else rows.where(OutlookRow.pool == pool))
    return {name: Outlook(name, made_at, tuple(Cell(*cell) for cell in cells)) for name, made_at, cells in found}


def save(session: Session, pool: str, seq: int, now: datetime, state: dict[str, Any]) -> None:
    """Keep what a forecaster has learnt up to a line of the journal."""
    row = {"seq": seq, "saved_at": now, "state": state}
    session.execute(insert(ForecasterRow).values(pool=pool, **row).on_conflict_do_update(index_elements=["pool"], set_=row))


def move_on(session: Session, seq: int) -> None:
    """Note how far all forecasters have come, also those that learnt nothing on the way."""
    session.execute(update(ForecasterRow).values(seq=seq))


def saved(session: Session) -> dict[str, tuple[int, dict[str, Any]]]:
    """Read what each pool's forecaster had learnt, and up to where."""
    return {pool: (seq, state) for pool, seq, state in session.execute(select(ForecasterRow.pool, ForecasterRow.seq, ForecasterRow.state))}


def past(session: Session, pool: str, begin: datetime, end: datetime, limit: int) -> list[Past]:
    """Read the runs of a pool that were requested in a span and ran, by submission."""
    rows = _SEEN.add_columns(_SERVICE).where(RunRow.phase == "ended", RunRow.pool == pool, RunRow.started_at.is_not(None))
    rows = rows.where(RunRow.requested_at >= begin, RunRow.requested_at < end).order_by(RunRow.requested_at, RunRow.name).limit(limit)
    return [_past(_seen(row), row[-1] or "") for row in session.execute(rows)]


def _past(run: Seen, service: str) -> Past:
    waited_s = max(run.started_at.timestamp() - run.ask.submit_s, 0.0) if run.started_at else None
    return Past(run.ask, max(run.run_s or 0.0, 1.0), run.ask.tenant, service, waited_s)


def _seen(row: Sequence[Any]) -> Seen:
    name, pool, tenant, cards, phase, asked_at, started_at, ended_at, limit_s, person = row[:10]
    user = f"{tenant}/{person}" if person else tenant
    return Seen(Ask(name, cards, float(limit_s) if limit_s else None, asked_at.timestamp(), user, tenant=tenant), pool, phase, started_at, ended_at)
