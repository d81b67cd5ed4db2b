"""What the centre earned in a time, and out of which pockets. It reads what was moved in that time, and nothing else."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from wutong.ledger.rules import CENTRE, FEN, AccountKind

# One pass over an index of what was moved in the span (its condition is repeated here, or it would not be used): money that is only set aside and let
# go again is not in it. Adding up by pairs of accounts first leaves some hundred rows to tell apart.
_INCOME = text("""
    WITH revenue AS (SELECT id FROM ledger_account WHERE owner = :centre AND kind = :revenue AND unit = :unit),
    moved AS MATERIALIZED (
        SELECT from_account, to_account, sum(amount) AS amount FROM ledger_transfer
        WHERE kind NOT IN ('hold', 'release') AND at >= :since AND at < :until GROUP BY 1, 2),
    earned AS (
        SELECT from_account AS other, amount FROM moved WHERE to_account IN (SELECT id FROM revenue)
        UNION ALL
        SELECT to_account, -amount FROM moved WHERE from_account IN (SELECT id FROM revenue))
    SELECT CASE WHEN a.kind = 'hold' THEN CASE WHEN a.label = '' THEN 'cash' ELSE 'credit' END ELSE a.kind END AS pocket,
        CAST(sum(e.amount) AS bigint)
    FROM earned e JOIN ledger_account a ON a.id = e.other GROUP BY 1 HAVING sum(e.amount) <> 0 ORDER BY 2 DESC, 1""")


@dataclass(frozen=True, slots=True)
class Income:
    """What was earned out of one kind of pocket, less what was taken back: cash, credit (vouchers), receivable (owed), deferred (orders)."""

    pocket: AccountKind
    amount_fen: int


def income(session: Session, since: datetime, until: datetime) -> list[Income]:
    """Return what the centre earned in a span by pocket, the most first."""
    values = {"centre": CENTRE, "revenue": AccountKind.REVENUE.value, "unit": FEN, "since": since, "until": until}
    return [Income(AccountKind(pocket), amount) for pocket, amount in session.execute(_INCOME, values)]
