"""What two accounts of the same runs are held to: equal to the second and the card. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from wutong.centre.engines.operations import Accounted

ZONE = ZoneInfo("Asia/Shanghai")
"""Days are those of the bill."""
_LISTED = 20


class DifferenceKind(StrEnum):
    """How two accounts of a run disagree."""

    DIFFERS = "differs"
    MISSING_THERE = "missing_there"
    MISSING_HERE = "missing_here"
    STILL_RUNNING = "still_running"


@dataclass(frozen=True, slots=True)
class Start:
    """One start of a run as the usage journal has it."""

    restart: int
    cards: int
    card_ms: int


@dataclass(frozen=True, slots=True)
class Difference:
    """A run on which the journal (`our_card_ms`) and the cluster (`their_card_ms`) disagree, with both sides' starts in words."""

    run_name: str
    kind: DifferenceKind
    our_card_ms: int
    their_card_ms: int
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison of an engine's day: the runs that ended from `begins_at` until `until`, and the sums of both sides."""

    id: int
    engine: str
    day: date
    begins_at: datetime
    until: datetime
    compared_at: datetime
    runs: int
    starts: int
    our_card_ms: int
    their_card_ms: int
    differences: int


def compare(ours: Mapping[str, Sequence[Start]], theirs: Mapping[str, Sequence[Accounted]]) -> list[Difference]:
    """Return what differs, by the run's name. Runs are compared whole: the journal numbers their starts, the cluster only dates them."""
    found = (_compare(name, ours.get(name, ()), theirs.get(name, ())) for name in sorted({*ours, *theirs}))
    return [difference for difference in found if difference is not None]


def their_card_ms(starts: Iterable[Accounted], cards: int) -> int:
    """Add up what the cluster counted. `cards` stands for the count where it counted none, for runs of processors alone."""
    return sum(start.seconds * 1000 * (cards if start.cards is None else start.cards) for start in starts)


def day_of(moment: datetime) -> date:
    """Return the day a moment belongs to."""
    return moment.astimezone(ZONE).date()


def span(day: date) -> tuple[datetime, datetime]:
    """Return a day's first moment and that of the next."""
    first = datetime.combine(day, time(), ZONE)
    return first.astimezone(UTC), datetime.combine(day + timedelta(days=1), time(), ZONE).astimezone(UTC)


def _compare(name: str, ours: Sequence[Start], theirs: Sequence[Accounted]) -> Difference | None:
    cards = max((start.cards for start in ours), default=0)
    here, there = sum(start.card_ms for start in ours), their_card_ms(theirs, cards)
    kind = _kind(ours, theirs, here, there)
    return None if kind is None else Difference(name, kind, here, there, _our_words(ours), _their_words(theirs))


def _kind(ours: Sequence[Start], theirs: Sequence[Accounted], here: int, there: int) -> DifferenceKind | None:
    if any(start.ended is None for start in theirs):
        return DifferenceKind.STILL_RUNNING
    if here == there:
        return None
    if not theirs:
        return DifferenceKind.MISSING_THERE
    return DifferenceKind.DIFFERS if ours else DifferenceKind.MISSING_HERE


def _our_words(starts: Sequence[Start]) -> str:
    return "; ".join(f"start {each.restart}: {each.card_ms / 1000:.3f} card-s on {each.cards}" for each in starts[:_LISTED])


def _their_words(starts: Sequence[Accounted]) -> str:
    return "; ".join(_words(each) for each in starts[:_LISTED])


def _words(start: Accounted) -> str:
    held = f"{start.cpus} processors" if start.cards is None else f"{start.cards}"
    length = "running" if start.ended is None else f"{start.seconds} s"
    return f"job {start.job} {start.state} from {datetime.fromtimestamp(start.started, UTC):%Y-%m-%dT%H:%M:%SZ}: {length} on {held}"
