"""Files of tickets: sent as plain bytes after the message they belong to, and downloaded; never shown by the browser."""

import tempfile
from collections.abc import Iterator
from typing import IO, Annotated
from urllib.parse import quote

from anyio.to_thread import run_sync
from fastapi import Query, Request, Response
from fastapi.responses import StreamingResponse

from wutong.api.auth import Asking, Caller, Router
from wutong.desk.attachments import service
from wutong.desk.attachments.rules import MOST_FILE_BYTES, Attachment, FileTooLarge, clean_file_name
from wutong.desk.tickets import service as tickets
from wutong.identity.rules import Permission
from wutong.sdk import tickets as wire

router = Router(tag="help", prefix="/tickets/{ticket_id}/attachments")
staff_router = Router(tag="help", prefix="/admin/tickets/{ticket_id}/attachments")

PIECE_BYTES = 1024 * 1024
Name = Annotated[str, Query(min_length=1, max_length=1000, description="Name of the file.")]


@router.post("", status_code=201)
async def attach_file(asking: Asking, request: Request, ticket_id: str, name: Name) -> wire.Attachment:
    """Attach the body of the request to what the caller wrote last in a ticket, within an hour. Sent again, it is the same file."""
    return await _attach(asking, request, ticket_id, name, staff=False)


@router.get("/{attachment_id}", response_class=StreamingResponse)
async def download_attachment(asking: Asking, ticket_id: str, attachment_id: str) -> Response:
    """Download a file of a ticket."""
    return await _download(asking, ticket_id, attachment_id, staff=False)


@staff_router.post("", status_code=201)
async def attach_file_for_the_centre(asking: Asking, request: Request, ticket_id: str, name: Name) -> wire.Attachment:
    """Attach the body of the request to what the caller answered last, within an hour. Sent again, it is the same file."""
    return await _attach(asking, request, ticket_id, name, staff=True)


@staff_router.get("/{attachment_id}", response_class=StreamingResponse)
async def download_any_attachment(asking: Asking, ticket_id: str, attachment_id: str) -> Response:
    """Download a file of a ticket of any organisation."""
    return await _download(asking, ticket_id, attachment_id, staff=True)


async def _attach(asking: Caller, request: Request, ticket_id: str, name: str, *, staff: bool) -> wire.Attachment:
    """Look who sends and whether it may be so large before the first byte is taken; bytes beyond the limit are not waited for."""
    await asking.ask(lambda tx, who: tickets.get_ticket(tx, who, ticket_id, staff=staff), _needed(staff=staff))
    announced = request.headers.get("content-length", "0")
    _check_size(int(announced) if announced.isdigit() and len(announced) < 19 else 0, name)
    with tempfile.SpooledTemporaryFile(max_size=PIECE_BYTES) as file:
        size = 0
        async for piece in request.stream():
            size += len(piece)
            _check_size(size, name)
            await run_sync(file.write, piece)
        kept = await run_sync(service.keep_files, asking.context.blobs, [(name, _pieces(file))])
    made = await asking.ask(lambda tx, who: service.attach(tx, who, ticket_id, kept, blobs=asking.context.blobs, staff=staff), _needed(staff=staff))
    return wire.Attachment.model_validate(made[0])


async def _download(asking: Caller, ticket_id: str, attachment_id: str, *, staff: bool) -> Response:
    found: Attachment = await asking.ask(lambda tx, who: service.get_attachment(tx, who, ticket_id, attachment_id, staff=staff), _needed(staff=staff))
    headers = {
        "Cache-Control": "private, max-age=86400",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.name)}",
        "Content-Length": str(found.size_bytes),
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
    }
    pieces = await run_sync(asking.context.blobs.open_range, found.sha256)
    return StreamingResponse(pieces, 200, headers, "application/octet-stream")


def _needed(*, staff: bool) -> Permission:
    return Permission.CENTRE_HELP if staff else Permission.TENANT_READ


def _check_size(size_bytes: int, name: str) -> None:
    if size_bytes > MOST_FILE_BYTES:
        raise FileTooLarge(name=clean_file_name(name), most=MOST_FILE_BYTES // 1024**2)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(PIECE_BYTES):
        yield piece
