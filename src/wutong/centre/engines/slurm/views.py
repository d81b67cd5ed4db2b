"""What the adapter tells of runs: sightings with position and reason to wait, changes, usage, logs. Only reads."""

from collections.abc import Sequence

from wutong.centre.engines.journal import Row
from wutong.centre.engines.protocol import Absent, Changes, EndReason, LogChunk, Phase, Sighting, Unknown, UsageBatch, UsageRecord
from wutong.centre.engines.slurm import rules
from wutong.centre.engines.slurm.rules import Job, Standing
from wutong.centre.engines.slurm.runs import Runs

_MOST_CHANGES = 2000
_MOST_RECORDS = 5000
_MOST_LOG = 4 * 1024 * 1024
_STAGES = ("new", "sent", "held")
_HANDED_OVER = "It is being handed to the cluster."


class Views:
    """Answers questions about the runs."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._records = runs.records

    def observe(self, names: Sequence[str]) -> dict[str, Sighting | Absent]:
        """Return what is known of each name."""
        found: dict[str, Sighting | Absent] = dict.fromkeys(names, Absent())
        return found | {row["name"]: self.sighting(row) for row in self._records.list_named(names)}

    def changes(self, since: str) -> Changes:
        """Return the runs that changed after a cursor, some at a time."""
        place = self._records.place(since)
        rows = self._records.list_changed(place, _MOST_CHANGES)
        return Changes(self._records.cursor(rows[-1]["seq"] if rows else place), tuple(self.sighting(row) for row in rows))

    def usage(self, since: str) -> UsageBatch:
        """Return usage written after a cursor, some at a time."""
        place = self._records.place(since)
        rows = self._records.list_usage(place, _MOST_RECORDS)
        records = tuple(
            UsageRecord(row["name"], row["restart"], row["window_ms"] / 1000, row["used_ms"] / 1000, row["slots"], bool(row["final"]), row["fault"])
            for row in rows
        )
        return UsageBatch(self._records.cursor(rows[-1]["seq"] if rows else place), records)

    def logs(self, name: str, offset: int, limit: int, restart: int | None, rank: int) -> LogChunk | Absent | Unknown:
        """Return a piece of a log, from the folder of the start that Slurm counts."""
        row = self._records.find(name)
        if row is None or (restart is not None and not 0 <= restart <= row["restart"]) or not 0 <= rank < (ranks := self._records.spec(name).ranks):
            return Absent()
        chosen = row["restart"] if restart is None else restart
        over = row["phase"] == "ended" or chosen < row["restart"]
        try:
            folder = self._folder(row, chosen)
            most = max(0, min(limit, _MOST_LOG))
            data, size = (b"", 0) if folder is None else self._runs.spool.read_log(row["tenant"], name, folder, rank, offset, most)
        except OSError as error:
            return Unknown(f"The log could not be read: {error.strerror}.")
        return LogChunk(data, offset, offset + len(data), over and offset + len(data) >= size, chosen, ranks, size)

    def sighting(self, row: Row) -> Sighting:
        """Return a run as the protocol tells of it."""
        started = None if row["started"] is None else float(row["started"])
        # Slurm's times are whole seconds, so ours may seem to lie after them.
        submitted = float(row["submitted_ms"] // 1000)
        position, waiting_for = self._wait(row) if row["phase"] == "queued" else (None, None)
        folder = self._folder(row, row["restart"]) if row["phase"] == "ended" and started is not None else None
        return Sighting(
            row["name"],
            Phase(row["phase"]),
            restart=row["restart"],
            reason=None if row["reason"] is None else EndReason(row["reason"]),
            detail=row["detail"],
            exit_code=row["exit_code"],
            signal=row["signal"],
            submitted_at=submitted if started is None else min(submitted, started),
            started_at=started,
            ended_at=None if row["ended"] is None else float(row["ended"]),
            node=row["node"],
            position=position,
            waiting_for=waiting_for,
            outputs_path=None if folder is None else str(self._runs.spool.outputs(row["tenant"], row["name"], folder)),
            max_memory_mb=row["max_memory_mb"],
            cpu_seconds=None if row["cpu_ms"] is None else row["cpu_ms"] / 1000,
        )

    def _wait(self, row: Row) -> tuple[int | None, str]:
        job = None if row["job"] is None else self._runs.picture.find(row["job"], row["name"], row["user"])
        if row["stage"] in _STAGES or job is None:
            return None, row["detail"] or _HANDED_OVER
        if job.standing is Standing.PREPARING:
            return None, "It has its place; its nodes are being made ready."
        return self._in_line(job)

    def _in_line(self, job: Job) -> tuple[int | None, str]:
        rank = self._runs.picture.rank(job.id)
        return None if rank is None else rank + 1, rules.waiting_for(job.reason, rank)

    def _folder(self, row: Row, restart: int) -> int | None:
        """Return the number of the folder of a start, which is another than the start's where Slurm forgot one."""
        start = self._records.find_start(row["name"], restart)
        if start is None:
            return None
        if start["folder"] is not None:
            return int(start["folder"])
        own = [facts for facts in self._runs.spool.starts(row["tenant"], row["name"]) if (facts.job, facts.count) == (start["job"], start["count"])]
        return own[-1].number if own else None
