"""Many holds charged or let go in one round trip, in the cases that need no thought; the others are done one by one, with the same results."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from wutong.ledger import batch_store
from wutong.ledger.holds import capture, release_hold
from wutong.ledger.rules import AccountKind, Captured, NoSuchHold, Part


@dataclass(frozen=True, slots=True)
class Usage:
    """A charge in money for usage that happened, as `capture` takes it; it is revenue of the centre."""

    hold_key: str
    transfer_key: str
    amount: int
    at: datetime
    memo: str
    cause_kind: str
    cause_id: str


def capture_many(session: Session, usages: Sequence[Usage]) -> list[Captured]:
    """Charge them all as `capture` would one after the other; returns how each was paid. Transfer keys must differ.

    Holds are locked in one order before any is charged, so that two writers of many never wait for each other crosswise.
    """
    rows = [
        {
            "n": number,
            "hold": usage.hold_key,
            "key": usage.transfer_key,
            "amount": usage.amount,
            "ck": usage.cause_kind,
            "ci": usage.cause_id,
            "memo": usage.memo,
            "at": usage.at.isoformat(),
        }
        for number, usage in enumerate(usages)
        if usage.amount > 0
    ]
    plain = batch_store.capture_many(session, rows) if rows else set()
    return [_plain(usage) if number in plain else _capture(session, usage) for number, usage in enumerate(usages)]


def release_many(session: Session, keys: Sequence[str]) -> None:
    """Let go of holds as `release_hold` would; keys that no hold has are passed over."""
    for key in batch_store.release_many(session, sorted(set(keys))) if keys else ():
        with contextlib.suppress(NoSuchHold):
            release_hold(session, key)


def _plain(usage: Usage) -> Captured:
    return Captured(usage.amount, 0, 0, (Part(AccountKind.HOLD, "", usage.amount),))


def _capture(session: Session, usage: Usage) -> Captured:
    return capture(
        session,
        usage.hold_key,
        transfer_key=usage.transfer_key,
        amount=usage.amount,
        at=usage.at,
        memo=usage.memo,
        cause_kind=usage.cause_kind,
        cause_id=usage.cause_id,
    )
