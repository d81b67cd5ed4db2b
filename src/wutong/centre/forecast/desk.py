"""What is known of one pool in memory: its forecaster, who waits and runs there, where each stands, and what was told. It asks nobody."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from wutong.centre.engines.protocol import Absent, Phase, Sighting, Unknown
from wutong.centre.forecast.forecaster import Forecaster, Parts
from wutong.centre.forecast.rules import Ask, Prediction, Running
from wutong.centre.forecast.told import ENOUGH, LIMITS_S, Cell, Forecast, Outlook, Seen, card_sizes, cell_of, clear_of, forecast, is_news
from wutong.centre.maintenance.rules import Window
from wutong.centre.runs.rules import RunEvent, RunPhase

ASKED_AT_ONCE = 1000
"""Waiting runs whose place the engine is asked for in one look. Of a longer queue each look asks for some, those asked longest ago."""
_NO_PLACE = 10**9


class Desk:
    """One pool."""

    def __init__(self, pool: str, forecaster: Forecaster, since: int) -> None:
        """`since`: the line of the journal up to which the forecaster has heard."""
        self.pool, self.forecaster, self._since = pool, forecaster, since
        self.runs: dict[str, Seen] = {}
        self.told: dict[str, Forecast] = {}
        self.outlook: Outlook | None = None
        self.looked_at: datetime | None = None
        self.took_s = 0.0
        self.changed = True
        self.learnt = False
        self._places: dict[str, int | None] = {}

    def hear(self, event: RunEvent, run: Seen) -> None:
        """Take in a line of the journal."""
        if event.seq <= self._since:
            return
        self._since, self.changed, name = event.seq, True, event.name
        if event.phase is RunPhase.QUEUED:
            self._places.pop(name, None)
        elif event.started_at is not None:
            self.forecaster.observe_start(event.started_at.timestamp(), name)
            self.told.pop(name, None)
        if event.phase is RunPhase.ENDED and event.ended_at is not None:
            self._hear_end(event.started_at, event.ended_at, run.ask)

    def _hear_end(self, started_at: datetime | None, ended_at: datetime, ask: Ask) -> None:
        run_s = None if started_at is None else (ended_at - started_at).total_seconds()
        known = self.forecaster.knows(ask.name)
        self.forecaster.observe_end(ended_at.timestamp(), ask.name, run_s)
        if run_s is not None:
            self.learnt = True
            if not known:
                self.forecaster.learn(ask, run_s)

    def put(self, name: str, run: Seen) -> None:
        """Note how a run stands now."""
        if run.phase in ("queued", "running"):
            self.runs[name] = run
        else:
            self.runs.pop(name, None)
            self._places.pop(name, None)

    def is_due(self, now: datetime, *, least_s: float, rest: int, most_s: float) -> bool:
        """Tell whether to look again: after a change when that rests long enough for what a look costs, and now and then without one."""
        if self.looked_at is None:
            return True
        gone = now - self.looked_at
        return gone >= timedelta(seconds=most_s) or (self.changed and gone >= timedelta(seconds=max(least_s, rest * self.took_s)))

    def to_ask(self) -> list[str]:
        """Return the waiting runs to ask places of: all, or some of a long queue."""
        waiting = [name for name, run in self.runs.items() if run.phase == "queued"]
        if len(waiting) > ASKED_AT_ONCE:
            order = {name: at for at, name in enumerate(self._places)}  # a place asked again goes to the end
            waiting.sort(key=lambda name: order.get(name, -1))
        return waiting[:ASKED_AT_ONCE]

    def take_places(self, seen: Mapping[str, Sighting | Absent] | Unknown) -> None:
        """Take in what the engine says of where runs stand. One that it holds back, or no longer has waiting, has no place."""
        if isinstance(seen, Unknown):
            return
        for name, answer in seen.items():
            self._places.pop(name, None)
            waits = isinstance(answer, Sighting) and answer.phase is Phase.QUEUED
            self._places[name] = answer.position if waits and isinstance(answer, Sighting) else None

    def look(self, now: datetime, *, cards: int, sizes: Iterable[int], windows: Sequence[Window]) -> Parts[tuple[list[Forecast], list[str]]]:
        """Foretell all that waits, in parts, and work out the outlook; the end is what is news, and of whom nothing is told any more."""
        now_s, forecaster = now.timestamp(), self.forecaster
        forecaster.resize(cards)
        predictions = yield from forecaster.looking(now_s, self._running(), self._waiting())
        yield
        self.outlook = Outlook(self.pool, now, tuple(self._cells(now_s, card_sizes(sizes, cards))))
        told = self._tell(now, predictions, windows) if forecaster.learnt >= ENOUGH else {}
        yield
        news = [each for name, each in told.items() if is_news(each, self.told.get(name))]
        gone = [name for name in self.told if name not in told]
        self.told = {name: self.told.get(name, each) for name, each in told.items()} | {each.run_name: each for each in news}
        self.looked_at, self.changed = now, False
        return news, gone

    def _running(self) -> list[Running]:
        return [Running(run.ask, run.started_at.timestamp()) for run in self.runs.values() if run.phase == "running" and run.started_at is not None]

    def _waiting(self) -> list[Ask]:
        waiting = []
        for name, run in self.runs.items():
            place = self._places.get(name, _NO_PLACE)
            if run.phase == "queued" and place is not None:
                waiting.append(replace(run.ask, priority=float(-place)))
        return waiting

    def _tell(self, now: datetime, predictions: Mapping[str, Prediction], windows: Sequence[Window]) -> dict[str, Forecast]:
        told = {}
        for name, prediction in predictions.items():
            each = forecast(name, self.pool, now, prediction, proven=self.forecaster.is_proven)
            if each is not None:
                told[name] = _after_maintenance(each, self.runs[name].ask.most_s, windows) if windows else each
        return told

    def _cells(self, now_s: float, sizes: Sequence[int]) -> list[Cell]:
        if self.forecaster.learnt < ENOUGH:
            return []
        asks = [Ask("", cards, limit_s, now_s, priority=float(-2 * _NO_PLACE)) for cards in sizes for limit_s in LIMITS_S]
        proven = self.forecaster.is_proven
        told = [(ask, self.forecaster.probe(now_s, ask)) for ask in asks]
        cells = [cell_of(each, cards=ask.cards, limit_s=ask.most_s, now_s=now_s, proven=proven) for ask, each in told]
        return [cell for cell in cells if cell is not None]


def _after_maintenance(told: Forecast, limit_s: float, windows: Sequence[Window]) -> Forecast:
    start_at = clear_of(windows, told.start_at, limit_s)
    bound_at = None if told.bound_at is None else clear_of(windows, max(told.bound_at, start_at), limit_s)
    return replace(told, start_at=start_at, bound_at=bound_at)
