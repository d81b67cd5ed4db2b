"""All SQL of spending, over the charges of a month."""

from sqlalchemy import select, text, tuple_
from sqlalchemy.orm import Session

from wutong.compute.billing.charge_store import charge
from wutong.compute.billing.tables import BilledJobRow, ChargeRow
from wutong.compute.budgets.rules import BILL_ZONE
from wutong.compute.spending.rules import PROJECT_LABEL, By, DayPart, MonthLine

_KEYS = {
    By.PERSON: ("c.person_id", ""),
    By.FLAVOUR: ("b.flavour", "JOIN compute_billed_job b ON b.job_id = c.job_id"),
    By.PROJECT: ("coalesce(j.labels ->> :label, '')", "LEFT JOIN compute_job j ON j.id = c.job_id"),
}


def parts_of(session: Session, tenant_id: str, month: str, by: By) -> list[DayPart]:
    """Return what each group used on each day of a month. What was taken back counts on the day it was."""
    key, join = _KEYS[by]
    query = f"""
        SELECT CAST((CASE c.kind WHEN 'reversal' THEN c.at ELSE c.window_start END) AT TIME ZONE :zone AS date) AS day, {key} AS key,
            sum(c.card_ms), sum(c.package_seconds), sum(c.amount_fen)
        FROM compute_charge c {join} WHERE c.tenant_id = :tenant AND c.month = :month GROUP BY 1, 2"""  # noqa: S608 - from the table above
    values = {"tenant": tenant_id, "month": month, "zone": BILL_ZONE.key, "label": PROJECT_LABEL}
    if by is not By.PROJECT:
        del values["label"]
    return [DayPart(day, found, int(ms), int(seconds), int(fen)) for day, found, ms, seconds, fen in session.execute(text(query), values)]


def lines_of(session: Session, tenant_id: str, month: str, after: tuple[str, int], limit: int) -> list[MonthLine]:
    """Return a month's lines in the order of their jobs."""
    place = tuple_(ChargeRow.job_id, ChargeRow.seq)
    query = select(ChargeRow, BilledJobRow.job_name, BilledJobRow.flavour).join(BilledJobRow, BilledJobRow.job_id == ChargeRow.job_id)
    query = query.where(ChargeRow.tenant_id == tenant_id, ChargeRow.month == month, place > after)
    rows = session.execute(query.order_by(ChargeRow.job_id, ChargeRow.seq).limit(limit))
    return [MonthLine(charge(row), name, flavour) for row, name, flavour in rows]
