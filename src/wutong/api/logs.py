"""Logs of jobs: bytes from an offset, or a stream that follows until the attempt has ended. No transaction is open while one waits."""

from collections.abc import AsyncIterator
from typing import Annotated

import anyio
from fastapi import Query, Response
from fastapi.responses import StreamingResponse

from wutong.api.auth import Asking, Caller, Router
from wutong.compute.jobs.logs import LogSource
from wutong.doorway.logs import MAX_BYTES, PIECE_BYTES, find_log, read_log
from wutong.kit.errors import NotFound
from wutong.sdk.jobs import ATTEMPT, COMPLETE, NEXT_OFFSET, RANKS, START, STARTS

router = Router(tag="jobs")

FIRST_PAUSE_S, LONGEST_PAUSE_S, LONGEST_START_PAUSE_S = 0.05, 1.0, 0.4
LOOK_AGAIN_S = 2.0
TEXT = "text/plain; charset=utf-8"


@router.get("/jobs/{job_id}/logs", response_class=Response)
async def read_logs(
    asking: Asking,
    job_id: str,
    offset: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_BYTES, description="At most so many bytes; a followed log has no limit.")] = PIECE_BYTES,
    attempt: Annotated[int | None, Query(ge=1, le=10_000, description="Which try; the latest by default.")] = None,
    rank: Annotated[int, Query(ge=0, le=100_000, description="Which rank of a job whose command is started several times.")] = 0,
    restart: Annotated[int | None, Query(ge=0, le=100_000, description="Which start of the try, from 0; the latest by default.")] = None,
    *,
    follow: Annotated[bool, Query(description="Go on until that start has ended.")] = False,
) -> Response:
    """Read a job's log as the bytes it printed. The headers say which attempt and start it is, of how many, where to go on, whether more may come.

    An engine that takes a job back into its queue begins another start of the same attempt, with a log of its own.
    """
    source = await find_log(asking, job_id, attempt=attempt, rank=rank)
    start = source.last_start if restart is None else restart
    if start > source.last_start:
        raise NotFound(kind="start", id=f"{start}, counted from 0, of job {job_id}")
    headers = {ATTEMPT: str(source.attempt.number if source.attempt else 1), RANKS: str(source.ranks)}
    headers |= {START: str(start), STARTS: str(source.last_start + 1), "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    if follow:
        return StreamingResponse(_follow(asking, job_id, source, start, offset), headers=headers, media_type=TEXT)
    chunk = await read_log(asking, source, offset=offset, limit=limit, restart=start)
    headers |= {NEXT_OFFSET: str(chunk.next_offset), COMPLETE: "true" if chunk.complete and source.is_over(start) else "false"}
    return Response(chunk.data, headers=headers, media_type=TEXT)


async def _follow(asking: Caller, job_id: str, source: LogSource, start: int, offset: int) -> AsyncIterator[bytes]:
    """Read on until the end is reached. Who is asking is checked again every few seconds: a revoked token stops hearing."""
    pause, looked = FIRST_PAUSE_S, anyio.current_time()
    number = source.attempt.number if source.attempt else None
    while True:
        chunk = await read_log(asking, source, offset=offset, limit=PIECE_BYTES, restart=start)
        offset = chunk.next_offset
        if chunk.data:
            pause = FIRST_PAUSE_S
            yield chunk.data
            continue
        if chunk.complete and source.is_over(start):
            return
        await anyio.sleep(pause)
        begun = source.run is not None and source.run.started_at is not None and not chunk.complete
        pause = min(LONGEST_PAUSE_S if begun else LONGEST_START_PAUSE_S, pause * 1.5)
        if not begun or anyio.current_time() - looked > LOOK_AGAIN_S:
            source, looked = await find_log(asking, job_id, attempt=number, rank=source.rank), anyio.current_time()
            number = source.attempt.number if source.attempt else None
