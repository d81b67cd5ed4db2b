"""The agent's durable memory: one SQLite file. What is not committed here was never answered."""

import json
from pathlib import Path

from wutong.centre.engines.journal import Journal
from wutong.centre.engines.local import wire
from wutong.centre.engines.protocol import RunSpec

_SCHEMA = """
create table if not exists runs (
    name text primary key, tenant text not null, spec text not null, phase text not null, restart integer not null default 0,
    cancel integer not null default 0, devices text not null default '[]', submitted_ms integer not null, started_ms integer, ended_ms integer,
    reason text, detail text not null default '', exit_code integer, signal integer, max_memory_mb integer, cpu_ms integer, seq integer not null
) without rowid;
create index if not exists runs_by_seq on runs (seq);
create index if not exists runs_open on runs (phase) where phase <> 'ended';
create table if not exists shares (
    tenant text primary key, used real not null default 0, at_ms integer not null default 0, weight real not null default 1
) without rowid;
create table if not exists identities (tenant text primary key, number integer not null unique) without rowid;
"""
_COLUMNS = (
    "name, tenant, phase, restart, cancel, devices, submitted_ms, started_ms, ended_ms, reason, detail, exit_code, signal, max_memory_mb, cpu_ms, seq"
)


class Records(Journal):
    """The runs, their usage, and what fair share remembers."""

    columns = _COLUMNS

    def __init__(self, path: Path, window_s: int) -> None:
        super().__init__(path, window_s, schema=_SCHEMA)

    def add(self, spec: RunSpec, submitted_ms: int) -> None:
        """Write a new run, queued."""
        text = json.dumps(wire.spec_to_json(spec), ensure_ascii=False, separators=(",", ":"))
        self._write(
            "insert into runs (name, tenant, spec, phase, submitted_ms, seq) values (?, ?, ?, 'queued', ?, ?)",
            (spec.name, spec.tenant, text, submitted_ms, self._next()),
        )

    def spec(self, name: str) -> RunSpec:
        """Return what a known run asked for."""
        return wire.spec_from_json(json.loads(self._db.execute("select spec from runs where name = ?", (name,)).fetchone()[0]))

    def shares(self) -> dict[str, tuple[float, int, float]]:
        """Return each tenant's past use, the moment it was reckoned at, and its weight."""
        return {
            row["tenant"]: (row["used"], row["at_ms"], row["weight"]) for row in self._db.execute("select tenant, used, at_ms, weight from shares")
        }

    def set_share(self, tenant: str, *, used: float, at_ms: int, weight: float) -> None:
        """Write a tenant's past use and weight."""
        self._write("insert or replace into shares values (?, ?, ?, ?)", (tenant, used, at_ms, weight))

    def identity(self, tenant: str) -> int:
        """Return the tenant's own number, given once and never again to another."""
        row = self._db.execute("select number from identities where tenant = ?", (tenant,)).fetchone()
        if row is not None:
            return int(row[0])
        number = int(self._db.execute("select coalesce(max(number), 0) + 1 from identities").fetchone()[0])
        self._write("insert into identities values (?, ?)", (tenant, number))
        return number
