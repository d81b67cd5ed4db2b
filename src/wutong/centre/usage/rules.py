"""What usage is: absolute totals of windows in integer milliseconds, and which reports are believed. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from wutong.centre.engines.protocol import EndReason, UsageRecord

_MAX_MS = 400 * 24 * 3600 * 1000
_MAX_CARDS = 1_000_000
_FAULTS = frozenset((EndReason.NODE_LOST, EndReason.ENGINE_FAULT))

Window = tuple[str, int, datetime]
"""Run name, restart and start of the window: the scope a total belongs to."""


@dataclass(frozen=True, slots=True)
class Usage:
    """One line of the usage journal: run `run_name`, start `restart`, held `cards` cards for `seconds_ms` inside the window so far.

    A later line of the same window carries a larger total, not an increment: a reader rates the difference to what it has rated. `fault`, on the last
    line of a start, says why nobody pays for that start: it is the engine's word for what the centre did to it.
    """

    seq: int
    run_name: str
    restart: int
    window_start: datetime
    seconds_ms: int
    cards: int
    card_seconds_ms: int
    final: bool
    fault: str = ""

    @property
    def id(self) -> str:
        """Name of this fact, the same however often the engine reports it."""
        start_ms = round(self.window_start.timestamp() * 1000)
        return f"{self.run_name}:{self.restart}:{start_ms}:{self.seconds_ms}{':final' if self.final else ''}"

    @property
    def window(self) -> Window:
        """The scope whose total this is."""
        return self.run_name, self.restart, self.window_start


@dataclass(frozen=True, slots=True)
class Total:
    """How far a window has come, and whether it is the last of a start that the centre cut short."""

    seconds_ms: int
    cards: int
    final: bool
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """A report that made sense by itself."""

    window: Window
    total: Total


@dataclass(frozen=True, slots=True)
class Refusal:
    """A report that is kept aside, and why."""

    record: UsageRecord
    reason: str


@dataclass(frozen=True, slots=True)
class MeterCheck:
    """What could not go into the journal, for people to look at; zeros when all is well."""

    refused: int
    foreign: int


def read_record(record: UsageRecord) -> Fact | Refusal:
    """Turn an engine's report into integers, or say why it makes no sense."""
    if not (math.isfinite(record.seconds) and math.isfinite(record.window_start)):
        return Refusal(record, "A time is not a number.")
    seconds_ms = round(record.seconds * 1000)
    if not 0 <= seconds_ms <= _MAX_MS:
        return Refusal(record, "The total is negative or beyond any window.")
    if not (0 <= record.slots <= _MAX_CARDS and 0 <= record.restart < 2**31):
        return Refusal(record, "The number of cards or of the restart is out of range.")
    if record.fault and (not record.final or record.fault not in _FAULTS):
        return Refusal(record, "A fault of the centre is told with the last window of a start, in a word that is known.")
    try:
        start = datetime.fromtimestamp(round(record.window_start * 1000) / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return Refusal(record, "The window begins at no possible time.")
    return Fact((record.name, record.restart, start), Total(seconds_ms, record.slots, record.final, record.fault))


def believe(known: Total | None, new: Total) -> str | None:
    """Compare a total with the one before it: None when it is news, "" when it says nothing new, else the reason to refuse it."""
    if known is None:
        return None
    if new.seconds_ms < known.seconds_ms:
        return f"The total fell from {known.seconds_ms} to {new.seconds_ms} ms."
    if new.cards != known.cards:
        return f"The cards of one window changed from {known.cards} to {new.cards}."
    return "" if new.seconds_ms == known.seconds_ms and (known.final or not new.final) else None


def sort_out(facts: list[Fact], known: Mapping[Window, Total]) -> tuple[list[Fact], list[tuple[Fact, str]]]:
    """Divide reports, in order, into news and contradictions; what says nothing new is in neither."""
    totals, news, contradictions = dict(known), [], []
    for fact in facts:
        verdict = believe(totals.get(fact.window), fact.total)
        if verdict is None:
            totals[fact.window] = fact.total
            news.append(fact)
        elif verdict:
            contradictions.append((fact, verdict))
    return news, contradictions
