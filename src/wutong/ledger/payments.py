"""Money coming in, going out and being corrected: postings, top-ups, refunds, reversals. Money that comes in pays an old debt first."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy.orm import Session

from wutong.kit import clock
from wutong.kit.errors import Invalid, NotFound
from wutong.ledger import credit_store, store
from wutong.ledger.rules import (
    CENTRE,
    FEN,
    REVERSIBLE,
    AccountKey,
    AccountKind,
    Busy,
    KeyReused,
    NotReversible,
    Posted,
    Transfer,
    TransferKind,
)
from wutong.ledger.splits import insufficient
from wutong.ledger.store import Entry, Leg

T = TypeVar("T")

_TRIES = 20


def post(session: Session, transfers: Sequence[Transfer]) -> int:
    """Post transfers and return how many were new; a batch is posted whole or, by an error, not at all.

    Raises `KeyReused` when a key was used for other content, and `InsufficientFunds` when a pocket would be overdrawn.
    """
    if any(account.kind is AccountKind.HOLD for transfer in transfers for account in (transfer.from_account, transfer.to_account)):
        raise ValueError("held money is moved by place_hold, extend_hold, capture and release_hold")
    if not transfers:
        return 0
    outcome = store.apply(session, [Entry(transfer) for transfer in transfers], whole=False)
    if outcome.reused:
        raise KeyReused(key=outcome.reused)
    if outcome.short:
        raise insufficient(outcome.short.needs, outcome.short.has, outcome.short.account.unit)
    return outcome.new


def top_up(session: Session, *, tenant_id: str, amount_fen: int, key: str, reference: str, memo: str = "") -> Posted:
    """Record money that reached the bank for an organisation; an old debt is paid from it first."""
    _refuse_nothing(amount_fen, "A top-up must be more than nothing. Money going back is recorded as a refund.")
    bank, cash = AccountKey(CENTRE, AccountKind.BANK), AccountKey(tenant_id, AccountKind.CASH)

    def attempt() -> Posted | None:
        if seen := _seen(session, key, bank, cash, amount_fen, reference):
            return seen
        now = clock.now()
        received = Transfer(key, bank, cash, amount_fen, "top_up", reference, memo, now, kind=TransferKind.TOP_UP)
        entries = [Entry(received), *repayment(session, received, coming_in=amount_fen)]
        if not store.apply(session, entries).done:
            return None
        return Posted(key, amount_fen, new=True, debt_paid_fen=sum(entry.transfer.amount for entry in entries[1:]))

    return until_done(attempt)


def refund(session: Session, *, tenant_id: str, amount_fen: int, key: str, reference: str, memo: str = "") -> Posted:
    """Record free cash paid back to an organisation's bank account; raises `InsufficientFunds` for more than is free."""
    _refuse_nothing(amount_fen, "A refund must be more than nothing. Money coming in is recorded as a top-up.")
    bank, cash = AccountKey(CENTRE, AccountKind.BANK), AccountKey(tenant_id, AccountKind.CASH)

    def attempt() -> Posted | None:
        if seen := _seen(session, key, cash, bank, amount_fen, reference):
            return seen
        paid = Transfer(key, cash, bank, amount_fen, "refund", reference, memo, clock.now(), kind=TransferKind.REFUND)
        outcome = store.apply(session, [Entry(paid)])
        if outcome.short:
            raise insufficient(amount_fen, outcome.short.has, FEN)
        return Posted(key, amount_fen, new=True) if outcome.done else None

    return until_done(attempt)


def reverse(session: Session, key: str, *, new_key: str, reason: str, who_name: str) -> int:
    """Turn round a transfer, or all legs of a charge; returns how many legs were turned round now (0: it was done before under `new_key`).

    The money goes back to the pocket it came from (a held part to the cash or credit that was held). A top-up that was spent meanwhile
    becomes a debt. Each transfer is reversed at most once; holds, releases and reversals themselves are not.
    """

    def attempt() -> int | None:
        legs = store.read_legs(session, key)
        if not legs:
            raise NotFound(kind="transfer", id=key)
        if all(leg.reversed_by == new_key for leg in legs):
            return 0
        ours = {leg.id for leg in legs}
        taken = store.read_legs(session, new_key)
        if any(leg.reverses in ours for leg in taken):
            return None  # somebody turned these round between the two looks
        _refuse_reversal(legs, new_key, taken)
        entries = _reversal(session, legs, new_key, f"{reason} ({who_name})")
        outcome = store.apply(session, entries)
        if outcome.short:
            if outcome.short.account.kind is AccountKind.CREDIT:
                raise NotReversible(
                    reason=f"Only {outcome.short.has} of {outcome.short.needs} are still unused and not held; take back what is left instead."
                )
            return None
        return len(legs) if outcome.done else None

    done = until_done(attempt)
    if done:
        credit_store.reopen_credits(session, new_key)
    return done


def repayment(session: Session, cause: Transfer, *, coming_in: int) -> list[Entry]:
    """Return the entry that pays an old debt out of free cash and what comes in now, or nothing."""
    tenant = cause.pockets[0].owner
    unit = cause.from_account.unit
    wallet = store.read_wallet(session, tenant, unit)
    amount = min(wallet.debt, wallet.cash + coming_in)
    if amount <= 0:
        return []
    cash, debt = AccountKey(tenant, AccountKind.CASH, unit), AccountKey(tenant, AccountKind.RECEIVABLE, unit)
    paid = Transfer(f"{cause.key}#debt", cash, debt, amount, cause.cause_kind, cause.cause_id, "Debt paid", cause.at, kind=TransferKind.DEBT_PAID)
    return [Entry(paid)]


def until_done(attempt: Callable[[], T | None]) -> T:
    """Decide anew on what is there now, for as long as somebody else is quicker."""
    for _ in range(_TRIES):
        result = attempt()
        if result is not None:
            return result
    raise Busy(reason="This account is moved by many at once just now. Nothing was posted; try again in a moment.")


def _refuse_nothing(amount_fen: int, reason: str) -> None:
    if amount_fen <= 0:
        raise Invalid(field="amount_fen", reason=reason)


def _seen(session: Session, key: str, source: AccountKey, target: AccountKey, amount: int, reference: str) -> Posted | None:
    legs = store.read_legs(session, key)
    if not legs:
        return None
    leg = legs[0]
    if (leg.from_account, leg.to_account, leg.amount, leg.cause_id) != (source, target, amount, reference):
        raise KeyReused(key=key)
    return Posted(key, amount, new=False)


def _refuse_reversal(legs: Sequence[Leg], new_key: str, taken: Sequence[Leg]) -> None:
    if any(leg.reversed_by for leg in legs):
        raise NotReversible(reason="This was already reversed. See the statement for the reversal.")
    if any(leg.kind not in REVERSIBLE for leg in legs):
        raise NotReversible(reason=f"A {legs[0].kind} is not reversed. Release the hold, or post a correction of its own.")
    if taken:
        raise KeyReused(key=new_key)


def _reversal(session: Session, legs: Sequence[Leg], new_key: str, memo: str) -> list[Entry]:
    now = clock.now()
    entries = []
    for number, leg in enumerate(legs, 1):
        back = Transfer(
            key=new_key if number == 1 else f"{new_key}#{number}",
            from_account=leg.to_account,
            to_account=_pocket(leg.from_account),
            amount=leg.amount,
            cause_kind=leg.cause_kind,
            cause_id=leg.cause_id,
            memo=memo,
            at=now,
            group=new_key,
            kind=TransferKind.REVERSAL,
        )
        entries.append(Entry(back, reverses=leg.id))
    return [*entries, *_settle(session, [entry.transfer for entry in entries], now)]


def _settle(session: Session, backs: Sequence[Transfer], now: datetime) -> list[Entry]:
    """Borrow what cash lacks for money taken back, or pay an old debt out of cash given back."""
    touched = next((back for back in backs if AccountKind.CASH in {pocket.kind for pocket in back.pockets}), None)
    if touched is None:
        return []
    gain = sum(back.net for back in backs if AccountKind.CASH in {pocket.kind for pocket in back.pockets})
    if gain > 0:
        return repayment(session, touched, coming_in=gain)
    tenant, unit = touched.pockets[0].owner, touched.from_account.unit
    lacking = -gain - store.read_wallet(session, tenant, unit).cash
    if lacking <= 0:
        return []
    cash, debt = AccountKey(tenant, AccountKind.CASH, unit), AccountKey(tenant, AccountKind.RECEIVABLE, unit)
    made = Transfer(
        f"{touched.key}#debt", debt, cash, lacking, touched.cause_kind, touched.cause_id, "Taken into debt", now, kind=TransferKind.DEBT_MADE
    )
    return [Entry(made)]


def _pocket(account: AccountKey) -> AccountKey:
    """Where money goes back to: not into a hold that may be gone, not into a debt that may be paid."""
    if account.kind is AccountKind.HOLD:
        kind = AccountKind.CREDIT if account.label else AccountKind.CASH
        return AccountKey(account.owner, kind, account.unit, account.label)
    if account.kind is AccountKind.RECEIVABLE:
        return AccountKey(account.owner, AccountKind.CASH, account.unit)
    return account
