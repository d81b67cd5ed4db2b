"""The words of the ledger: accounts, transfers, holds, credits, statement lines, and its errors. Pure; decisions about amounts are in `splits`."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from wutong.kit.errors import Conflict, NotFound, Problem

CENTRE = "centre"
FEN = "fen"


class AccountKind(StrEnum):
    """What an account is for. The first four are an organisation's pockets; the others are the centre's and its payers'."""

    CASH = "cash"
    HOLD = "hold"
    CREDIT = "credit"
    RECEIVABLE = "receivable"
    REVENUE = "revenue"
    DEFERRED = "deferred"
    BANK = "bank"
    PROGRAMME = "programme"
    ISSUE = "issue"
    EXPENSE = "expense"


POCKETS = frozenset({AccountKind.CASH, AccountKind.HOLD, AccountKind.CREDIT, AccountKind.RECEIVABLE})


class TransferKind(StrEnum):
    """Why money moved, as a statement shows it."""

    TOP_UP = "top_up"
    REFUND = "refund"
    GRANT = "grant"
    EXPIRY = "expiry"
    HOLD = "hold"
    RELEASE = "release"
    CHARGE = "charge"
    DEBT_MADE = "debt_made"
    DEBT_PAID = "debt_paid"
    REVERSAL = "reversal"
    POSTING = "posting"


REVERSIBLE = frozenset({TransferKind.TOP_UP, TransferKind.REFUND, TransferKind.GRANT, TransferKind.CHARGE, TransferKind.POSTING})


class HoldState(StrEnum):
    """A hold is open until it is released; charges may follow even then, because usage that happened is charged."""

    OPEN = "open"
    RELEASED = "released"


HOLD_MOVES: dict[HoldState, frozenset[HoldState]] = {
    HoldState.OPEN: frozenset({HoldState.OPEN, HoldState.RELEASED}),
    HoldState.RELEASED: frozenset(),
}


@dataclass(frozen=True, slots=True, order=True)
class AccountKey:
    """Names an account. `owner` is a tenant id or `centre`; `unit` is `fen` or `card_second:<accelerator>`; `label` tells accounts apart."""

    owner: str
    kind: AccountKind
    unit: str = FEN
    label: str = ""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Moves `amount` from one account to another of the same unit. `key` is its unique business name; legs of one charge share `group`."""

    key: str
    from_account: AccountKey
    to_account: AccountKey
    amount: int
    cause_kind: str
    cause_id: str
    memo: str
    at: datetime
    group: str | None = None
    kind: TransferKind = TransferKind.POSTING

    def __post_init__(self) -> None:
        if self.amount <= 0:
            raise ValueError("a transfer moves more than nothing; turn the accounts round instead of the sign")
        if self.from_account == self.to_account or self.from_account.unit != self.to_account.unit:
            raise ValueError("a transfer runs between two accounts of one unit")
        if not self.key or self.at.tzinfo is None:
            raise ValueError("a transfer has a key and an aware time")
        if len({account.owner for account in self.pockets}) > 1:
            raise ValueError("money moves between an organisation and the centre, not between organisations")

    @property
    def pockets(self) -> list[AccountKey]:
        """The sides that belong to an organisation."""
        return [account for account in (self.from_account, self.to_account) if account.kind in POCKETS and account.owner != CENTRE]

    @property
    def net(self) -> int:
        """What the organisation gains (negative: loses); 0 when the money only changes pockets."""
        return self.amount * ((self.to_account in self.pockets) - (self.from_account in self.pockets))


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a hold is for; restricted credits are matched against it."""

    service: str = "compute"
    flavour: str | None = None
    pool: str | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What a credit may pay for: at most `share_permille` of the charges of a hold, for these purposes, in this time. None means any."""

    valid_from: datetime
    valid_until: datetime
    share_permille: int = 1000
    services: tuple[str, ...] | None = ("compute",)
    flavours: tuple[str, ...] | None = None
    pools: tuple[str, ...] | None = None

    def covers(self, purpose: Purpose, now: datetime) -> bool:
        """Tell whether a credit on these terms may pay for this purpose now."""
        fits = (self.services, purpose.service), (self.flavours, purpose.flavour), (self.pools, purpose.pool)
        return self.valid_from <= now < self.valid_until and all(allowed is None or wanted in allowed for allowed, wanted in fits)


@dataclass(frozen=True, slots=True)
class Credit:
    """Restricted money or card-seconds given to an organisation; `remaining` is what is neither used nor held."""

    id: str
    tenant_id: str
    label: str
    unit: str
    granted: int
    remaining: int
    terms: Terms

    @property
    def share_permille(self) -> int:
        """The largest share of a charge it pays."""
        return self.terms.share_permille

    @property
    def valid_from(self) -> datetime:
        """When it begins to count."""
        return self.terms.valid_from

    @property
    def valid_until(self) -> datetime:
        """When what is left goes back to its payer."""
        return self.terms.valid_until


@dataclass(frozen=True, slots=True)
class Balance:
    """What an organisation has: free cash, what is held for running work, what it owes, and its credits (also packages, in card-seconds)."""

    cash_fen: int
    held_fen: int
    debt_fen: int
    credits: list[Credit]


@dataclass(frozen=True, slots=True)
class HoldSource:
    """A part of a hold: from the credit with this label, or from cash when the label is empty."""

    label: str
    share_permille: int
    remaining: int
    charged: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Money set aside for a cause. `asked` is what it was placed for; `charged` counts all charges through it, also those beyond it."""

    id: int
    key: str
    tenant_id: str
    unit: str
    state: HoldState
    asked: int
    charged: int
    steps: int
    purpose: Purpose
    cause_kind: str
    cause_id: str
    sources: tuple[HoldSource, ...]

    @property
    def remaining(self) -> int:
        """What is still set aside."""
        return sum(source.remaining for source in self.sources)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a payment: `pocket` is cash, credit, hold or receivable; `label` names the credit it comes from in the end, empty for cash."""

    pocket: AccountKind
    label: str
    amount: int


@dataclass(frozen=True, slots=True)
class Captured:
    """How a charge was paid: out of the hold, out of free cash, into debt."""

    from_hold: int
    from_cash: int
    debt: int
    sources: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One movement between the organisation and the centre. `amount_fen` is signed.

    `balance_after` is cash + credit + held - debt. Both are in the unit the statement was asked for.
    """

    seq: int
    at: datetime
    amount_fen: int
    balance_after: int
    kind: TransferKind
    cause_kind: str
    cause_id: str
    memo: str
    transfer_key: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The result of checking the whole ledger: no problems means that every fen is accounted for."""

    problems: list[str]
    accounts: int
    transfers: int

    @property
    def ok(self) -> bool:
        """Tell whether nothing was found."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class Posted:
    """A movement of cash: whether this call made it (False: an earlier one with the same key did), and what of it went into an old debt."""

    key: str
    amount_fen: int
    new: bool
    debt_paid_fen: int = 0


class KeyReused(Problem):
    """The same business key came with different content."""

    code = "key_reused"
    status = 409
    message = "The key {key} was already used for something else. Nothing was posted; send a new key."


class InsufficientFunds(Problem):
    """There is not enough that may pay for this."""

    code = "insufficient_funds"
    status = 402
    message = "This needs {needs}, but only {has} may be used for it. Top up at least {missing}, or ask for less."


class NoSuchHold(NotFound):
    """No hold has this key."""

    code = "no_such_hold"


class HoldClosed(Conflict):
    """The hold was released."""

    code = "hold_closed"


class NotReversible(Conflict):
    """This movement cannot be turned round."""

    code = "not_reversible"


class Busy(Conflict):
    """The account moved under our hands too often."""

    code = "account_busy"
