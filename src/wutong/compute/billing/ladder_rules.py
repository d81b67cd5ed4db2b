"""The ladder as pure decisions: warn at 80, 90 and 100 percent, then no new starts, then a grace to save a checkpoint, then stop."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from wutong.compute.budgets.rules import level_reached
from wutong.kit.money import format_fen

LOOK_EVERY = timedelta(seconds=30)


class Stage(StrEnum):
    """Where a running job stands on the ladder."""

    FINE = "fine"
    GRACE = "grace"
    STOPPING = "stopping"


STAGE_MOVES: dict[Stage, frozenset[Stage]] = {
    Stage.FINE: frozenset({Stage.FINE, Stage.GRACE, Stage.STOPPING}),
    Stage.GRACE: frozenset({Stage.FINE, Stage.GRACE, Stage.STOPPING}),
    Stage.STOPPING: frozenset({Stage.STOPPING}),
}


class NoticeKind(StrEnum):
    """What a warning is about."""

    BALANCE = "balance"
    BUDGET = "budget"
    GRACE = "grace"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Notice:
    """A warning, written once for each level of each period. `job_id` is set when it is about one job."""

    id: str
    tenant_id: str
    person_id: str | None
    kind: NoticeKind
    level: int
    period: str
    job_id: str | None
    left_fen: int
    at: datetime

    @property
    def message(self) -> str:
        """Return the sentence before its parameters are filled in, for doors that translate it."""
        return _SAID_TO_ONE if self.kind is NoticeKind.BUDGET and self.person_id else _SAID[self.kind]

    @property
    def params(self) -> dict[str, str]:
        """Return what the sentence is filled in with."""
        return {"level": str(self.level), "period": self.period, "left": format_fen(self.left_fen), "job": self.job_id or ""}

    @property
    def sentence(self) -> str:
        """Say it in one sentence a person can act on."""
        return self.message.format(**self.params)


_SAID = {
    NoticeKind.BALANCE: "{level} % of your organisation's balance is used; {left} is left. Top up to keep jobs running.",
    NoticeKind.BUDGET: "{level} % of your organisation's budget for {period} is spent; {left} is left. Raise it to keep jobs running.",
    NoticeKind.GRACE: "There is no money left to go on with job {job}. It was told to save a checkpoint and will be stopped soon.",
    NoticeKind.STOPPED: "Job {job} was stopped because there was no money left to go on with it.",
}
_SAID_TO_ONE = "{level} % of your budget for {period} is spent; {left} is left. Raise it to keep jobs running."


@dataclass(frozen=True, slots=True)
class BalanceMark:
    """Against what the used part of a balance is measured: the most there was since the last warning was answered by a top-up."""

    base_fen: int = 0
    period: int = 0
    level: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """What to do about a running job now, and when to look again (None: when its usage says so)."""

    stage: Stage
    look_at: datetime | None
    stop_at: datetime | None
    signal: bool = False
    stop: bool = False


def balance_step(mark: BalanceMark, total_fen: int) -> BalanceMark:
    """Move the mark to what is there now. More money than before, or a level that is no longer reached, begins a new period."""
    if total_fen > mark.base_fen:
        return BalanceMark(total_fen, mark.period + 1, 0)
    level = level_reached(used_percent(mark.base_fen, total_fen))
    if level < mark.level:
        return BalanceMark(total_fen, mark.period + 1, 0)
    return BalanceMark(mark.base_fen, mark.period, level)


def used_percent(base_fen: int, total_fen: int) -> int:
    """Return how much of a balance is used; all of it when there is debt."""
    if base_fen <= 0:
        return 100 if total_fen < 0 else 0
    return (base_fen - total_fen) * 100 // base_fen


def decide(
    *,
    now: datetime,
    stage: Stage,
    stop_at: datetime | None,
    covered_until: datetime | None,
    extended: bool,
    blocked: bool,
    grace: timedelta,
    half: timedelta,
) -> Step:
    """Decide about a running job after trying to extend its hold.

    `covered_until` is when its holds run dry (None: never, or not before its time limit); `extended` says that nothing was refused;
    `blocked` that a budget is used up, which ends the cover at once; `half` is half of the time a hold covers.
    """
    if stage is Stage.STOPPING:
        return Step(stage, None, stop_at)
    if not blocked and (extended or covered_until is None):
        return Step(Stage.FINE, max(covered_until - half, now + LOOK_EVERY) if covered_until else None, None)
    if stage is Stage.FINE and not blocked and covered_until and now < covered_until:
        return Step(Stage.FINE, min(covered_until, now + LOOK_EVERY), None)
    ends = stop_at or now + grace
    if now >= ends:
        return Step(Stage.STOPPING, None, ends, stop=True)
    return Step(Stage.GRACE, min(ends, now + LOOK_EVERY), ends, signal=stage is Stage.FINE)
