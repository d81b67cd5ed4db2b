"""Who pays how much: divides holds and charges over credits and cash. Pure.

A credit with a share of 300 permille pays at most 30 % of everything charged through one hold, counted over the whole life of the hold: with
windows of a few fen each, a cap per window would round the credit away.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from wutong.kit.money import format_fen
from wutong.ledger.rules import FEN, Credit, Hold, InsufficientFunds, Purpose

_CASH = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Somewhere money can be taken from: `free` can be taken, `used` counts already against its share. An empty label is cash."""

    label: str
    share_permille: int
    free: int
    used: int = 0

    @property
    def is_cash(self) -> bool:
        """Cash has no share to keep to."""
        return self.label == _CASH


@dataclass(frozen=True, slots=True)
class Wallet:
    """What an organisation could pay with in one unit, at one moment."""

    cash: int
    debt: int
    credits: tuple[Credit, ...]


def allot(need: int, total: int, sources: Sequence[Source]) -> tuple[dict[str, int], int]:
    """Take `need` from the sources in order, each credit within its share of `total`; returns what each gives, and what nobody could give.

    Shares are rounded down to the fen first; only when that leaves something unpaid are they rounded up.
    """
    taken = {source.label: 0 for source in sources}
    left = need
    for upward in (0, 999):
        for source in sources:
            cap = left if source.is_cash else (total * source.share_permille + upward) // 1000 - source.used - taken[source.label]
            take = max(0, min(left, cap, source.free - taken[source.label]))
            taken[source.label] += take
            left -= take
    return {label: amount for label, amount in taken.items() if amount}, left


def wallet_sources(wallet: Wallet, purpose: Purpose, now: datetime, hold: Hold | None = None) -> list[Source]:
    """List what may pay for this purpose: credits, the earliest to expire first, then cash. `hold` tells what counts against shares already."""
    used = {source.label: source.charged + source.remaining for source in hold.sources} if hold else {}
    fitting = [credit for credit in wallet.credits if credit.terms.covers(purpose, now)]
    fitting.sort(key=lambda credit: (credit.valid_until, credit.id))
    sources = [Source(credit.id, credit.share_permille, credit.remaining, used.get(credit.id, 0)) for credit in fitting]
    return [*sources, Source(_CASH, 1000, wallet.cash)]


def hold_sources(hold: Hold) -> list[Source]:
    """List the parts of a hold as sources for a charge: credits in the order they were taken, cash last."""
    parts = [Source(part.label, part.share_permille, part.remaining, part.charged) for part in hold.sources]
    return sorted(parts, key=lambda source: source.is_cash)


def most(sources: Sequence[Source]) -> int:
    """Return the largest new amount these sources can cover together."""
    low, high = 0, sum(source.free for source in sources)
    while low < high:
        middle = (low + high + 1) // 2
        if allot(middle, middle, sources)[1] == 0:
            low = middle
        else:
            high = middle - 1
    return low


def write_amount(amount: int, unit: str) -> str:
    """Write an amount for a sentence: yuan, or card-hours of an accelerator."""
    if unit == FEN:
        return format_fen(amount)
    return f"{amount / 3600:.2f} card-hours ({unit.partition(':')[2]})"


def insufficient(needed: int, has: int, unit: str) -> InsufficientFunds:
    """Build the error with its amounts written out, and as numbers for programs."""
    missing = max(needed - has, 0)
    words = {"needs": write_amount(needed, unit), "has": write_amount(has, unit), "missing": write_amount(missing, unit)}
    return InsufficientFunds(**words, needed_amount=needed, available_amount=has, missing_amount=missing, unit=unit)
