"""Logs of jobs for the doors: found in a transaction, read with none open, a piece at a time."""

from collections.abc import AsyncIterator

from anyio.to_thread import run_sync
from sqlalchemy.orm import Session

from wutong.centre.rules import LogChunk
from wutong.compute.jobs import service
from wutong.compute.jobs.logs import LogSource
from wutong.doorway.asking import Caller
from wutong.identity.rules import Permission, Principal

PIECE_BYTES = 1024 * 1024
MAX_BYTES = 8 * PIECE_BYTES


async def find_log(asking: Caller, job_id: str, *, attempt: int | None, rank: int) -> LogSource:
    """Find out where a rank's log of an attempt is (the latest by default), as somebody who may read jobs."""

    def find(tx: Session, who: Principal) -> LogSource:
        return service.log_source(tx, who, job_id, attempt=attempt, rank=rank)

    return await asking.ask(find, Permission.JOB_READ)


async def read_log(asking: Caller, source: LogSource, *, offset: int, limit: int, restart: int | None = None) -> LogChunk:
    """Read at most `limit` bytes from `offset` of one start, the latest by default."""
    return await run_sync(read_now, asking, source, offset, limit, restart)


def read_now(asking: Caller, source: LogSource, offset: int, limit: int, restart: int | None = None) -> LogChunk:
    """Do the same in the thread of the caller."""
    context = asking.context
    return service.read_log(context.engines, context.job_limits, source, offset=offset, limit=limit, restart=restart)


async def whole_log(asking: Caller, source: LogSource, *, restart: int | None = None) -> AsyncIterator[bytes]:
    """Go through what a log holds now, in pieces."""
    offset = 0
    while (chunk := await read_log(asking, source, offset=offset, limit=PIECE_BYTES, restart=restart)).data:
        yield chunk.data
        offset = chunk.next_offset


def read_end(asking: Caller, source: LogSource, *, most_bytes: int, most_lines: int, restart: int | None = None) -> str:
    """Return the last lines of a log; what is no UTF-8 is shown as such."""
    size = read_now(asking, source, 0, 1, restart).size_bytes
    start = max(size - most_bytes, 0)
    data = read_now(asking, source, start, most_bytes, restart).data
    lines = (data.partition(b"\n")[2] if start else data).decode(errors="replace").splitlines()
    return "\n".join(lines[-most_lines:])
