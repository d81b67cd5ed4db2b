"""Gathers writes that would wait for each other anyway into one transaction; knows nothing of what they write.

Submissions of one tenant share a row, its balance: while one commits, the others wait. Here those that arrive meanwhile become the next
transaction, so that twenty cost one commit and what they all read is read once.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from anyio.to_thread import run_sync
from sqlalchemy.orm import Session

from wutong.kit.database import Database

T = TypeVar("T")

MOST: Final = 32
"""Writes in one transaction: enough to make its commit cheap, few enough that the first of them does not wait long for the last."""
_MEMORY = "together"


class _OneRefused(Exception):
    """One of several writes raised, before anything was committed."""


@dataclass(slots=True)
class _Line:
    """What waits under one key."""

    waiting: deque[tuple[Callable[[Session], Any], asyncio.Future[Any]]] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None


class Together:
    """Runs writes of one key one after the other, those that came while others were written in one transaction; keys know nothing of each other.

    When one of several raises, the transaction is undone and each is done again in one of its own: a write must do nothing but use its session.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lines: dict[Hashable, _Line] = {}

    async def write(self, key: Hashable, work: Callable[[Session], T]) -> T:
        """Do `work` in a transaction that is committed when this returns; raises what `work` raises."""
        line = self._lines.setdefault(key, _Line())
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        line.waiting.append((work, future))
        if line.task is None:
            line.task = asyncio.create_task(self._work_off(key, line))
        return await future

    async def _work_off(self, key: Hashable, line: _Line) -> None:
        while line.waiting:
            batch = [line.waiting.popleft() for _ in range(min(MOST, len(line.waiting)))]
            outcomes = await run_sync(self._write, [work for work, _ in batch])
            for (_, future), outcome in zip(batch, outcomes, strict=True):
                if future.cancelled():
                    continue
                if isinstance(outcome, BaseException):
                    future.set_exception(outcome)
                else:
                    future.set_result(outcome)
        del self._lines[key]

    def _write(self, works: list[Callable[[Session], Any]]) -> list[Any]:
        if len(works) == 1:
            return [self._alone(works[0])]
        try:
            return self._all(works)
        except _OneRefused:
            return [self._alone(work) for work in works]
        except Exception as broken:  # noqa: BLE001 - each caller is told
            # The commit failed, and may have succeeded on the server: done again, the writes might be doubled.
            return [broken] * len(works)

    def _all(self, works: list[Callable[[Session], Any]]) -> list[Any]:
        with self._database.session() as session:
            session.info[_MEMORY] = {}
            try:
                return [work(session) for work in works]
            except Exception as refused:
                raise _OneRefused from refused

    def _alone(self, work: Callable[[Session], Any]) -> Any:
        try:
            with self._database.session() as session:
                return work(session)
        except Exception as refused:  # noqa: BLE001 - its caller is told
            return refused


def once(session: Session, what: Hashable, read: Callable[[], T]) -> T:
    """Read what does not change within a transaction, once for all the writes gathered in it; elsewhere each time."""
    memory: dict[Hashable, T] | None = session.info.get(_MEMORY)
    if memory is None:
        return read()
    if what not in memory:
        memory[what] = read()
    return memory[what]
