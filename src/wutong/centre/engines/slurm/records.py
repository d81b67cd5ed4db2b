"""The adapter's durable memory: what was accepted, which Slurm job stands for it, its starts, its usage. What is not committed was never answered.

`stage` says how far a queued run has got: new (not sent), sent (sbatch may have been called), held (its job is known), out (its job was released).
A start is `open` while it goes on, `closing` when it is over and its end is still to be read from the accounting, and `closed` when it is reckoned.
"""

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from wutong.centre.engines.journal import Journal, Row
from wutong.centre.engines.local import wire
from wutong.centre.engines.protocol import RunSpec

_SCHEMA = """
create table if not exists runs (
    name text primary key, tenant text not null, user text not null, spec text not null, phase text not null, stage text not null default 'new',
    restart integer not null default 0, base integer not null default 0, job text, count integer not null default 0, sent_ms integer,
    slots integer not null, cancel_ms integer, submitted_ms integer not null, started integer, ended integer, node text, reason text,
    detail text not null default '', exit_code integer, signal integer, max_memory_mb integer, cpu_ms integer, seq integer not null
) without rowid;
create index if not exists runs_by_seq on runs (seq);
create index if not exists runs_open on runs (phase) where phase <> 'ended';
create table if not exists starts (
    name text not null, restart integer not null, job text not null, count integer not null, started integer, ended integer, noticed integer,
    state text not null, node text, folder integer, fault text not null default '', primary key (name, restart)
) without rowid;
create index if not exists starts_closing on starts (state) where state = 'closing';
"""


class Records(Journal):
    """Runs and their starts."""

    columns = (
        "name, tenant, user, phase, stage, restart, base, job, count, sent_ms, slots, cancel_ms, submitted_ms, started, ended, node, reason, detail,"
        " exit_code, signal, max_memory_mb, cpu_ms, seq"
    )

    def __init__(self, path: Path, window_s: int) -> None:
        super().__init__(path, window_s, schema=_SCHEMA, threads=True)

    def add(self, spec: RunSpec, user: str, submitted_ms: int) -> None:
        """Write a new run, to be sent."""
        text = json.dumps(wire.spec_to_json(spec), ensure_ascii=False, separators=(",", ":"))
        self._write(
            "insert into runs (name, tenant, user, spec, phase, slots, submitted_ms, seq) values (?, ?, ?, ?, 'queued', ?, ?, ?)",
            (spec.name, spec.tenant, user, text, spec.slots * spec.nodes, submitted_ms, self._next()),
        )

    def spec(self, name: str) -> RunSpec:
        """Return what a known run asked for."""
        return wire.spec_from_json(json.loads(self._db.execute("select spec from runs where name = ?", (name,)).fetchone()[0]))

    def note(self, name: str, **values: Any) -> None:
        """Set columns of a run that nobody outside needs to hear of."""
        columns = ", ".join(f"{column} = ?" for column in values)
        self._write(f"update runs set {columns} where name = ?", (*values.values(), name))  # noqa: S608 - names of columns

    def put_start(self, name: str, restart: int, *, job: str, count: int, state: str, **values: Any) -> None:
        """Write a start, or change one that is not closed; a value of None leaves what is known."""
        kept = {key: value for key, value in values.items() if value is not None}
        columns = ["name", "restart", "job", "count", "state", *kept]
        changes = ", ".join(f"{column} = excluded.{column}" for column in columns[2:])
        self._write(
            f"insert into starts ({', '.join(columns)}) values ({', '.join('?' * len(columns))})"  # noqa: S608 - names of columns
            f" on conflict (name, restart) do update set {changes} where starts.state <> 'closed'",
            (name, restart, job, count, state, *kept.values()),
        )

    def list_usage(self, after: int, limit: int) -> list[Row]:
        """List usage written after a place in the journal, the last window of a start with the fault that cut it short."""
        return self._db.execute(
            "select usage.name, usage.restart, window_ms, used_ms, slots, final, usage.seq,"
            " case when final then coalesce(starts.fault, '') else '' end as fault"
            " from usage left join starts on starts.name = usage.name and starts.restart = usage.restart"
            " where usage.seq > ? order by usage.seq limit ?",
            (after, limit),
        ).fetchall()

    def find_start(self, name: str, restart: int) -> Row | None:
        """Return a start, if it is known."""
        row: Row | None = self._db.execute("select * from starts where name = ? and restart = ?", (name, restart)).fetchone()
        return row

    def list_starts(self, name: str) -> list[Row]:
        """List a run's starts in order."""
        return self._db.execute("select * from starts where name = ? order by restart", (name,)).fetchall()

    def list_closing(self, limit: int) -> list[Row]:
        """List starts whose end is to be read from the accounting, with their run's slots."""
        return self._db.execute(
            "select starts.*, runs.slots, runs.user from starts join runs using (name) where starts.state = 'closing' order by noticed limit ?",
            (limit,),
        ).fetchall()

    def told_until(self, name: str, restart: int, started_ms: int) -> int:
        """Return up to which moment use of a start has been told, 0 where none was."""
        last = "select window_ms, used_ms from usage where name = ? and restart = ? order by window_ms desc limit 1"
        row = self._db.execute(last, (name, restart)).fetchone()
        return 0 if row is None else int(max(row["window_ms"], started_ms) + row["used_ms"])

    def list_running(self) -> Iterator[Row]:
        """Yield the open starts that have begun, with their run's slots."""
        yield from self._db.execute(
            "select starts.*, runs.slots from starts join runs using (name) where starts.state = 'open' and starts.started is not null"
            " and runs.phase = 'running' and runs.restart = starts.restart"
        )

    def prune(self, before_ms: int) -> None:
        """Drop usage and starts of runs forgotten before a moment."""
        super().prune(before_ms)
        self._write("delete from starts where name in (select name from forgotten where at_ms < ?)", (before_ms,))

    def has_closing(self, name: str) -> bool:
        """Tell whether a start of a run is still to be reckoned."""
        return self._db.execute("select 1 from starts where name = ? and state = 'closing'", (name,)).fetchone() is not None

    def started_jobs(self, names: set[str]) -> set[tuple[str, str]]:
        """Return the names and Slurm jobs of those starts of ours that bear one of these names."""
        known: set[tuple[str, str]] = set()
        listed = sorted(names)
        for first in range(0, len(listed), 500):
            part = listed[first : first + 500]
            rows = self._db.execute(f"select name, job from starts where name in ({','.join('?' * len(part))})", part)  # noqa: S608 - marks
            known.update((row[0], row[1]) for row in rows)
        return known

    def jobs_of(self, names: Collection[str]) -> set[str]:
        """Return the Slurm jobs that stood for runs of these names."""
        jobs: set[str] = set()
        listed = sorted(names)
        for first in range(0, len(listed), 500):
            part = listed[first : first + 500]
            jobs.update(row[0] for row in self._db.execute(f"select job from starts where name in ({','.join('?' * len(part))})", part))  # noqa: S608 - marks
        return jobs
