"""What the centre earned in a time, and out of which pockets. It reads every transfer: for reports, not for pages that are asked for often."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from wutong.ledger.rules import CENTRE, FEN, AccountKind

_INCOME = text("""
    WITH revenue AS (SELECT id FROM ledger_account WHERE owner = :centre AND kind = :revenue AND unit = :unit),
    moved AS (
        SELECT from_account AS other, amount FROM ledger_transfer
        WHERE to_account IN (SELECT id FROM revenue) AND at >= :since AND at < :until
        UNION ALL
        SELECT to_account, -amount FROM ledger_transfer
        WHERE from_account IN (SELECT id FROM revenue) AND at >= :since AND at < :until)
    SELECT CASE WHEN a.kind = 'hold' THEN CASE WHEN a.label = '' THEN 'cash' ELSE 'credit' END ELSE a.kind END AS pocket,
        CAST(sum(m.amount) AS bigint)
    FROM moved m JOIN ledger_account a ON a.id = m.other GROUP BY 1 HAVING sum(m.amount) <> 0 ORDER BY 2 DESC, 1""")


@dataclass(frozen=True, slots=True)
class Income:
    """What was earned out of one kind of pocket, less what was taken back: cash, credit (vouchers), receivable (owed), deferred (orders)."""

    pocket: AccountKind
    amount_fen: int


def income(session: Session, since: datetime, until: datetime) -> list[Income]:
    """Return what the centre earned in a span by pocket, the most first."""
    values = {"centre": CENTRE, "revenue": AccountKind.REVENUE.value, "unit": FEN, "since": since, "until": until}
    return [Income(AccountKind(pocket), amount) for pocket, amount in session.execute(_INCOME, values)]
