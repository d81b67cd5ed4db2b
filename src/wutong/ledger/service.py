"""What other rooms and the doors may call: move money, set it aside, charge it, and tell what became of it. Opens no transaction.

Every verb is idempotent by its key: the same key with the same content changes nothing and gives the first result; with other content it
raises `KeyReused`. A refusal leaves the caller's transaction usable, and nothing behind.
"""

from sqlalchemy.orm import Session

from wutong.kit import clock
from wutong.ledger import credit_store, splits, store
from wutong.ledger.batches import Usage, capture_many, release_many
from wutong.ledger.credits import expire_credits, grant_credit
from wutong.ledger.holds import capture, extend_hold, find_hold, get_hold, place_cash_holds, place_hold, release_hold
from wutong.ledger.income import Income, income
from wutong.ledger.payments import post, refund, reverse, top_up
from wutong.ledger.reports import check
from wutong.ledger.rules import FEN, AccountKey, Balance, Purpose
from wutong.ledger.statements import statement

__all__ = [
    "Income",
    "Usage",
    "account_balance",
    "available",
    "balance",
    "capture",
    "capture_many",
    "check",
    "expire_credits",
    "extend_hold",
    "find_hold",
    "get_hold",
    "grant_credit",
    "income",
    "place_cash_holds",
    "place_hold",
    "post",
    "refund",
    "release_hold",
    "release_many",
    "reverse",
    "statement",
    "top_up",
]


def balance(session: Session, tenant_id: str) -> Balance:
    """Tell what an organisation has and owes; credits include packages of card-seconds, each in its unit."""
    wallet = store.read_wallet(session, tenant_id, FEN)
    return Balance(wallet.cash, store.held_amount(session, tenant_id, FEN), wallet.debt, credit_store.list_credits(session, tenant_id))


def available(session: Session, tenant_id: str, unit: str = FEN, purpose: Purpose | None = None) -> int:
    """Return the largest amount that could be held for this purpose now."""
    wallet = store.read_wallet(session, tenant_id, unit)
    return splits.most(splits.wallet_sources(wallet, purpose or Purpose(), clock.now()))


def account_balance(session: Session, account: AccountKey) -> int:
    """Return what one account adds up to, in its unit; for reports on the centre's own and its payers' accounts."""
    return store.account_balance(session, account)
