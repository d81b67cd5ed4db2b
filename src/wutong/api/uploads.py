"""Resumable uploads by tus 1.0 (https://tus.io/protocols/resumable-upload): create, append, ask for the offset, give up; and ours: finish."""

import base64
import binascii
import re
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import Header, Request, Response
from starlette.requests import ClientDisconnect

from wutong.api.auth import Asking, Caller, Router
from wutong.hub import service
from wutong.hub.rules import Upload, UploadKind
from wutong.identity.rules import Permission
from wutong.kit.errors import Invalid, Problem
from wutong.kit.paging import PageRequest
from wutong.sdk import data as wire

router = Router(tag="uploads")

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,termination"
OFFSET_TYPE = "application/offset+octet-stream"
WRITE_BYTES = 1024 * 1024
_DIGITS = re.compile(r"\d{1,18}")

Resumable = Annotated[str | None, Header(alias="Tus-Resumable", max_length=20)]


class WrongTusVersion(Problem):
    """The client speaks another version of tus."""

    code = "wrong_tus_version"
    status = 412
    message = "This centre speaks tus {version}. Send the header Tus-Resumable: {version}."


class WrongType(Problem):
    """The bytes of an upload come under another content type."""

    code = "wrong_content_type"
    status = 415
    message = "Send the bytes of an upload as Content-Type: {wanted}."


@router.options("/uploads", status_code=204)
async def tus_options(request: Request) -> Response:
    """Tell what this server can do."""
    limit = request.app.state.context.settings.upload_limit_gb * 1024**3
    headers = {"Tus-Resumable": VERSION, "Tus-Version": VERSION, "Tus-Extension": EXTENSIONS, "Tus-Max-Size": str(limit)}
    return Response(status_code=204, headers=headers)


@router.post("/uploads", status_code=201)
async def create_upload(
    asking: Asking,
    request: Request,
    tus_resumable: Resumable = None,
    upload_length: Annotated[str, Header(max_length=20)] = "",
    upload_metadata: Annotated[str, Header(max_length=4096)] = "",
) -> Response:
    """Announce an upload; its size is set aside in the organisation's storage. Metadata: filename, sha256, kind (blob or archive)."""
    _check_version(tus_resumable)
    size = _number(upload_length, "Upload-Length")
    about = _metadata(upload_metadata)
    limit = asking.context.settings.upload_limit_gb * 1024**3
    kind = about.get("kind", "blob")
    if kind not in set(UploadKind):
        raise Invalid(field="Upload-Metadata", reason="Let kind be blob or archive.")
    upload = await asking.ask(
        lambda tx, who: service.create_upload(
            tx, who, size, filename=about.get("filename", "blob"), sha256=about.get("sha256"), kind=UploadKind(kind), limit_bytes=limit
        ),
        Permission.DATA_WRITE,
    )
    offset = 0
    if request.headers.get("content-type") == OFFSET_TYPE:
        offset = await _append(asking, request, upload, 0)
    headers = {"Location": f"/api/v1/uploads/{upload.id}", "Upload-Offset": str(offset), "Tus-Resumable": VERSION}
    return Response(status_code=201, headers=headers)


@router.head("/uploads/{upload_id}", status_code=200)
async def upload_offset(asking: Asking, upload_id: str, tus_resumable: Resumable = None) -> Response:
    """Tell how many bytes have arrived."""
    _check_version(tus_resumable)
    upload = await asking.ask(lambda tx, who: service.get_upload(tx, who, upload_id), Permission.DATA_WRITE)
    offset = await run_sync(service.upload_offset, asking.context.uploads, upload)
    headers = {"Upload-Offset": str(offset), "Upload-Length": str(upload.size_bytes), "Cache-Control": "no-store", "Tus-Resumable": VERSION}
    return Response(status_code=200, headers=headers)


@router.patch("/uploads/{upload_id}", status_code=204)
async def append_to_upload(
    asking: Asking, request: Request, upload_id: str, tus_resumable: Resumable = None, upload_offset: Annotated[str, Header(max_length=20)] = ""
) -> Response:
    """Append bytes at the offset. What arrived before a broken connection stays and counts."""
    _check_version(tus_resumable)
    if request.headers.get("content-type") != OFFSET_TYPE:
        raise WrongType(wanted=OFFSET_TYPE)
    upload = await _open(asking, upload_id)
    offset = await _append(asking, request, upload, _number(upload_offset, "Upload-Offset"))
    return Response(status_code=204, headers={"Upload-Offset": str(offset), "Tus-Resumable": VERSION})


@router.delete("/uploads/{upload_id}", status_code=204)
async def cancel_upload(asking: Asking, upload_id: str, tus_resumable: Resumable = None) -> Response:
    """Give an upload up; its bytes and the room set aside for it are let go."""
    _check_version(tus_resumable)
    await asking.ask(lambda tx, who: service.cancel_upload(tx, who, upload_id), Permission.DATA_WRITE)
    await run_sync(asking.context.uploads.discard, upload_id)
    return Response(status_code=204, headers={"Tus-Resumable": VERSION})


@router.get("/uploads", response_model=wire.OpenUploads)
async def list_uploads(asking: Asking) -> wire.OpenUploads:
    """List the organisation's open uploads, newest first, with how far each is."""
    found = await asking.ask(lambda tx, who: service.list_uploads(tx, who, PageRequest(500)).items, Permission.DATA_WRITE)
    return wire.OpenUploads(items=await run_sync(_told, asking, found))


@router.post("/uploads/{upload_id}/finish")
async def finish_upload(asking: Asking, upload_id: str) -> wire.Finished:
    """Check and keep a complete upload, and unpack an archive. Twice gives the same answer."""
    who = await asking.ask(lambda _, who: who, Permission.DATA_WRITE)
    context = asking.context
    done = await run_sync(service.complete_upload, context.database, context.uploads, context.blobs, who, upload_id)
    return wire.Finished(files=[wire.FileEntry.model_validate(file) for file in done.files])


async def _open(asking: Caller, upload_id: str) -> Upload:
    return await asking.ask(lambda tx, who: service.open_upload(tx, who, upload_id), Permission.DATA_WRITE)


async def _append(asking: Caller, request: Request, upload: Upload, offset: int) -> int:
    """Write the body as it comes, a mebibyte at a time, each in a thread; memory stays flat however large the body."""
    with asking.context.uploads.writer(upload.id, offset, size_bytes=upload.size_bytes) as writer:
        waiting = bytearray()
        try:
            async for piece in request.stream():
                waiting += piece
                if len(waiting) >= WRITE_BYTES:
                    await run_sync(writer.write, bytes(waiting))
                    waiting.clear()
        except ClientDisconnect:
            pass  # what came counts; the client asks for the offset and goes on
        if waiting:
            await run_sync(writer.write, bytes(waiting))
        return int(writer.offset)


def _told(asking: Caller, uploads: list[Upload]) -> list[wire.OpenUpload]:
    offsets = [service.upload_offset(asking.context.uploads, upload) for upload in uploads]
    return [wire.OpenUpload.model_validate({**_fields(upload), "offset_bytes": offset}) for upload, offset in zip(uploads, offsets, strict=True)]


def _fields(upload: Upload) -> dict[str, object]:
    return {name: getattr(upload, name) for name in ("id", "kind", "filename", "size_bytes", "sha256", "created_at", "expires_at")}


def _check_version(given: str | None) -> None:
    if given != VERSION:
        raise WrongTusVersion(version=VERSION)


def _number(text: str, field: str) -> int:
    if not _DIGITS.fullmatch(text):
        raise Invalid(field=field, reason="Send it as a whole number of bytes.")
    return int(text)


def _metadata(text: str) -> dict[str, str]:
    """Read `key base64value` pairs, divided by commas."""
    about = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        key, _, value = pair.partition(" ")
        try:
            about[key] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise Invalid(field="Upload-Metadata", reason=f"Send the value of {key[:40]} as UTF-8 text in base 64.") from None
    return about
