"""Logs of jobs: bytes from an offset, or a stream that follows until the attempt has ended. No transaction is open while one waits."""

from collections.abc import AsyncIterator
from typing import Annotated

import anyio
from anyio.to_thread import run_sync
from fastapi import Query, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session

from wutong.api.auth import Asking, Caller, Router
from wutong.centre.rules import LogChunk
from wutong.compute.jobs import service
from wutong.compute.jobs.logs import LogSource
from wutong.identity.rules import Permission, Principal
from wutong.sdk.jobs import ATTEMPT, COMPLETE, NEXT_OFFSET, RANKS

router = Router(tag="jobs")

PIECE_BYTES = 1024 * 1024
FIRST_PAUSE_S, LONGEST_PAUSE_S, LONGEST_START_PAUSE_S = 0.05, 1.0, 0.4
LOOK_AGAIN_S = 2.0
TEXT = "text/plain; charset=utf-8"


@router.get("/jobs/{job_id}/logs", response_class=Response)
async def read_logs(
    asking: Asking,
    job_id: str,
    offset: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=8 * PIECE_BYTES, description="At most so many bytes; a followed log has no limit.")] = PIECE_BYTES,
    attempt: Annotated[int | None, Query(ge=1, le=10_000, description="Which try; the latest by default.")] = None,
    rank: Annotated[int, Query(ge=0, le=100_000, description="Which rank of a job whose command is started several times.")] = 0,
    *,
    follow: Annotated[bool, Query(description="Go on until the attempt has ended.")] = False,
) -> Response:
    """Read a job's log as the bytes it printed. The headers say which attempt it is, of how many ranks, where to go on, whether more may come."""
    source = await _source(asking, job_id, attempt, rank)
    headers = {ATTEMPT: str(source.attempt.number if source.attempt else 1), RANKS: str(source.ranks)}
    headers |= {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    if follow:
        return StreamingResponse(_follow(asking, job_id, source, offset), headers=headers, media_type=TEXT)
    chunk = await _read(asking, source, offset, limit)
    headers |= {NEXT_OFFSET: str(chunk.next_offset), COMPLETE: "true" if chunk.complete else "false"}
    return Response(chunk.data, headers=headers, media_type=TEXT)


async def _source(asking: Caller, job_id: str, attempt: int | None, rank: int) -> LogSource:
    def find(tx: Session, who: Principal) -> LogSource:
        return service.log_source(tx, who, job_id, attempt=attempt, rank=rank)

    return await asking.ask(find, Permission.JOB_READ)


async def _read(asking: Caller, source: LogSource, offset: int, limit: int) -> LogChunk:
    context = asking.context

    def read() -> LogChunk:
        return service.read_log(context.engines, context.job_limits, source, offset=offset, limit=limit)

    return await run_sync(read)


async def _follow(asking: Caller, job_id: str, source: LogSource, offset: int) -> AsyncIterator[bytes]:
    """Read on until the end is reached. Who is asking is checked again every few seconds: a revoked token stops hearing."""
    pause, looked = FIRST_PAUSE_S, anyio.current_time()
    number = source.attempt.number if source.attempt else None
    while True:
        chunk = await _read(asking, source, offset, PIECE_BYTES)
        offset = chunk.next_offset
        if chunk.data:
            pause = FIRST_PAUSE_S
            yield chunk.data
            continue
        if chunk.complete:
            return
        await anyio.sleep(pause)
        begun = source.run is not None and source.run.started_at is not None
        pause = min(LONGEST_PAUSE_S if begun else LONGEST_START_PAUSE_S, pause * 1.5)
        if not begun or anyio.current_time() - looked > LOOK_AGAIN_S:
            source, looked = await _source(asking, job_id, number, source.rank), anyio.current_time()
            number = source.attempt.number if source.attempt else None
