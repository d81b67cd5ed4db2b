"""SQL over many transfers at once: statements, and the check of the whole ledger."""

from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from wutong.ledger.rules import AccountKind, CheckReport, Part, StatementLine, TransferKind

_BEFORE = "SELECT coalesce(sum(net), 0) FROM ledger_transfer WHERE tenant_id = :tenant AND unit = :unit AND at < :since AND net <> 0"

_LINES = """
    WITH lines AS MATERIALIZED (
        SELECT id, group_key, at, kind, cause_kind, cause_id, memo
        FROM ledger_transfer
        WHERE tenant_id = :tenant AND unit = :unit AND net <> 0 AND leg = 1 AND at >= :since AND at < :until
          AND (at, id) > (:after_at, :after_id)
        ORDER BY at, id LIMIT :limit)
    SELECT lines.*, t.net, t.amount, f.kind AS from_kind, f.label AS from_label, o.kind AS to_kind, o.label AS to_label
    FROM lines
    JOIN ledger_transfer t ON t.group_key = lines.group_key AND t.net <> 0
    JOIN ledger_account f ON f.id = t.from_account
    JOIN ledger_account o ON o.id = t.to_account
    ORDER BY lines.at, lines.id, t.leg"""

# Each finds what must not be; the sentence is completed with the row.
_CHECKS = {
    "The cached balance of account {id} is {cached}, its transfers add up to {summed}.": """
        SELECT b.account_id AS id, b.amount AS cached, coalesce(s.amount, 0) AS summed
        FROM ledger_balance b LEFT JOIN (
            SELECT account_id, sum(amount) AS amount FROM (
                SELECT to_account AS account_id, amount FROM ledger_transfer UNION ALL SELECT from_account, -amount FROM ledger_transfer) sides
            GROUP BY account_id) s ON s.account_id = b.account_id
        WHERE b.amount <> coalesce(s.amount, 0)""",
    "Hold {id} keeps {cached} on account {account}, its transfers add up to {summed}.": """
        SELECT coalesce(h.hold_id, s.hold_id) AS id, coalesce(h.hold_account, s.account_id) AS account, h.remaining AS cached, s.amount AS summed
        FROM ledger_hold_source h FULL JOIN (
            SELECT sides.hold_id, sides.account_id, sum(sides.amount) AS amount FROM (
                SELECT hold_id, to_account AS account_id, amount FROM ledger_transfer
                UNION ALL SELECT hold_id, from_account, -amount FROM ledger_transfer) sides
            JOIN ledger_account a ON a.id = sides.account_id AND a.kind = 'hold'
            GROUP BY 1, 2) s ON s.hold_id = h.hold_id AND s.account_id = h.hold_account
        WHERE h.remaining IS DISTINCT FROM s.amount""",
    "Hold {id} counts {cached} as charged, its charges add up to {summed}.": """
        SELECT h.id, h.charged AS cached, coalesce(s.amount, 0) AS summed
        FROM ledger_hold h LEFT JOIN (
            SELECT hold_id, sum(amount) AS amount FROM ledger_transfer WHERE kind = 'charge' AND hold_id IS NOT NULL GROUP BY 1) s ON s.hold_id = h.id
        WHERE h.charged <> coalesce(s.amount, 0)""",
    "Hold {id} was released but still keeps {cached}.": """
        SELECT h.id, sum(s.remaining) AS cached FROM ledger_hold h JOIN ledger_hold_source s ON s.hold_id = h.id
        WHERE h.state = 'released' AND s.remaining > 0 GROUP BY h.id""",
    "Account {id} ({kind}) of {owner} has no checked balance.": """
        SELECT a.id, a.kind, a.owner FROM ledger_account a LEFT JOIN ledger_balance b ON b.account_id = a.id
        WHERE a.owner <> 'centre' AND a.kind IN ('cash', 'credit', 'receivable') AND b.account_id IS NULL""",
    "Transfer {id} stands on the wrong statement ({tenant_id}, {net}).": """
        SELECT t.id, t.tenant_id, t.net
        FROM ledger_transfer t
        JOIN ledger_account f ON f.id = t.from_account
        JOIN ledger_account o ON o.id = t.to_account,
        LATERAL (SELECT (f.owner <> 'centre' AND f.kind IN ('cash', 'hold', 'credit', 'receivable')) AS out,
            (o.owner <> 'centre' AND o.kind IN ('cash', 'hold', 'credit', 'receivable')) AS into) p
        WHERE t.net <> t.amount * (p.into::int - p.out::int)
           OR t.tenant_id IS DISTINCT FROM CASE WHEN p.out THEN f.owner WHEN p.into THEN o.owner END""",
    "Transfer {id} reverses {reverses} without being its mirror.": """
        SELECT r.id, r.reverses FROM ledger_transfer r JOIN ledger_transfer t ON t.id = r.reverses
        WHERE r.amount <> t.amount OR r.unit <> t.unit OR r.from_account <> t.to_account OR r.tenant_id IS DISTINCT FROM t.tenant_id""",
}


def statement_lines(
    session: Session,
    tenant_id: str,
    unit: str,
    *,
    since: datetime,
    until: datetime,
    after: tuple[datetime, int, int] | None,
    limit: int,
) -> list[StatementLine]:
    """Return lines in time order; `after` is time, seq and running balance of the line before."""
    values = {"tenant": tenant_id, "unit": unit, "since": since}
    balance = after[2] if after else int(session.execute(text(_BEFORE), values).scalar_one())
    values |= {"until": until, "limit": limit, "after_at": after[0] if after else since, "after_id": after[1] if after else 0}
    lines: list[StatementLine] = []
    legs: dict[int, list[dict[str, Any]]] = {}
    for row in session.execute(text(_LINES), values).mappings():
        legs.setdefault(row["id"], []).append(dict(row))
    for group in legs.values():
        net = sum(leg["net"] for leg in group)
        balance += net
        lines.append(_line(group, net, balance))
    return lines


def check(session: Session) -> CheckReport:
    """Look for anything that does not add up, in the whole ledger."""
    problems = [sentence.format(**row) for sentence, query in _CHECKS.items() for row in session.execute(text(f"{query} LIMIT 20")).mappings()]
    accounts, transfers = session.execute(text("SELECT (SELECT count(*) FROM ledger_account), (SELECT count(*) FROM ledger_transfer)")).one()
    return CheckReport(problems, accounts, transfers)


def _line(legs: list[dict[str, Any]], net: int, balance: int) -> StatementLine:
    first = legs[0]
    return StatementLine(
        seq=first["id"],
        at=first["at"],
        amount_fen=net,
        balance_after=balance,
        kind=TransferKind(first["kind"]),
        cause_kind=first["cause_kind"],
        cause_id=first["cause_id"],
        memo=first["memo"],
        transfer_key=first["group_key"],
        parts=tuple(_part(leg) for leg in legs),
    )


def _part(leg: dict[str, Any]) -> Part:
    side = "from" if leg["net"] < 0 else "to"
    return Part(AccountKind(leg[f"{side}_kind"]), leg[f"{side}_label"], leg["net"])
