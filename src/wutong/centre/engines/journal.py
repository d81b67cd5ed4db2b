"""What the engines' own records have in common: one SQLite file, changes and usage in the order in which they were written, names never used twice.

Writes gather in one transaction until `commit`, so that many submissions cost one sync of the disk. Any method may raise `sqlite3.Error` (a full
disk); the caller rolls back and reads everything again.
"""
# ruff: noqa: S608 - only names of columns written in this package are put into statements; values are bound

import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from wutong.centre.engines.usage import Window

_SCHEMA = """
create table if not exists meta (key text primary key, value text not null) without rowid;
create table if not exists usage (
    name text not null, restart integer not null, window_ms integer not null, used_ms integer not null, slots integer not null,
    final integer not null, seq integer not null, primary key (name, restart, window_ms)
) without rowid;
create index if not exists usage_by_seq on usage (seq);
create table if not exists forgotten (name text primary key, at_ms integer not null) without rowid;
"""

Row = sqlite3.Row


class Journal:
    """The file. Those who derive from it add a table `runs` (name, spec, phase, submitted_ms, seq and more; `columns` without spec) and others.

    With `threads` the caller keeps threads from each other.
    """

    columns: ClassVar[str]

    def __init__(self, path: Path, window_s: int, *, schema: str, threads: bool = False) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, timeout=5, check_same_thread=not threads)
        self._db.row_factory = sqlite3.Row
        for pragma in ("journal_mode = wal", "synchronous = full", "cache_size = -2000", "mmap_size = 0"):
            self._db.execute(f"pragma {pragma}")
        self._db.executescript(_SCHEMA + schema)
        self._db.execute("insert or ignore into meta values ('epoch', ?)", (secrets.token_hex(4),))
        self._db.execute("insert or ignore into meta values ('window_ms', ?)", (str(window_s * 1000),))
        self.epoch = self._meta("epoch", "")
        self.window_ms = int(self._meta("window_ms", "60000"))
        self.seq = self.usage_seq = 0
        self._read_counters()

    def commit(self) -> None:
        """Make everything written so far durable."""
        if self._db.in_transaction:
            self._db.execute("insert or replace into meta values ('seq', ?), ('usage_seq', ?)", (str(self.seq), str(self.usage_seq)))
            self._db.execute("commit")

    def rollback(self) -> None:
        """Drop what was not committed."""
        if self._db.in_transaction:
            self._db.execute("rollback")
        self._read_counters()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def cursor(self, place: int) -> str:
        """Return a cursor; it names this memory, so that one of an older, lost memory starts from the beginning."""
        return f"{self.epoch}:{place}"

    def place(self, cursor: str) -> int:
        """Return the place a cursor stands for; 0 where it is not one of ours."""
        epoch, _, place = cursor.partition(":")
        return int(place) if epoch == self.epoch and place.isdigit() else 0

    def change(self, name: str, **values: Any) -> None:
        """Set columns of a run and give it a new place in the list of changes."""
        columns = ", ".join(f"{column} = ?" for column in values)
        self._write(f"update runs set {columns}, seq = ? where name = ?", (*values.values(), self._next(), name))

    def end(self, name: str, **values: Any) -> None:
        """End a run that has not ended; one that has stays as it is."""
        columns = ", ".join(f"{column} = ?" for column in values)
        self._write(
            f"update runs set phase = 'ended', {columns}, seq = ? where name = ? and phase <> 'ended'", (*values.values(), self._next(), name)
        )

    def forget(self, name: str, at_ms: int) -> None:
        """Drop an ended run, remembering only that the name was used."""
        self._write("delete from runs where name = ? and phase = 'ended'", (name,))
        self._write("insert or ignore into forgotten values (?, ?)", (name, at_ms))

    def find(self, name: str) -> Row | None:
        """Return the run, if it is known."""
        row: Row | None = self._db.execute(f"select {self.columns} from runs where name = ?", (name,)).fetchone()
        return row

    def list_named(self, names: Sequence[str]) -> Iterator[Row]:
        """Yield the runs of these names that are known."""
        for start in range(0, len(names), 500):
            part = names[start : start + 500]
            yield from self._db.execute(f"select {self.columns} from runs where name in ({','.join('?' * len(part))})", part)

    def list_open(self) -> Iterator[Row]:
        """Yield the runs that have not ended, oldest first."""
        yield from self._db.execute(f"select {self.columns} from runs where phase <> 'ended' order by submitted_ms, name")

    def list_changed(self, after: int, limit: int) -> list[Row]:
        """List runs changed after a place in the list of changes."""
        return self._db.execute(f"select {self.columns} from runs where seq > ? order by seq limit ?", (after, limit)).fetchall()

    def was_forgotten(self, name: str) -> bool:
        """Tell whether a run of this name was dropped."""
        return self._db.execute("select 1 from forgotten where name = ?", (name,)).fetchone() is not None

    def add_usage(self, name: str, restart: int, slots: int, windows: Iterable[Window]) -> None:
        """Write windows of use. A window known already changes only by growing or by becoming final, and then moves to the journal's end."""
        for window in windows:
            self.usage_seq += 1
            self._write(
                "insert into usage values (?, ?, ?, ?, ?, ?, ?) on conflict (name, restart, window_ms) do update"
                " set used_ms = excluded.used_ms, final = excluded.final, seq = excluded.seq"
                " where excluded.used_ms > usage.used_ms or (excluded.used_ms = usage.used_ms and excluded.final > usage.final)",
                (name, restart, window.start_ms, window.used_ms, slots, window.final, self.usage_seq),
            )

    def last_window(self, name: str, restart: int) -> int | None:
        """Return the start of the newest window written for a start."""
        row = self._db.execute("select max(window_ms) from usage where name = ? and restart = ?", (name, restart)).fetchone()
        return None if row[0] is None else int(row[0])

    def list_usage(self, after: int, limit: int) -> list[Row]:
        """List usage written after a place in the journal."""
        return self._db.execute(
            "select name, restart, window_ms, used_ms, slots, final, seq from usage where seq > ? order by seq limit ?", (after, limit)
        ).fetchall()

    def prune(self, before_ms: int) -> None:
        """Drop the usage of runs forgotten before a moment; their names stay known."""
        self._write("delete from usage where name in (select name from forgotten where at_ms < ?)", (before_ms,))

    def _write(self, statement: str, values: Sequence[Any]) -> None:
        if not self._db.in_transaction:
            self._db.execute("begin immediate")
        self._db.execute(statement, values)

    def _next(self) -> int:
        self.seq += 1
        return self.seq

    def _meta(self, key: str, default: str) -> str:
        row = self._db.execute("select value from meta where key = ?", (key,)).fetchone()
        return default if row is None else str(row[0])

    def _read_counters(self) -> None:
        self.seq = int(self._meta("seq", "0"))
        self.usage_seq = int(self._meta("usage_seq", "0"))
