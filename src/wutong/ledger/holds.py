"""The life of a hold: placed, extended, charged, released. Funds are refused before work starts, and usage that happened is charged always."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from wutong.kit import clock
from wutong.kit.errors import Invalid
from wutong.ledger import payments, splits, store
from wutong.ledger.rules import (
    CENTRE,
    FEN,
    HOLD_MOVES,
    AccountKey,
    AccountKind,
    Captured,
    Hold,
    HoldClosed,
    HoldSource,
    HoldState,
    KeyReused,
    NoSuchHold,
    Part,
    Purpose,
    Transfer,
    TransferKind,
)
from wutong.ledger.store import Entry, HoldView


def place_hold(
    session: Session,
    *,
    tenant_id: str,
    key: str,
    amount: int,
    unit: str = FEN,
    purpose: Purpose | None = None,
    cause_kind: str,
    cause_id: str,
) -> Hold:
    """Set money aside from fitting credits (the earliest to expire first), then cash; the same key gives the same hold.

    Raises `InsufficientFunds`, also when another one was quicker to the last fen.
    """
    _refuse_nothing(amount)
    about = purpose or Purpose()
    if unit == FEN:
        placed = place_cash_holds(session, tenant_id=tenant_id, causes={key: cause_id}, amount=amount, purpose=about, cause_kind=cause_kind)
        if key in placed:
            return placed[key]

    def attempt() -> Hold | None:
        if seen := store.find_hold(session, key):
            return _same(seen.hold, tenant_id, unit, amount, (cause_kind, cause_id))
        sources = splits.wallet_sources(store.read_wallet(session, tenant_id, unit), about, clock.now())
        takes, left = splits.allot(amount, amount, sources)
        if left:
            raise splits.insufficient(amount, splits.most(sources), unit)
        place = store.hold_place(key, tenant_id, unit, amount, about, (cause_kind, cause_id))
        entries = _takes(takes, tenant_id, unit, f"hold:{key}/1", (cause_kind, cause_id))
        outcome = store.apply(session, entries, hold=place, parts=_parts(takes, sources, tenant_id, unit))
        return get_hold(session, key) if outcome.done else None

    return payments.until_done(attempt)


def place_cash_holds(
    session: Session, *, tenant_id: str, causes: Mapping[str, str], amount: int, purpose: Purpose, cause_kind: str, beside: Sequence[str] = ()
) -> dict[str, Hold]:
    """Hold cash in one round trip, when nothing but cash could pay: the way most holds go. `causes` gives the id of each hold's cause by its key.

    Returned are the holds that were placed. The others, with nothing done, need a closer look by `place_hold`: there are credits in money or in
    the units `beside`, there is not enough cash, or the key was used.
    """
    _refuse_nothing(amount)
    placed = store.hold_cash(session, tenant_id, causes, amount, purpose, cause_kind, (FEN, *beside))
    sources = (HoldSource(label="", share_permille=1000, remaining=amount, charged=0),)
    return {
        key: Hold(number, key, tenant_id, FEN, HoldState.OPEN, amount, 0, 1, purpose, cause_kind, causes[key], sources)
        for key, number in placed.items()
    }


def extend_hold(session: Session, key: str, *, to_amount: int) -> Hold:
    """Set more aside until `to_amount` is held in all; a smaller amount changes nothing.

    Raises `InsufficientFunds`, and `HoldClosed` after release.
    """
    _refuse_nothing(to_amount)

    def attempt() -> Hold | None:
        hold = _get(session, key, lock=True).hold
        if HoldState.OPEN not in HOLD_MOVES[hold.state]:
            raise HoldClosed(reason=f"The hold {key} was released. Place a new one.")
        need = to_amount - hold.remaining
        if need <= 0:
            return hold
        sources = splits.wallet_sources(store.read_wallet(session, hold.tenant_id, hold.unit), hold.purpose, clock.now(), hold)
        takes, left = splits.allot(need, hold.charged + to_amount, sources)
        if left:
            raise splits.insufficient(need, need - left, hold.unit)
        entries = _takes(takes, hold.tenant_id, hold.unit, f"hold:{key}/{hold.steps + 1}", (hold.cause_kind, hold.cause_id))
        parts = _parts(takes, sources, hold.tenant_id, hold.unit, first=len(hold.sources))
        outcome = store.apply(session, entries, hold={"id": hold.id, "move": HoldState.OPEN.value}, parts=parts)
        return get_hold(session, key) if outcome.done else None

    return payments.until_done(attempt)


def capture(
    session: Session,
    hold_key: str,
    *,
    transfer_key: str,
    amount: int,
    at: datetime,
    memo: str,
    cause_kind: str,
    cause_id: str,
    to: AccountKey | None = None,
) -> Captured:
    """Charge usage that happened: out of the hold by its sources' shares, beyond it out of free cash, and beyond that into debt.

    Repeating `transfer_key` gives the first result. Card-seconds cannot be owed: charging more of them than the hold has raises `Invalid`.
    """
    if amount < 0:
        raise Invalid(field="amount", reason="A charge is not negative. Reverse the charge that was too high.")

    def attempt() -> Captured | None:
        view = _get(session, hold_key, group=transfer_key, lock=True)
        if view.legs:
            return _seen(view, transfer_key, amount, (cause_kind, cause_id), to)
        hold = view.hold
        payers = _payers(session, hold, amount)
        target = to or AccountKey(CENTRE, AccountKind.REVENUE, hold.unit)
        entries = [
            Entry(
                Transfer(
                    key=transfer_key if number == 1 else f"{transfer_key}#{number}",
                    from_account=AccountKey(hold.tenant_id, payer.pocket, hold.unit, payer.label),
                    to_account=target,
                    amount=payer.amount,
                    cause_kind=cause_kind,
                    cause_id=cause_id,
                    memo=memo,
                    at=at,
                    group=transfer_key,
                    kind=TransferKind.CHARGE,
                ),
                held=True,
            )
            for number, payer in enumerate(payers, 1)
        ]
        return _captured(payers) if not entries or store.apply(session, entries, hold={"id": hold.id}).done else None

    return payments.until_done(attempt)


def release_hold(session: Session, key: str) -> Hold:
    """Give back what is left to where it came from (a debt is paid from the cash first), and close the hold. Repeating it changes nothing."""

    def attempt() -> Hold | None:
        hold = _get(session, key, lock=True).hold
        if HoldState.RELEASED not in HOLD_MOVES[hold.state]:
            return hold
        entries = [
            Entry(
                Transfer(
                    key=f"hold:{key}/{hold.steps + 1}#{number}",
                    from_account=AccountKey(hold.tenant_id, AccountKind.HOLD, hold.unit, source.label),
                    to_account=_source_account(hold.tenant_id, hold.unit, source.label),
                    amount=source.remaining,
                    cause_kind=hold.cause_kind,
                    cause_id=hold.cause_id,
                    memo="Released",
                    at=clock.now(),
                    kind=TransferKind.RELEASE,
                ),
                held=True,
            )
            for number, source in enumerate(hold.sources, 1)
            if source.remaining
        ]
        cash = next((entry.transfer for entry in entries if not entry.transfer.from_account.label), None)
        debt = payments.repayment(session, cash, coming_in=cash.amount) if cash else []
        outcome = store.apply(session, [*entries, *debt], hold={"id": hold.id, "move": HoldState.RELEASED.value})
        return get_hold(session, key) if outcome.done else None

    return payments.until_done(attempt)


def get_hold(session: Session, key: str) -> Hold:
    """Return a hold as it stands; raises `NoSuchHold`."""
    return _get(session, key).hold


def find_hold(session: Session, key: str) -> Hold | None:
    """Return a hold as it stands, or None."""
    view = store.find_hold(session, key)
    return view.hold if view else None


def _get(session: Session, key: str, *, group: str | None = None, lock: bool = False) -> HoldView:
    view = store.find_hold(session, key, group=group, lock=lock)
    if view is None:
        raise NoSuchHold(kind="hold", id=key)
    return view


def _refuse_nothing(amount: int) -> None:
    if amount <= 0:
        raise Invalid(field="amount", reason="A hold is for more than nothing.")


def _same(hold: Hold, tenant_id: str, unit: str, amount: int, cause: tuple[str, str]) -> Hold:
    if (hold.tenant_id, hold.unit, hold.asked, (hold.cause_kind, hold.cause_id)) != (tenant_id, unit, amount, cause):
        raise KeyReused(key=hold.key)
    return hold


def _source_account(tenant_id: str, unit: str, label: str) -> AccountKey:
    return AccountKey(tenant_id, AccountKind.CREDIT if label else AccountKind.CASH, unit, label)


def _takes(takes: dict[str, int], tenant_id: str, unit: str, key: str, cause: tuple[str, str]) -> list[Entry]:
    now = clock.now()
    return [
        Entry(
            Transfer(
                key=f"{key}#{number}",
                from_account=_source_account(tenant_id, unit, label),
                to_account=AccountKey(tenant_id, AccountKind.HOLD, unit, label),
                amount=amount,
                cause_kind=cause[0],
                cause_id=cause[1],
                memo="Held",
                at=now,
                kind=TransferKind.HOLD,
            ),
            held=True,
        )
        for number, (label, amount) in enumerate(takes.items(), 1)
    ]


def _parts(takes: dict[str, int], sources: Sequence[splits.Source], tenant_id: str, unit: str, *, first: int = 0) -> list[dict[str, Any]]:
    shares = {source.label: source.share_permille for source in sources}
    return [
        {"tenant": tenant_id, "unit": unit, "label": label, "position": first + number, "share": shares[label]} for number, label in enumerate(takes)
    ]


def _payers(session: Session, hold: Hold, amount: int) -> list[Part]:
    """Decide who pays a charge: the hold's parts, then free cash, then debt."""
    takes, left = splits.allot(amount, hold.charged + amount, splits.hold_sources(hold))
    payers = [Part(AccountKind.HOLD, label, taken) for label, taken in takes.items()]
    if left and hold.unit != FEN:
        raise Invalid(field="amount", reason=f"The hold has {hold.remaining} {hold.unit} left; charge at most that and the rest in money.")
    if left:
        cash = min(left, store.read_wallet(session, hold.tenant_id, hold.unit).cash)
        payers += [Part(AccountKind.CASH, "", cash)] if cash else []
        payers += [Part(AccountKind.RECEIVABLE, "", left - cash)] if left > cash else []
    return payers


def _captured(parts: Sequence[Part]) -> Captured:
    sums = {kind: sum(part.amount for part in parts if part.pocket is kind) for kind in AccountKind}
    return Captured(sums[AccountKind.HOLD], sums[AccountKind.CASH], sums[AccountKind.RECEIVABLE], tuple(parts))


def _seen(view: HoldView, key: str, amount: int, cause: tuple[str, str], to: AccountKey | None) -> Captured:
    legs = view.legs
    target = to or AccountKey(CENTRE, AccountKind.REVENUE, view.hold.unit)
    same = all((leg.hold_id, leg.cause_kind, leg.cause_id, leg.to_account) == (view.hold.id, *cause, target) for leg in legs)
    if not same or sum(leg.amount for leg in legs) != amount:
        raise KeyReused(key=key)
    return _captured([Part(leg.from_account.kind, leg.from_account.label, leg.amount) for leg in legs])
