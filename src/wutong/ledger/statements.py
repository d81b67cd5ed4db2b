"""Statements and checks: what moved for an organisation in time order, and whether every cached amount equals the sum of its transfers."""

from datetime import datetime

from sqlalchemy.orm import Session

from wutong.kit.errors import Invalid
from wutong.kit.paging import Page, PageRequest
from wutong.ledger import reports
from wutong.ledger.rules import FEN, StatementLine


def statement(
    session: Session, tenant_id: str, *, since: datetime, until: datetime, page: PageRequest | None = None, unit: str = FEN
) -> Page[StatementLine]:
    """List an organisation's movements with `since <= at < until`, oldest first.

    The cursor carries the running balance, so that deep pages cost the same.
    """
    request = page or PageRequest()
    after = _read_cursor(request.after) if request.after else None
    lines = reports.statement_lines(session, tenant_id, unit, since=since, until=until, after=after, limit=request.limit + 1)
    kept = lines[: request.limit]
    last = kept[-1] if len(lines) > request.limit else None
    return Page(kept, f"{last.at.isoformat()}~{last.seq}~{last.balance_after}" if last else None)


def _read_cursor(cursor: str) -> tuple[datetime, int, int]:
    try:
        at, seq, balance = cursor.split("~")
        return datetime.fromisoformat(at), int(seq), int(balance)
    except ValueError:
        raise Invalid(field="after", reason="Pass the cursor exactly as the last page gave it.") from None
