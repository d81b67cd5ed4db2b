"""Bytes of logs for the viewer, and a whole log as a file."""

from typing import Annotated

from fastapi import Query, Response
from fastapi.responses import StreamingResponse

from wutong.doorway.logs import MAX_BYTES, PIECE_BYTES, find_log, read_log, whole_log
from wutong.web.view import Pages, Visiting

pages = Pages()

TEXT = "text/plain; charset=utf-8"
Attempt = Annotated[int | None, Query(ge=1, le=10_000)]
Rank = Annotated[int, Query(ge=0, le=100_000)]
Start = Annotated[int | None, Query(ge=0, le=10_000)]


@pages.get("/jobs/{job_id}/log")
async def log_bytes(
    visit: Visiting,
    job_id: str,
    attempt: Attempt = None,
    rank: Rank = 0,
    start: Start = None,
    offset: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_BYTES)] = PIECE_BYTES,
) -> Response:
    """Give bytes of a log as they were printed; the headers say how many there are by now, and whether more may come."""
    source = await find_log(visit, job_id, attempt=attempt, rank=rank)
    chunk = await read_log(visit, source, offset=offset, limit=limit, restart=start)
    size = max(chunk.size_bytes, chunk.next_offset if chunk.data else 0)
    over = chunk.complete and source.is_over(source.last_start if start is None else start)
    headers = {"X-Log-Size": str(size), "X-Log-Complete": "true" if over else "false"}
    return Response(chunk.data, headers=headers, media_type=TEXT)


@pages.get("/jobs/{job_id}/log/download")
async def download_log(visit: Visiting, job_id: str, attempt: Attempt = None, rank: Rank = 0, start: Start = None) -> Response:
    """Give what a log holds now as a file."""
    source = await find_log(visit, job_id, attempt=attempt, rank=rank)
    number = source.attempt.number if source.attempt else 1
    name = f"{job_id}-{number}{f'-{start}' if start else ''}{f'-rank-{rank}' if rank else ''}.log"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(whole_log(visit, source, restart=start), headers=headers, media_type=TEXT)
