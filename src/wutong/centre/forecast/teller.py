"""Tells of every waiting run when it will start, pool by pool, as the journal of runs goes on, and holds what it told against what came.

What it learnt is saved now and then with the line of the journal it had come to; where nothing is saved it begins with the runs that ended last.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import thread_time

from sqlalchemy.orm import Session

from wutong.centre.catalogue import service as catalogue
from wutong.centre.catalogue.rules import Node, NodeState, Pool
from wutong.centre.forecast import store
from wutong.centre.forecast.desk import Desk
from wutong.centre.forecast.forecaster import Forecaster, Parts
from wutong.centre.forecast.told import STALE, Forecast, Outlook
from wutong.centre.maintenance import service as maintenance
from wutong.centre.maintenance.rules import Window
from wutong.centre.registry import Engines, ask
from wutong.centre.runs import service as runs
from wutong.centre.runs.rules import RunEvent, RunPhase
from wutong.kit import clock
from wutong.kit.database import Database

BATCH = 2000
BEGIN_WITH = 5000
"""Runs that ended last, from which a forecaster without a saved state learns."""
KEPT = timedelta(days=92)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to do what. A look comes `least_s` after the one before, or so many times what that took; without any change after `most_s`."""

    least_s: float = 3.0
    rest: int = 20
    most_s: float = 60.0
    part_s: float = 0.1
    """A step ends with the first part of a look after so long."""
    save_s: float = 300.0
    again_s: float = 600.0
    """When all runs are read again, should the journal have left any out."""


@dataclass(frozen=True, slots=True)
class _Ground:
    """What stands in the catalogue, and which maintenance is to come."""

    pools: dict[str, Pool]
    nodes: list[Node]
    sizes: dict[str, set[int]]
    windows: list[Window]

    def cards(self, pool: str) -> int:
        """Count the cards that new runs can get."""
        return sum(node.cards for node in self.nodes if node.pool == pool and node.state is NodeState.UP)


class Teller:
    """The loop."""

    def __init__(self, database: Database, engines: Engines, pace: Pace | None = None) -> None:
        self._database, self._engines, self._pace = database, engines, pace or Pace()
        self._desks: dict[str, Desk] = {}
        self._seq = 0
        self._looking: Parts[None] | None = None
        self._saved_at: datetime | None = None
        self._read_at: datetime | None = None

    def step(self) -> bool:
        """Take in what the journal says, and look at one pool that is due, a part of it at a time; True when there is more to do at once."""
        if self._looking is not None:
            return self._go_on(self._looking)
        now = clock.now()
        with self._database.session() as session:
            if not self._desks:
                self._open_desks(session, _ground(session).pools)
            seq, more = self._follow(session)
            due = [] if more else self._due(now)
            ground = _ground(session) if due else None
            if ground is not None:
                self._open_desks(session, ground.pools)
            if not more and self._is_over(self._read_at, self._pace.again_s, now):
                self._read_all(session, now)
        self._seq = seq
        if self._is_over(self._saved_at, self._pace.save_s, now):
            self._save(now)
        if ground is None:
            return more
        self._looking = self._look(due[0], ground, now)
        return self._go_on(self._looking)

    def _due(self, now: datetime) -> list[Desk]:
        pace = self._pace
        return [desk for desk in self._desks.values() if desk.is_due(now, least_s=pace.least_s, rest=pace.rest, most_s=pace.most_s)]

    def _go_on(self, looking: Parts[None]) -> bool:
        """Do parts of a look until they have taken as long as a step may."""
        begun = thread_time()
        try:
            while thread_time() - begun < self._pace.part_s:
                next(looking)
        except StopIteration:
            self._looking = None
        except BaseException:
            self._looking = None
            raise
        return True

    def _open_desks(self, session: Session, pools: Iterable[str]) -> None:
        new = [pool for pool in pools if pool not in self._desks]
        if not new:
            return
        saved, last = store.saved(session), store.last_seq(session)
        for pool in new:
            seq, state = saved.get(pool, (last, None))
            forecaster = Forecaster(0, limits=False) if state is None else Forecaster.from_state(0, state, limits=False)
            desk = self._desks[pool] = Desk(pool, forecaster, seq)
            if state is None:
                desk.learnt = True
                for run in store.ended_lately(session, pool, BEGIN_WITH):
                    forecaster.learn(run.ask, run.run_s or 0.0)
        if len(new) == len(self._desks):
            self._begin(session, min((saved[pool][0] for pool in new if pool in saved), default=last))
        self._read_at = None

    def _begin(self, session: Session, seq: int) -> None:
        """Take up the journal, and what was told, where the loop before this one left them."""
        self._seq = seq
        for name, forecast in store.told(session).items():
            if forecast.pool in self._desks:
                self._desks[forecast.pool].told[name] = forecast

    def _follow(self, session: Session) -> tuple[int, bool]:
        """Take in some of the journal; return how far that is, and whether there is more. Lines that come again, after a failure, are heard once."""
        events = runs.run_events_after(session, self._seq, BATCH)
        if not events or not self._desks:
            return self._seq, False
        seen = store.seen(session, list({event.name for event in events}))
        for event in events:
            run = seen.get(event.name)
            if run is not None and run.pool in self._desks:
                self._desks[run.pool].hear(event, run)
        for name, run in seen.items():
            if run.pool in self._desks:
                self._desks[run.pool].put(name, run)
        store.score(session, {event.name: event.started_at for event in events if _began(event) and event.started_at is not None})
        return events[-1].seq, len(events) == BATCH

    def _read_all(self, session: Session, now: datetime) -> None:
        there = store.live(session)
        self._read_at = now
        for desk in self._desks.values():
            desk.runs = {name: run for name, run in there.items() if run.pool == desk.pool}
            desk.changed = True

    def _look(self, desk: Desk, ground: _Ground, now: datetime) -> Parts[None]:
        """Ask the engine where runs stand with no transaction open, foretell, and write what is news."""
        names, engine = desk.to_ask(), self._engines.find(ground.pools[desk.pool].engine)
        begun, before, told = thread_time(), desk.outlook, desk.told
        if names and engine is not None:
            desk.take_places(ask(engine.observe, names))
        windows = [window for window in ground.windows if window.pool == desk.pool]
        news, gone = yield from desk.look(now, cards=ground.cards(desk.pool), sizes=ground.sizes.get(desk.pool, set()), windows=windows)
        try:
            self._write(desk, news, gone, before, now)
        except Exception:
            desk.told, desk.outlook, desk.changed = told, before, True
            raise
        desk.took_s = thread_time() - begun

    def _write(self, desk: Desk, news: list[Forecast], gone: list[str], before: Outlook | None, now: datetime) -> None:
        with self._database.session() as session:
            store.tell(session, news)
            if gone:
                store.drop(session, gone)
            if desk.outlook is not None and (before is None or before.cells != desk.outlook.cells or now - before.made_at > STALE / 4):
                store.keep_outlook(session, desk.outlook)
            else:
                desk.outlook = before

    def _save(self, now: datetime) -> None:
        with self._database.session() as session:
            for desk in self._desks.values():
                if desk.learnt:
                    store.save(session, desk.pool, self._seq, now, desk.forecaster.to_state())
            store.move_on(session, self._seq)
            store.forget_scores(session, now - KEPT)
        for desk in self._desks.values():
            desk.learnt = False
        self._saved_at = now

    @staticmethod
    def _is_over(last: datetime | None, rest_s: float, now: datetime) -> bool:
        return last is None or now - last >= timedelta(seconds=rest_s)


def _began(event: RunEvent) -> bool:
    """Tell whether a line says that a run started; one that was never seen running says so by its end."""
    return event.phase in (RunPhase.RUNNING, RunPhase.ENDED)


def _ground(session: Session) -> _Ground:
    sizes: dict[str, set[int]] = {}
    for flavour in catalogue.list_flavours(session, enabled_only=True):
        sizes.setdefault(flavour.pool, set()).add(flavour.cards)
    pools = {pool.name: replace(pool) for pool in catalogue.list_pools(session)}
    return _Ground(pools, catalogue.list_nodes(session), sizes, maintenance.list_maintenance(session))
