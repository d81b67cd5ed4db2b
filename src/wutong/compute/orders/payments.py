"""Payments of tenants, recorded by the centre's finance against bank references. Each reference counts once."""

from sqlalchemy.orm import Session

from wutong.compute.billing import service as billing
from wutong.compute.orders import store
from wutong.compute.orders.rules import Payment, PaymentKind, ReferenceUsed
from wutong.identity import service as identity
from wutong.identity.rules import Permission, Principal, require, require_tenant
from wutong.kit import clock
from wutong.kit.errors import Invalid
from wutong.kit.ids import new_id
from wutong.kit.money import MAX_FEN
from wutong.kit.paging import Page, PageRequest, cut
from wutong.ledger import service as ledger

NOTHING = {
    PaymentKind.TOP_UP: "A top-up must be more than nothing. Money going back is recorded as a refund.",
    PaymentKind.REFUND: "A refund must be more than nothing. Money coming in is recorded as a top-up.",
}


def record_top_up(session: Session, who: Principal, *, tenant_id: str, amount_fen: int, reference: str, memo: str = "") -> Payment:
    """Record money that reached the bank for a tenant. The same reference counts once: repeated, it gives the first payment."""
    return _record(session, who, PaymentKind.TOP_UP, tenant_id, amount_fen, reference, memo)


def record_refund(session: Session, who: Principal, *, tenant_id: str, amount_fen: int, reference: str, memo: str = "") -> Payment:
    """Record free cash paid back to a tenant's bank account; raises `InsufficientFunds` for more than is free."""
    return _record(session, who, PaymentKind.REFUND, tenant_id, amount_fen, reference, memo)


def check_payment(kind: PaymentKind, amount_fen: int, reference: str) -> str:
    """Return the bank reference without blanks around it; raises `Invalid` for what cannot be recorded."""
    if not 0 < amount_fen <= MAX_FEN:
        raise Invalid(field="amount_fen", reason=NOTHING[kind] if amount_fen <= 0 else f"Record at most {MAX_FEN} fen at a time.")
    reference = reference.strip()
    if not 1 <= len(reference) <= 100:
        raise Invalid(field="reference", reason="Give the bank's reference of the transfer, 1 to 100 characters.")
    return reference


def list_payments(session: Session, who: Principal, page: PageRequest | None = None, *, tenant_id: str | None = None) -> Page[Payment]:
    """Return payments, the newest first: the caller's tenant's, or those of a tenant named by who reads the centre's books."""
    page = page or PageRequest()
    if tenant_id is None:
        tenant_id = require_tenant(who, Permission.MONEY_READ)
    else:
        require(who, Permission.CENTRE_BOOKS)
    return cut(store.list_payments(session, tenant_id, page.after, page.limit + 1), page)


def list_all_payments(session: Session, who: Principal, page: PageRequest | None = None) -> Page[Payment]:
    """Return the payments of all tenants, the newest first, for those who read the centre's books."""
    require(who, Permission.CENTRE_BOOKS)
    page = page or PageRequest()
    return cut(store.list_payments(session, None, page.after, page.limit + 1), page)


def _record(session: Session, who: Principal, kind: PaymentKind, tenant_id: str, amount_fen: int, reference: str, memo: str) -> Payment:
    require(who, Permission.CENTRE_FINANCE)
    identity.get_tenant(session, tenant_id)
    reference = check_payment(kind, amount_fen, reference)
    payment = Payment(new_id("pay"), tenant_id, kind, amount_fen, reference, memo[:200], who.person_id, clock.now())
    if not store.add_payment(session, payment):
        first = store.get_payment(session, reference)
        if (first.tenant_id, first.kind, first.amount_fen) != (tenant_id, kind, amount_fen):
            raise ReferenceUsed(reference=reference)
        return first
    verb = ledger.top_up if kind is PaymentKind.TOP_UP else ledger.refund
    verb(session, tenant_id=tenant_id, amount_fen=amount_fen, key=f"{kind}:{payment.id}", reference=reference, memo=payment.memo)
    after = {"amount_fen": amount_fen, "reference": reference}
    identity.audit(session, who, f"payment.{kind}", kind="payment", id=payment.id, tenant_id=tenant_id, after=after)
    billing.funds_changed(session, tenant_id)
    return payment
