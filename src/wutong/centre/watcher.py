"""Wakes the reconciler the moment something changes in an engine that can be waited on. It decides nothing and writes nothing."""

import threading
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from wutong.centre.registry import Engines, ask
from wutong.centre.runs.store import RUNS, changes_cursor
from wutong.kit import clock, cursors
from wutong.kit.database import Database, notify

WAIT_S = 2.0
_FIRST_PAUSE_S = 0.02
_LAST_PAUSE_S = 1.0


@runtime_checkable
class Waits(Protocol):
    """An engine that offers to wait for a change after a cursor of `changes`."""

    name: str

    def wait(self, cursor: str, timeout_s: float) -> bool:
        """Return True as soon as something changed, False when nothing did in time."""


class Watcher:
    """A loop of its own for one engine, because its step blocks for up to two seconds."""

    def __init__(self, database: Database, engine: Waits, sleep: Callable[[float], object] | None = None) -> None:
        self.name = f"centre.watcher:{engine.name}"
        self._database = database
        self._engine = engine
        self._sleep = sleep or threading.Event().wait
        self._woken_at: str | None = None
        self._pause_s = _FIRST_PAUSE_S

    def step(self) -> bool:
        """Wait for one change and wake the reconciler; False when the engine does not answer, so that the loop rests."""
        with self._database.session() as session:
            cursor = cursors.read_text(session, changes_cursor(self._engine.name))
        if cursor == self._woken_at:
            self._sleep(self._pause_s)
            self._pause_s = min(self._pause_s * 2, _LAST_PAUSE_S)
            self._woken_at = None if self._pause_s == _LAST_PAUSE_S else self._woken_at
            return True
        begun = clock.monotonic()
        if ask(self._engine.wait, cursor, WAIT_S) is not True:
            return clock.monotonic() - begun > WAIT_S / 2
        self._woken_at, self._pause_s = cursor, _FIRST_PAUSE_S
        with self._database.session() as session:
            notify(session, RUNS)
        return True


def make_watchers(database: Database, engines: Engines) -> list[Watcher]:
    """Return a watcher for each engine that can be waited on; the others are asked by the reconciler's clock alone."""
    return [Watcher(database, engine) for engine in engines if isinstance(engine, Waits)]
