"""All SQL of comparison: what is compared, read from runs and usage, and what came of it."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from wutong.centre.comparison.rules import Comparison, Difference, DifferenceKind, Start
from wutong.centre.comparison.tables import ComparisonRow, DifferenceRow
from wutong.centre.runs.tables import RunRow
from wutong.centre.usage.tables import UsageRow

_CHUNK = 1000
_FIELDS = [name for name in Comparison.__dataclass_fields__ if name != "id"]


def runs_ended(session: Session, engine: str, since: datetime, until: datetime) -> dict[str, datetime]:
    """Return the runs of an engine that ended in a span, and since when the engine may have known each."""
    rows = select(RunRow.name, RunRow.requested_at).where(RunRow.engine == engine, RunRow.phase == "ended")
    found = session.execute(rows.where(RunRow.ended_at >= since, RunRow.ended_at < until)).all()
    return {name: at for name, at in found}  # noqa: C416 - rows are no pairs to the type checker


def first_end(session: Session, engine: str, since: datetime) -> datetime | None:
    """Return when the first run since a moment ended."""
    return session.scalar(select(func.min(RunRow.ended_at)).where(RunRow.engine == engine, RunRow.phase == "ended", RunRow.ended_at >= since))


def known_runs(session: Session, names: Sequence[str]) -> set[str]:
    """Return those of these names that runs of ours have."""
    parts = [names[first : first + _CHUNK] for first in range(0, len(names), _CHUNK)]
    return {name for part in parts for name in session.scalars(select(RunRow.name).where(RunRow.name.in_(part)))}


def starts_of(session: Session, names: Sequence[str]) -> dict[str, list[Start]]:
    """Add up the usage journal by start of these runs."""
    found: dict[str, list[Start]] = {}
    scope = (UsageRow.run_name, UsageRow.restart, UsageRow.window_start)
    for first in range(0, len(names), _CHUNK):
        last = select(*scope, func.max(UsageRow.cards).label("cards"), func.max(UsageRow.card_seconds_ms).label("card_ms"))
        windows = last.where(UsageRow.run_name.in_(names[first : first + _CHUNK])).group_by(*scope).subquery()
        sums = select(windows.c.run_name, windows.c.restart, func.max(windows.c.cards), func.sum(windows.c.card_ms))
        rows = session.execute(sums.group_by(windows.c.run_name, windows.c.restart).order_by(windows.c.run_name, windows.c.restart))
        for name, restart, cards, card_ms in rows:
            found.setdefault(name, []).append(Start(restart, cards, int(card_ms)))
    return found


def add(session: Session, comparison: Comparison, differences: Sequence[Difference]) -> Comparison:
    """Append a comparison with what differs; returns it with its id."""
    values = {name: getattr(comparison, name) for name in _FIELDS}
    number = session.execute(insert(ComparisonRow).values(values).returning(ComparisonRow.id)).scalar_one()
    if differences:
        session.execute(insert(DifferenceRow), [{**asdict(each), "kind": each.kind.value, "comparison_id": number} for each in differences])
    return Comparison(number, **values)


def latest(session: Session, engine: str | None, since: date) -> list[Comparison]:
    """Return the newest comparison of each engine and day, the newest day first."""
    newest = select(func.max(ComparisonRow.id)).where(ComparisonRow.day >= since).group_by(ComparisonRow.engine, ComparisonRow.day)
    rows = select(ComparisonRow).where(ComparisonRow.id.in_(newest)).order_by(ComparisonRow.day.desc(), ComparisonRow.engine)
    return [_comparison(row) for row in session.scalars(rows if engine is None else rows.where(ComparisonRow.engine == engine))]


def differences(session: Session, comparison_ids: Sequence[int], limit: int) -> list[tuple[int, Difference]]:
    """Return what differed, with the comparison's id."""
    rows = select(DifferenceRow).where(DifferenceRow.comparison_id.in_(comparison_ids))
    found = session.scalars(rows.order_by(DifferenceRow.comparison_id.desc(), DifferenceRow.run_name).limit(limit))
    return [(row.comparison_id, _difference(row)) for row in found]


def _comparison(row: ComparisonRow) -> Comparison:
    return Comparison(row.id, **{name: getattr(row, name) for name in _FIELDS})


def _difference(row: DifferenceRow) -> Difference:
    return Difference(row.run_name, DifferenceKind(row.kind), row.our_card_ms, row.their_card_ms, row.ours, row.theirs)
