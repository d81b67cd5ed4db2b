"""All SQL of spending, over the charges of a month."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import select, text, tuple_
from sqlalchemy.orm import Session

from wutong.compute.billing.charge_store import charge
from wutong.compute.billing.tables import BilledJobRow, ChargeRow
from wutong.compute.budgets.rules import BILL_ZONE
from wutong.compute.spending.rules import PROJECT_LABEL, By, DayPart, MonthLine

_KEYS = {
    By.PERSON: "c.person_id",
    By.FLAVOUR: "(SELECT b.flavour FROM compute_billed_job b WHERE b.job_id = c.job_id)",
    By.PROJECT: "(SELECT j.labels ->> :label FROM compute_job j WHERE j.id = c.job_id)",
}
_MIDNIGHT = datetime(2026, 1, 1, tzinfo=BILL_ZONE)
"""Days of the bill are counted from here: its zone keeps one offset, and counting takes a fifth of the time of asking the zone for each row."""
# A job has a charge for each minute: adding up by job and day first leaves a few rows, and each looks up its job by key.
_PARTS = """
    WITH c AS MATERIALIZED (
        SELECT job_id, person_id, date_bin('1 day', CASE kind WHEN 'reversal' THEN at ELSE window_start END, :midnight) AS day,
            sum(card_ms) AS card_ms, sum(package_seconds) AS package_seconds, sum(amount_fen) AS amount_fen
        FROM compute_charge WHERE tenant_id = :tenant AND month = :month GROUP BY 1, 2, 3)
    SELECT c.day, coalesce({key}, '') AS key, sum(c.card_ms), sum(c.package_seconds), sum(c.amount_fen) FROM c GROUP BY 1, 2"""


def parts_of(session: Session, tenant_id: str, month: str, by: By) -> list[DayPart]:
    """Return what each group used on each day of a month. What was taken back counts on the day it was."""
    values = {"tenant": tenant_id, "month": month, "midnight": _MIDNIGHT, "label": PROJECT_LABEL}
    if by is not By.PROJECT:
        del values["label"]
    rows = session.execute(text(_PARTS.format(key=_KEYS[by])), values)
    return [DayPart(_day(begins), found, int(ms), int(seconds), int(fen)) for begins, found, ms, seconds, fen in rows]


_DAYS = text("""
    SELECT date_bin('1 day', CASE kind WHEN 'reversal' THEN at ELSE window_start END, :midnight) AS day,
        sum(card_ms), sum(package_seconds), sum(amount_fen)
    FROM compute_charge WHERE tenant_id = :tenant AND month = ANY(:months) GROUP BY 1""")


def days_of_months(session: Session, tenant_id: str, months: Sequence[str]) -> list[DayPart]:
    """Return what was used on each day of some months."""
    rows = session.execute(_DAYS, {"tenant": tenant_id, "months": list(months), "midnight": _MIDNIGHT})
    return [DayPart(_day(begins), "", int(ms), int(seconds), int(fen)) for begins, ms, seconds, fen in rows]


def _day(begins: datetime) -> date:
    return begins.astimezone(BILL_ZONE).date()


def lines_of(session: Session, tenant_id: str, month: str, after: tuple[str, int], limit: int) -> list[MonthLine]:
    """Return a month's lines in the order of their jobs."""
    place = tuple_(ChargeRow.job_id, ChargeRow.seq)
    query = select(ChargeRow, BilledJobRow.job_name, BilledJobRow.flavour).join(BilledJobRow, BilledJobRow.job_id == ChargeRow.job_id)
    query = query.where(ChargeRow.tenant_id == tenant_id, ChargeRow.month == month, place > after)
    rows = session.execute(query.order_by(ChargeRow.job_id, ChargeRow.seq).limit(limit))
    return [MonthLine(charge(row), name, flavour) for row, name, flavour in rows]
