"""Compares each day of each engine that keeps accounts of its own, an hour after the day has ended, and any day on demand.

One question to the accounting covers a day, and one more the runs that had begun before it. While the accounting is away nothing is compared, and
the day is due again a little later.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from wutong.centre.comparison import store
from wutong.centre.comparison.rules import Comparison, Difference, Start, compare, day_of, span, their_card_ms
from wutong.centre.comparison.service import WATCHED
from wutong.centre.engines.operations import Accounted, KeepsAccounts
from wutong.centre.engines.protocol import Unknown
from wutong.centre.registry import Engines, ask
from wutong.kit import clock
from wutong.kit.database import Database
from wutong.kit.errors import Invalid, NotFound, Unavailable
from wutong.kit.log import get_logger

log = get_logger(__name__)

LAG = timedelta(minutes=2)
AFTER_DAY = timedelta(hours=1)
AGAIN = timedelta(minutes=5)


class NoAccounts(NotFound):
    """No engine of the centre keeps accounts of its own."""

    code = "no_accounts"
    message = "There are no accounts to compare with: no engine of this centre keeps its own."


class Comparer:
    """The loop. `lag` is how far the accounting may be behind what ended."""

    def __init__(self, database: Database, engines: Engines, *, lag: timedelta = LAG) -> None:
        self._database = database
        self._engines = engines
        self._lag = lag
        self._due: dict[str, datetime] = {}

    def step(self) -> bool:
        """Compare one day that has ended and was not compared since; True when one was."""
        now = clock.now()
        for engine in _keepers(self._engines):
            if now < self._due.get(engine.name, now):
                continue
            day = self._next_day(engine.name, now)
            if day is not None and self._compare(engine, day) is not None:
                return True
            self._due[engine.name] = now + AGAIN
        return False

    def compare_day(self, day: date | None = None) -> list[Comparison]:
        """Compare a day, today up to now by default, of every engine that keeps accounts; raises `NoAccounts`, `Unavailable`."""
        day = day or day_of(clock.now())
        if span(day)[0] > clock.now():
            raise Invalid(field="day", reason="That day is still to come. Name one that has begun.")
        engines = _keepers(self._engines)
        if not engines:
            raise NoAccounts(kind="accounts", id="")
        found = [(engine, self._compare(engine, day)) for engine in engines]
        for engine, comparison in found:
            if comparison is None:
                raise Unavailable(what=f"The accounting of {engine.name}")
        return [comparison for _, comparison in found if comparison is not None]

    def _next_day(self, engine: str, now: datetime) -> date | None:
        last = day_of(now - AFTER_DAY) - timedelta(days=1)
        since = span(last - WATCHED)[0]
        with self._database.session() as session:
            first = store.first_end(session, engine, since)
            done = {each.day for each in store.latest(session, engine, day_of(since)) if each.until >= span(each.day)[1]}
        days = [] if first is None else [day_of(first) + timedelta(days=number) for number in range((last - day_of(first)).days + 1)]
        return next((day for day in days if day not in done), None)

    def _compare(self, engine: KeepsAccounts, day: date) -> Comparison | None:
        begins_at, ends_at = span(day)
        until = min(ends_at, clock.now() - self._lag)
        with self._database.session() as session:
            ended = store.runs_ended(session, engine.name, begins_at, until)
        earlier = sorted(name for name, at in ended.items() if at < begins_at)
        # A run that ended in the day's first moment has its last start just before it.
        said = ask(engine.accounted, round(begins_at.timestamp()) - 1, round(until.timestamp()), earlier)
        if isinstance(said, Unknown):
            log.warning("the cluster's accounts could not be read", engine=engine.name, why=said.why)
            return None
        with self._database.session() as session:
            ours = store.starts_of(session, sorted(ended))
            theirs = self._theirs(said, set(ended), store.known_runs(session, sorted({each.name for each in said if each.ours})), until)
            differences = compare(ours, theirs)
            made = store.add(session, _sums(engine.name, day, begins_at, until, ended, ours, theirs, differences), differences)
        if differences:
            log.error("usage differs from the cluster's accounts", engine=engine.name, day=str(day), count=len(differences), first=differences[0])
        return made

    def _theirs(self, said: Sequence[Accounted], ended: set[str], known: set[str], until: datetime) -> dict[str, list[Accounted]]:
        """Keep the starts of the runs that are compared, and those that the engine took for runs of ours but the centre never heard of."""
        found: dict[str, list[Accounted]] = {}
        for start in said:
            unheard = start.name not in known and start.ended is not None and start.ended < until.timestamp()
            if start.ours and (start.name in ended or unheard):
                found.setdefault(start.name, []).append(start)
        return found


def _keepers(engines: Engines) -> list[KeepsAccounts]:
    return [engine for engine in engines if isinstance(engine, KeepsAccounts)]


def _sums(
    engine: str,
    day: date,
    begins_at: datetime,
    until: datetime,
    ended: dict[str, datetime],
    ours: dict[str, list[Start]],
    theirs: dict[str, list[Accounted]],
    differences: Sequence[Difference],
) -> Comparison:
    cards = {name: max(start.cards for start in starts) for name, starts in ours.items()}
    return Comparison(
        id=0,
        engine=engine,
        day=day,
        begins_at=begins_at,
        until=until,
        compared_at=clock.now(),
        runs=len({*ended, *theirs}),
        starts=sum(map(len, theirs.values())),
        our_card_ms=sum(start.card_ms for starts in ours.values() for start in starts),
        their_card_ms=sum(their_card_ms(starts, cards.get(name, 0)) for name, starts in theirs.items()),
        differences=len(differences),
    )
