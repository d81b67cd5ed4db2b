"""What a charge is and how usage becomes one: exact, pure arithmetic, and the plain types the bill is made of."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from wutong.centre.engines.protocol import EndReason
from wutong.centre.rules import Wait
from wutong.compute.catalogue.rules import UNITS_PER_FEN, Price, charge_for, cost_fen, units_of
from wutong.kit.errors import Problem

OUR_FAULTS: frozenset[EndReason] = frozenset({EndReason.START_FAILED, EndReason.NODE_LOST, EndReason.ENGINE_FAULT})
FINAL_WAIT = timedelta(minutes=10)
HOLD_SECONDS = 3600


class ChargeKind(StrEnum):
    """What a line of the bill is: usage, usage nobody pays because the centre was at fault, or the taking back of a charge."""

    USAGE = "usage"
    WAIVED = "waived"
    REVERSAL = "reversal"


class Unrated(StrEnum):
    """Why a usage record waits to be rated."""

    UNKNOWN_RUN = "unknown_run"
    NO_PRICE = "no_price"
    REFUSED = "refused"


class CannotAfford(Problem):
    """What is to be run costs more than the tenant has."""

    code = "cannot_afford"
    status = 402
    message = "This needs {needed} held at the start; your organisation has {available} free for it. Top up {missing} or choose a shorter time limit."


@dataclass(frozen=True, slots=True)
class HoldResult:
    """What was held for a job at submission: package seconds first, money for the rest, together enough for `covers_s` of running."""

    job_id: str
    amount_fen: int
    package_seconds: int
    covers_s: int
    price_id: str


@dataclass(frozen=True, slots=True)
class BilledJob:
    """A job as billing knows it."""

    job_id: str
    job_name: str
    tenant_id: str
    person_id: str
    flavour: str
    pool: str
    accelerator: str
    cards: int
    time_limit_s: int
    hold_s: int
    held_fen: int
    held_package_s: int
    checkpoint_signal: str | None
    settled_at: datetime | None

    @property
    def hold_key(self) -> str:
        """Return the key of the hold on money."""
        return money_hold_key(self.job_id)

    @property
    def package_hold_key(self) -> str:
        """Return the key of the hold on package seconds."""
        return package_hold_key(self.job_id)


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How an attempt ended. `started` is False for a run that never began, so that no last usage is awaited; `restart` is the engine's last start."""

    run_name: str
    reason: str
    our_fault: bool
    at: datetime
    started: bool = True
    restart: int = 0


@dataclass(frozen=True, slots=True)
class Meter:
    """What one attempt was charged so far. `amount_fen` is always the whole fen in `units`: rounding never drifts.

    `package_carry_ms` is card time promised to a package that is not a whole card-second yet.
    """

    card_ms: int = 0
    package_seconds: int = 0
    package_carry_ms: int = 0
    units: int = 0
    amount_fen: int = 0


@dataclass(frozen=True, slots=True)
class Rated:
    """The new part of a window: what packages pay, what money pays, and the meter after it."""

    meter: Meter
    package_seconds: int
    money_ms: int
    units: int
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Charge:
    """One line below a job on the bill: the part of a usage window that was new, with the price it was rated at and the entry that paid it.

    `reason` says why nobody pays for what is waived or taken back: an `EndReason` that is the centre's fault.
    """

    id: str
    seq: int
    kind: ChargeKind
    tenant_id: str
    person_id: str
    job_id: str
    run_name: str
    restart: int
    window_start: datetime
    usage_seq: int | None
    from_card_ms: int
    to_card_ms: int
    card_ms: int
    money_ms: int
    package_seconds: int
    price_id: str | None
    fen_per_card_hour: int
    units: int
    amount_fen: int
    transfer_key: str | None
    reverses: str | None
    month: str
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class BillItem:
    """One job on a month's bill, net of what was taken back."""

    job_id: str
    job_name: str
    person_id: str
    flavour: str
    card_ms: int
    package_seconds: int
    amount_fen: int
    reversed_fen: int
    windows: int


@dataclass(frozen=True, slots=True)
class Bill:
    """A month's bill: what the tenant owes for usage in all, and a page of its jobs."""

    month: str
    tenant_id: str
    total_fen: int
    package_seconds: int
    card_ms: int
    items: list[BillItem]
    next: str | None


@dataclass(frozen=True, slots=True)
class JobMoney:
    """What a job has cost so far, what is still held for it, and when it was settled for good."""

    job_id: str
    amount_fen: int
    package_seconds: int
    card_ms: int
    held_fen: int
    held_package_s: int
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Sources:
    """Who would pay: seconds from packages, fen from restricted credits, fen from cash."""

    package_seconds: int
    credit_fen: int
    cash_fen: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a job would cost at most, and typically from the tenant's own past.

    `refusals` say why it would be refused, `notices` are sentences that say what it should know before. `wait` is how long it would wait for machines
    if it were submitted now, None while too little is known of that.
    """

    card_seconds: int
    amount_fen: int
    hold_fen: int
    hold_package_seconds: int
    sources: Sources
    price: Price
    typical_card_seconds: int | None
    typical_fen: int | None
    refusals: tuple[Problem, ...]
    notices: tuple[str, ...] = ()
    wait: Wait | None = None

    @property
    def problems(self) -> tuple[str, ...]:
        """Return the refusals as sentences."""
        return tuple(each.sentence() for each in self.refusals)


def money_hold_key(job_id: str) -> str:
    """Return the ledger's key of a job's hold on money."""
    return f"job:{job_id}"


def package_hold_key(job_id: str) -> str:
    """Return the ledger's key of a job's hold on package seconds."""
    return f"job:{job_id}:package"


def package_unit(accelerator: str) -> str:
    """Return the ledger's unit of card-seconds of an accelerator kind."""
    return f"card_second:{accelerator}"


def usage_key(run_name: str, restart: int, window_start: datetime, to_card_ms: int) -> str:
    """Return the business key of a charge: the attempt, the window, and how far the window had grown."""
    return f"usage:{run_name}:{restart}:{int(window_start.timestamp() * 1000)}:{to_card_ms}"


def rate(meter: Meter, card_ms: int, fen_per_card_hour: int, held_package_s: int) -> Rated:
    """Rate the new card time of a window: whole seconds from the package hold as far as it goes, money for the rest."""
    pending = meter.package_carry_ms + card_ms
    from_package = min(pending // 1000, max(held_package_s, 0))
    rest = pending - from_package * 1000
    stays = held_package_s > 0 and rest < 1000
    money_ms = 0 if stays else rest
    units = units_of(fen_per_card_hour, money_ms)
    whole, _ = charge_for(meter.units + units)
    after = replace(
        meter,
        card_ms=meter.card_ms + card_ms,
        package_seconds=meter.package_seconds + from_package,
        package_carry_ms=rest if stays else 0,
        units=meter.units + units,
        amount_fen=whole,
    )
    return Rated(after, from_package, money_ms, units, whole - meter.amount_fen)


def waive(meter: Meter, card_ms: int) -> Meter:
    """Count card time that nobody pays."""
    return replace(meter, card_ms=meter.card_ms + card_ms)


def forgive(meter: Meter, charges: Sequence[Charge]) -> Meter:
    """Take charges of an attempt off its meter; its card time stays counted.

    What is charged is whole fen of a running sum, so the parts of a fen that are left may differ by less than one from those of what still stands.
    """
    amount_fen = meter.amount_fen - sum(charge.amount_fen for charge in charges)
    units = meter.units - sum(charge.units for charge in charges)
    units = min(max(units, amount_fen * UNITS_PER_FEN), (amount_fen + 1) * UNITS_PER_FEN - 1)
    seconds = meter.package_seconds - sum(charge.package_seconds for charge in charges)
    return replace(meter, amount_fen=amount_fen, units=units, package_seconds=seconds, package_carry_ms=0)


def copy_charge(charge: Charge, changed: dict[str, Any]) -> Charge:
    """Return a charge like another but for some fields."""
    return replace(charge, **changed)


def reversal_key(key: str) -> str:
    """Return the business key of the taking back of a charge."""
    return f"reversal:{key}"


def look_again(age: timedelta) -> timedelta:
    """Return how long to wait before looking again whether a closed job can be settled: soon at first, then ever less often."""
    return min(max(age / 4, timedelta(milliseconds=500)), timedelta(seconds=60))


def split_hold(card_ms: int, fen_per_card_hour: int, free_package_s: int) -> tuple[int, int]:
    """Return the package seconds and the fen that together cover card time: packages first."""
    seconds = min(-(-card_ms // 1000), max(free_package_s, 0))
    return seconds, cost_fen(fen_per_card_hour, max(card_ms - seconds * 1000, 0))


def covered_ms(*, held_fen: int, held_package_s: int, fen_per_card_hour: int, cards: int) -> int | None:
    """Return for how much more running time the holds last, None for ever (the flavour is free)."""
    if fen_per_card_hour == 0:
        return None
    money_card_ms = held_fen * UNITS_PER_FEN // fen_per_card_hour
    return (held_package_s * 1000 + money_card_ms) // cards
