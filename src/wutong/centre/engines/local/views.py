"""What the agent tells of runs: sightings with position and reason to wait, changes, usage, logs. Only reads."""

import socket
from collections.abc import Iterable, Sequence
from typing import Any

from wutong import __version__
from wutong.centre.engines.journal import Row
from wutong.centre.engines.local import queue as queues
from wutong.centre.engines.local import wire
from wutong.centre.engines.local.logs import log_folder, log_size, read_log
from wutong.centre.engines.local.moments import monotonic_ms
from wutong.centre.engines.local.runs import Runs
from wutong.centre.engines.protocol import Absent, Capabilities, EndReason, Phase, Sighting, Unknown

_MOST_CHANGES = 2000
_MOST_RECORDS = 5000
_MOST_LOG = 4 * 1024 * 1024
_ORDER_AGE_MS = 1000
_SHORT_QUEUE = 200


class Views:
    """Answers questions about the runs."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._records = runs.records
        self._order: dict[str, int] = {}
        self._order_version = -1
        self._order_at = 0
        self._order_took = 0
        self._node = socket.gethostname()

    def capabilities(self, name: str) -> Capabilities:
        """Say what there is."""
        total, sandbox = self._runs.total, self._runs.sandbox
        isolated = sandbox.kind != "none"
        return Capabilities(
            name,
            __version__,
            slots=total.slots,
            cpus=total.cpus,
            memory_mb=total.memory_mb,
            accelerator=self._runs.cards.kind,
            cards=total.cards,
            isolated=isolated,
            isolation=sandbox.kind,
            problems=(*sandbox.problems, *self._runs.cards.problems),
        )

    def observe(self, names: Sequence[str]) -> dict[str, Any]:
        """Return what is known of each name; what is not there is absent."""
        return {row["name"]: wire.sighting_to_json(sighting) for row, sighting in self._sightings(self._records.list_named(names))}

    def changes(self, since: str) -> dict[str, Any]:
        """Return the runs that changed after a cursor."""
        rows = self._records.list_changed(self._records.place(since), _MOST_CHANGES)
        last = rows[-1]["seq"] if rows else max(self._records.place(since), 0)
        return {"cursor": self._records.cursor(last), "sightings": [wire.sighting_to_json(sighting) for _row, sighting in self._sightings(rows)]}

    def usage(self, since: str) -> dict[str, Any]:
        """Return usage written after a cursor."""
        rows = self._records.list_usage(self._records.place(since), _MOST_RECORDS)
        last = rows[-1]["seq"] if rows else self._records.place(since)
        records = [(row["name"], row["restart"], row["window_ms"], row["used_ms"], row["slots"], row["final"]) for row in rows]
        return {"cursor": self._records.cursor(last), "records": records}

    def logs(self, name: str, offset: int, limit: int, restart: int | None, rank: int) -> tuple[dict[str, Any], bytes] | Absent | Unknown:
        """Return a piece of a log."""
        row = self._records.find(name)
        if row is None or (restart is not None and not 0 <= restart <= row["restart"]) or not 0 <= rank < (ranks := self._records.spec(name).ranks):
            return Absent()
        chosen = row["restart"] if restart is None else restart
        ended = row["phase"] == "ended" or chosen < row["restart"]
        folder = log_folder(self._runs.home.run(name).logs(chosen), rank)
        try:
            data = read_log(folder, offset, max(0, min(limit, _MOST_LOG)))
            size = log_size(folder)
        except OSError as error:
            return Unknown(f"The log could not be read: {error.strerror}.")
        end = offset + len(data)
        return {"offset": offset, "next_offset": end, "complete": ended and end >= size, "restart": chosen, "ranks": ranks, "size": size}, data

    def _sightings(self, rows: Iterable[Row]) -> Iterable[tuple[Row, Sighting]]:
        for row in rows:
            yield row, self._sighting(row)

    def _sighting(self, row: Row) -> Sighting:
        position, waiting_for = self._wait(row)
        phase = {"queued": Phase.QUEUED, "starting": Phase.QUEUED, "running": Phase.RUNNING, "ended": Phase.ENDED}[row["phase"]]
        return Sighting(
            row["name"],
            phase,
            restart=row["restart"],
            reason=None if row["reason"] is None else EndReason(row["reason"]),
            detail=row["detail"],
            exit_code=row["exit_code"],
            signal=row["signal"],
            submitted_at=_seconds(row["submitted_ms"]),
            started_at=_seconds(row["started_ms"]),
            ended_at=_seconds(row["ended_ms"]),
            node=self._node if row["started_ms"] is not None else None,
            position=position,
            waiting_for=waiting_for,
            outputs_path=str(self._runs.home.run(row["name"]).outputs) if row["started_ms"] is not None else None,
            max_memory_mb=row["max_memory_mb"],
            cpu_seconds=None if row["cpu_ms"] is None else row["cpu_ms"] / 1000,
        )

    def _wait(self, row: Row) -> tuple[int | None, str | None]:
        if row["phase"] == "starting":
            return None, "It has its place; its files are being prepared."
        run = self._runs.queue.find(row["name"]) if row["phase"] == "queued" else None
        if run is None:
            return None, None
        position = self._position(run.name)
        return position, queues.explain(run.need, self._runs.free(), self._runs.total, position - 1)

    def _position(self, name: str) -> int:
        """Return the place in the queue. The order of a long queue is worked out only when asked for, and takes a twentieth of our time at most."""
        queue, now = self._runs.queue, monotonic_ms()
        fresh_enough = len(queue) > _SHORT_QUEUE and now - self._order_at < max(_ORDER_AGE_MS, 20 * self._order_took)
        if self._order_version != queue.version and not fresh_enough:
            runs = queues.order(queue, self._runs.shares())
            self._order = {run.name: place for place, run in enumerate(runs, start=1)}
            self._order_version, self._order_at = queue.version, now
            self._order_took = monotonic_ms() - now
        return self._order.get(name, len(queue))


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
