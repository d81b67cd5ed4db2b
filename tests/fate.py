"""Ends a loop at any point of its choosing: before each statement, before each commit, and wherever a test puts a point of its own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import event

from wutong.kit.database import Database


class Killed(BaseException):
    """The process was killed here. Nothing of ours catches it, and the database undoes what was not committed, as after a real kill."""


class Broken(Exception):
    """Something failed here, and the same process goes on."""


class Fate:
    """Counts the points that a loop passes and ends it at one of them."""

    def __init__(self, database: Database) -> None:
        self._engine = database.engine
        self._left: int | None = None
        self._end: type[BaseException] = Killed

    def point(self, *_: object) -> None:
        """Pass a point, or end here."""
        if self._left is None:
            return
        if self._left == 0:
            self._left = None
            raise self._end
        self._left -= 1

    @contextmanager
    def at(self, number: int, end: type[BaseException]) -> Iterator[None]:
        """End what happens meanwhile at this point, counted from none."""
        self._left, self._end = number, end
        for name in ("before_cursor_execute", "commit"):
            event.listen(self._engine, name, self.point)
        try:
            yield
        finally:
            self._left = None
            for name in ("before_cursor_execute", "commit"):
                event.remove(self._engine, name, self.point)

    def everywhere(self, begin: Callable[[], None], work: Callable[[], object], end: type[BaseException] = Killed) -> Iterator[bool]:
        """Begin anew and work, ended at the first point, then at the second, and so on; yields whether it was ended, at last False."""
        for number in range(1000):
            begin()
            ended = False
            try:
                with self.at(number, end):
                    work()
            except end:
                ended = True
            yield ended
            if not ended:
                return
        raise AssertionError("it never came to its end")
