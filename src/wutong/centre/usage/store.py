"""All SQL of the usage journal."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import UTC

from sqlalchemy import bindparam, func, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from wutong.centre.engines.protocol import UsageRecord
from wutong.centre.usage.rules import Fact, Refusal, Total, Usage, Window
from wutong.centre.usage.tables import ForeignUsageRow, RefusedUsageRow, UsageRow
from wutong.kit import clock
from wutong.kit.database import insert_rows, notify, one_of, rows_json

CHANNEL = "centre_usage"
_MAX_TEXT = 1000
_USAGE = [UsageRow.__table__.c[field.name] for field in fields(Usage)]
_TOTALS = text("""
    SELECT run_name, restart, window_start, seconds_ms, cards, final FROM centre_usage
    WHERE (run_name, restart, window_start) IN
        (SELECT * FROM unnest(CAST(:names AS text[]), CAST(:restarts AS int[]), CAST(:starts AS timestamptz[])))
    ORDER BY run_name, restart, window_start, seconds_ms, final""")
_APPEND = insert_rows(
    "centre_usage", ("run_name", "restart", "window_start", "seconds_ms", "cards", "card_seconds_ms", "final", "fault", "recorded_at")
)
_TABLE = UsageRow.__table__
_AFTER = select(*_USAGE).where(_TABLE.c.seq > bindparam("cursor")).order_by(_TABLE.c.seq).limit(bindparam("most"))
_FINAL = select(_TABLE.c.run_name, _TABLE.c.restart).where(one_of(_TABLE.c.run_name, "names"), _TABLE.c.final)


def totals(session: Session, windows: Collection[Window]) -> dict[Window, Total]:
    """Read how far windows have come."""
    names, restarts, starts = zip(*windows, strict=True) if windows else ((), (), ())
    rows = session.execute(_TOTALS, {"names": list(names), "restarts": list(restarts), "starts": list(starts)})
    return {(name, restart, start.astimezone(UTC)): Total(ms, cards, final) for name, restart, start, ms, cards, final in rows}


def append(session: Session, facts: Sequence[Fact]) -> None:
    """Append facts to the journal; the caller holds its lock."""
    now = clock.now()
    if facts:
        session.execute(_APPEND, {"rows": rows_json({**_columns(fact), "recorded_at": now} for fact in facts)})
        notify(session, CHANNEL)


def after(session: Session, cursor: int, limit: int) -> list[Usage]:
    """Read the journal."""
    return [Usage(*row) for row in session.execute(_AFTER, {"cursor": cursor, "most": limit})]


def of_run(session: Session, name: str) -> list[Usage]:
    """Read a run's lines of the journal."""
    rows = select(*_USAGE).where(UsageRow.run_name == name).order_by(UsageRow.restart, UsageRow.window_start, UsageRow.seq)
    return [Usage(*row) for row in session.execute(rows)]


def final_restarts(session: Session, names: Sequence[str]) -> set[tuple[str, int]]:
    """Return which starts of these runs have their last record."""
    return {(name, restart) for name, restart in session.execute(_FINAL, {"names": list(names)})}


def keep_refused(session: Session, engine: str, refusals: Sequence[Refusal]) -> int:
    """Keep contradictions aside, each once; return how many were new."""
    rows = [{**_aside(engine, each.record), "reason": each.reason, "refused_at": clock.now()} for each in refusals]
    return _keep_new(session, RefusedUsageRow, rows)


def keep_foreign(session: Session, engine: str, records: Sequence[UsageRecord]) -> int:
    """Keep usage of runs that are not ours aside, each record once; return how many were new."""
    return _keep_new(session, ForeignUsageRow, [{**_aside(engine, record), "seen_at": clock.now()} for record in records])


def grand_totals(session: Session) -> tuple[int, int]:
    """Count the runs of the journal, and add up the card time of all windows as last reported."""
    last = select(UsageRow.run_name, func.max(UsageRow.seconds_ms * UsageRow.cards).label("card_ms"))
    windows = last.group_by(UsageRow.run_name, UsageRow.restart, UsageRow.window_start).subquery()
    runs, card_ms = session.execute(select(func.count(windows.c.run_name.distinct()), func.sum(windows.c.card_ms))).one()
    return runs, int(card_ms or 0)


def count_aside(session: Session) -> tuple[int, int]:
    """Count what was refused and what was foreign."""
    refused = session.scalar(select(func.count()).select_from(RefusedUsageRow)) or 0
    return refused, session.scalar(select(func.count()).select_from(ForeignUsageRow)) or 0


def _keep_new(session: Session, table: type[RefusedUsageRow | ForeignUsageRow], rows: Sequence[dict[str, object]]) -> int:
    if not rows:
        return 0
    keep = upsert(table).values(list(rows)).on_conflict_do_nothing(index_elements=["fingerprint"])
    return len(session.execute(keep.returning(table.fingerprint)).all())


def _aside(engine: str, record: UsageRecord) -> dict[str, object]:
    text = repr(record).replace("\x00", "")
    fingerprint = hashlib.sha256(f"{engine} {record!r}".encode("utf-8", "replace")).hexdigest()
    return {"fingerprint": fingerprint, "engine": engine, "run_name": repr(record.name)[1:-1][:_MAX_TEXT], "record": text[:_MAX_TEXT]}


def _columns(fact: Fact) -> dict[str, object]:
    name, restart, start = fact.window
    total = fact.total
    sizes = {
        "seconds_ms": total.seconds_ms,
        "cards": total.cards,
        "card_seconds_ms": total.seconds_ms * total.cards,
        "final": total.final,
        "fault": total.fault,
    }
    return {"run_name": name, "restart": restart, "window_start": start, **sizes}
