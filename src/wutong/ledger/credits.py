"""Restricted credit: vouchers, packages of card-hours, grants. What is left at the end of its validity goes back to who paid for it."""

from datetime import datetime

from sqlalchemy.orm import Session

from wutong.kit import clock
from wutong.kit.errors import Invalid
from wutong.kit.ids import new_id
from wutong.ledger import credit_store, store
from wutong.ledger.rules import AccountKey, AccountKind, Credit, KeyReused, Terms, Transfer, TransferKind
from wutong.ledger.splits import insufficient
from wutong.ledger.store import Entry

_BATCH = 100


def grant_credit(session: Session, *, tenant_id: str, payer: AccountKey, amount: int, unit: str, terms: Terms, key: str, label: str) -> Credit:
    """Give an organisation restricted credit out of the payer's account; the same key gives the same credit."""
    if amount <= 0:
        raise Invalid(field="amount", reason="A credit is more than nothing.")
    if not 1 <= terms.share_permille <= 1000:
        raise Invalid(field="share_permille", reason="A credit pays from 1 to 1000 permille of a charge.")
    if terms.valid_from >= terms.valid_until:
        raise Invalid(field="valid_until", reason="A credit ends after it begins.")
    if payer.unit != unit:
        raise ValueError("a credit is paid in its own unit")
    credit = Credit(new_id("crd"), tenant_id, label, unit, amount, 0, terms)
    seen = credit_store.find_credit_by_key(session, key)
    if seen or not credit_store.insert_credit(session, credit, payer, key):
        return _same(seen or credit_store.get_credit_by_key(session, key), credit, key)
    granted = Transfer(
        key=f"grant:{key}",
        from_account=payer,
        to_account=AccountKey(tenant_id, AccountKind.CREDIT, unit, credit.id),
        amount=amount,
        cause_kind="credit",
        cause_id=credit.id,
        memo=label,
        at=clock.now(),
        kind=TransferKind.GRANT,
    )
    outcome = store.apply(session, [Entry(granted)])
    if outcome.short:
        raise insufficient(amount, outcome.short.has, unit)
    if not outcome.done:
        raise KeyReused(key=key)
    return credit_store.get_credit_by_key(session, key)


def expire_credits(session: Session, now: datetime | None = None) -> int:
    """Give back what is left of credits past their validity, a batch at a time; what is held stays until it is released. Returns how many moved."""
    moved = 0
    for due in credit_store.take_due_credits(session, now or clock.now(), _BATCH):
        if due.free:
            expired = Transfer(
                key=f"expiry:{due.id}/{due.expiries + 1}",
                from_account=AccountKey(due.tenant_id, AccountKind.CREDIT, due.payer.unit, due.id),
                to_account=due.payer,
                amount=due.free,
                cause_kind="credit",
                cause_id=due.id,
                memo=f"Expired: {due.label}",
                at=clock.now(),
                kind=TransferKind.EXPIRY,
            )
            if not store.apply(session, [Entry(expired)]).done:
                continue
        credit_store.mark_expired(session, due.id, closed_at=None if due.held else clock.now())
        moved += 1
    return moved


def _same(seen: Credit, credit: Credit, key: str) -> Credit:
    if (seen.tenant_id, seen.unit, seen.granted, seen.terms) != (credit.tenant_id, credit.unit, credit.granted, credit.terms):
        raise KeyReused(key=key)
    return seen
