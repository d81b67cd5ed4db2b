"""Logs of attempts: read from the engine while it has them, copied to the home folder before it forgets them, never through the database."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wutong.centre import service as centre
from wutong.centre.rules import LogChunk, Run, RunPhase
from wutong.centre.service import Engines
from wutong.compute.jobs.rules import Attempt, JobLimits
from wutong.kit.errors import NotFound

CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class LogSource:
    """Where to read: the attempt (None before the first), its run (None when the centre has none of that name), and which of its ranks."""

    attempt: Attempt | None
    run: Run | None
    ended: bool
    rank: int = 0
    ranks: int = 1

    @property
    def last_start(self) -> int:
        """Return the number of the latest start, counted from 0: a requeue by the engine begins another within the attempt, with a log of its own."""
        return self.run.restart if self.run is not None else self.attempt.restart if self.attempt is not None else 0

    def is_over(self, start: int) -> bool:
        """Tell whether we know that a start writes no more. Its engine knows sooner, but not whether another follows."""
        if start < self.last_start or self.ended:
            return True
        return self.attempt is not None and (self.run is None or self.run.phase is RunPhase.ENDED)


def read_log(engines: Engines, limits: JobLimits, source: LogSource, *, offset: int, limit: int = CHUNK, restart: int | None = None) -> LogChunk:
    """Read at most `limit` bytes from `offset` of one start (the latest by default). Call it with no transaction open.

    Raises `Unavailable` when the engine does not answer, `NotFound` for a start that never was.
    """
    if source.attempt is None or (source.run is None and source.attempt.log_kept_at is None):
        return LogChunk(b"", offset, offset, complete=source.ended)
    if source.attempt.log_kept_at is None and source.run is not None:
        try:
            return centre.read_log(engines, source.run, offset, limit, restart, source.rank)
        except NotFound:
            pass  # the engine has forgotten it since we looked: it is kept by now
    return _read_kept(limits, source.attempt, offset, limit, restart, source.rank)


def keep_logs(engines: Engines, limits: JobLimits, run: Run) -> int:
    """Copy the logs of all starts and ranks of a run into the home folder, durably; safe to repeat. Returns the bytes kept."""
    kept = 0
    for restart in range(run.restart + 1):
        first = centre.read_log(engines, run, 0, CHUNK, restart)
        for rank in range(first.ranks):
            chunk = centre.read_log(engines, run, 0, CHUNK, restart, rank) if rank else first
            if chunk.data:
                path = kept_path(limits, run.name, restart, rank)
                path.parent.mkdir(parents=True, exist_ok=True)
                kept += _copy(path, chunk, limits.log_bytes, _reader(engines, run, restart, rank))
    return kept


def kept_path(limits: JobLimits, run_name: str, restart: int, rank: int = 0) -> Path:
    """Return where the log of a start's rank is kept."""
    return limits.logs / run_name / (f"{restart}.rank-{rank}.log" if rank else f"{restart}.log")


def _reader(engines: Engines, run: Run, restart: int, rank: int) -> Callable[[int], LogChunk]:
    return lambda offset: centre.read_log(engines, run, offset, CHUNK, restart, rank)


def _copy(path: Path, chunk: LogChunk, most: int, read: Callable[[int], LogChunk]) -> int:
    draft = path.with_suffix(".part")
    size = 0
    with draft.open("wb") as file:
        while chunk.data and size < most:
            size += file.write(chunk.data[: most - size])
            chunk = read(chunk.next_offset)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    return size


def _read_kept(limits: JobLimits, attempt: Attempt, offset: int, limit: int, restart: int | None, rank: int) -> LogChunk:
    number = attempt.restart if restart is None else restart
    if not 0 <= number <= attempt.restart:
        raise NotFound(kind="log of start", id=str(number))
    try:
        with kept_path(limits, attempt.run_name, number, rank).open("rb") as file:
            file.seek(offset)
            data = file.read(limit)
            size = os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        return LogChunk(b"", offset, offset, complete=True, restart=number)
    return LogChunk(data, offset, offset + len(data), complete=offset + len(data) >= size, restart=number, size_bytes=size)
