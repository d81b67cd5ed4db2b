"""Keeps what was announced: reservations on engines that make them, closed pools on the others; both end with the window.

Wished is compared with seen every half minute and whenever something was announced or cancelled. Only reservations with our centre's name at their
beginning are ours to end.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from wutong.centre.catalogue import service as catalogue
from wutong.centre.catalogue import store as catalogue_store
from wutong.centre.catalogue.rules import Pool, PoolState
from wutong.centre.engines.operations import Reserved, Reserves
from wutong.centre.engines.protocol import Engine, Refused, Unknown
from wutong.centre.maintenance import store
from wutong.centre.maintenance.rules import Window, WindowState
from wutong.centre.registry import Engines, ask
from wutong.kit import clock
from wutong.kit.database import Database
from wutong.kit.log import get_logger

log = get_logger(__name__)

LOOK_AGAIN = timedelta(seconds=30)
_ONLY_POOLS = "Its engine keeps no single machines free; drain them by hand."


class MaintenanceKeeper:
    """The loop."""

    def __init__(self, database: Database, engines: Engines, *, centre: str) -> None:
        self._database = database
        self._engines = engines
        self._prefix = f"{centre}-maint_"
        self._centre = centre
        self._kept: tuple[frozenset[Window], datetime] | None = None

    def step(self) -> bool:
        """Compare and act where something was announced, cancelled or is due to be looked at; True when something was done."""
        now = clock.now()
        with self._database.session() as session:
            windows = store.concerning(session, now)
            pools = {pool.name: pool for pool in catalogue.list_pools(session)}
            machines = {pool: tuple(sorted(node.name for node in catalogue.list_nodes(session, pool))) for pool in pools}
        if not windows or (self._kept is not None and self._kept[0] == frozenset(windows) and now < self._kept[1]):
            return self._close_pools(windows, pools, now)
        done = False
        for engine in self._engines:
            own = [window for window in windows if pools[window.pool].engine == engine.name]
            if own and isinstance(engine, Reserves):
                done |= self._reserve(engine, own, machines, now)
        done |= self._close_pools(windows, pools, now)
        with self._database.session() as session:
            self._kept = frozenset(store.concerning(session, now)), now + LOOK_AGAIN
        return done

    def _reserve(self, engine: Reserves, windows: Sequence[Window], machines: Mapping[str, tuple[str, ...]], now: datetime) -> bool:
        seen = ask(engine.reservations, self._prefix)
        if isinstance(seen, Unknown):
            log.warning("the engine's reservations could not be seen", engine=engine.name, why=seen.why)
            return False
        wanted = {f"{self._centre}-{window.id}": window for window in windows if window.is_wanted(now)}
        done = False
        for name in {each.name for each in seen} - set(wanted):
            done |= not isinstance(ask(engine.release, name), Unknown)
        for name, window in wanted.items():
            answer = ask(engine.reserve, _wish(name, window, machines))
            if isinstance(answer, Unknown):
                log.warning("a reservation could not be made", engine=engine.name, reservation=name, why=answer.why)
                continue
            done |= self._note(window, kept=not isinstance(answer, Refused), problem=answer.sentence if isinstance(answer, Refused) else "", now=now)
        return done

    def _close_pools(self, windows: Sequence[Window], pools: Mapping[str, Pool], now: datetime) -> bool:
        """Close pools of engines that make no reservations while a window of theirs is under way, and open those that we closed."""
        done = False
        for window in windows:
            engine = self._engines.find(pools[window.pool].engine)
            under_way = window.state(now) is WindowState.UNDER_WAY
            if window.drained and not under_way:
                self._move(window, PoolState.DRAINING, PoolState.OPEN, drained=False)
                done = True
            elif not isinstance(engine, Reserves) and under_way and not window.drained:
                done |= self._close_pool(window, engine, now)
        return done

    def _close_pool(self, window: Window, engine: Engine | None, now: datetime) -> bool:
        if window.nodes and engine is not None:
            return self._note(window, kept=False, problem=_ONLY_POOLS, now=now)
        if not self._move(window, PoolState.OPEN, PoolState.DRAINING, drained=True):
            return False
        return self._note(window, kept=True, problem="", now=now) or True

    def _move(self, window: Window, before: PoolState, after: PoolState, *, drained: bool) -> bool:
        """Move a pool's state, unless people have moved it, and keep in mind whether it is ours to move back."""
        with self._database.session() as session:
            moved = catalogue_store.set_pool_state(session, window.pool, before=before, after=after)
            if moved or not drained:
                store.note(session, window.id, drained=drained)
        if moved:
            log.info("a pool is in maintenance" if drained else "a pool's maintenance is over", pool=window.pool, maintenance=window.id)
        return moved

    def _note(self, window: Window, *, kept: bool, problem: str, now: datetime) -> bool:
        if (window.kept_at is not None, window.problem) == (kept, problem):
            return False
        if problem:
            log.error("maintenance cannot be kept", maintenance=window.id, why=problem)
        with self._database.session() as session:
            _write(session, window, kept=kept, problem=problem, now=now)
        return True


def _wish(name: str, window: Window, machines: Mapping[str, tuple[str, ...]]) -> Reserved:
    return Reserved(name, round(window.begins_at.timestamp()), round(window.ends_at.timestamp()), window.nodes or machines[window.pool])


def _write(session: Session, window: Window, *, kept: bool, problem: str, now: datetime) -> None:
    store.note(session, window.id, kept_at=(window.kept_at or now) if kept else None, problem=problem)
