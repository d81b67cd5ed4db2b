"""Filling a repository: the page of the upload, and one file or archive by a plain form where there are no scripts."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from anyio.to_thread import run_sync
from fastapi import Request, Response
from sqlalchemy.orm import Session
from starlette.datastructures import UploadFile

from wutong.doorway.asking import Tx, needs
from wutong.doorway.frame import FILE_LIMIT_BYTES
from wutong.hub import service as hub
from wutong.hub.rules import File, Repo, UploadKind, Version
from wutong.identity.rules import Permission, Principal
from wutong.kit.errors import Invalid, NotFound, Problem
from wutong.web import csrf
from wutong.web.data.repos import Writes
from wutong.web.view import Pages, Unread, View, Visit, check_token

pages = Pages(prefix="/data/{repo_id}")

PIECE_BYTES = 1024 * 1024
FIELDS = 10


@dataclass(frozen=True, slots=True)
class Sent:
    """What a form sent: a file that lies on disk when it is large, whether it is an archive, whether the newest version's files stay beside it."""

    file: IO[bytes] | None
    name: str
    size_bytes: int
    unpack: bool
    keep: bool
    note: str


@pages.get("/upload")
def upload_page(tx: Tx, view: Writes, repo_id: str) -> Response:
    """Take files and folders for the next version."""
    return _page(tx, view, repo_id)


@pages.post("/file")
async def send_file(visit: Unread, request: Request, repo_id: str) -> Response:
    """Make the next version of one file or archive. Who sends it is looked at before the first byte is taken."""
    await visit.ask(lambda tx, who: _own(tx, who, repo_id), Permission.DATA_WRITE)
    async with request.form(max_files=1, max_fields=FIELDS) as form:
        check_token(visit, str(form.get(csrf.FIELD, "")))
        file = form.get("file")
        sent = Sent(
            file.file if isinstance(file, UploadFile) else None,
            (file.filename or "") if isinstance(file, UploadFile) else "",
            (file.size or 0) if isinstance(file, UploadFile) else 0,
            unpack=form.get("unpack") == "yes",
            keep=form.get("keep") == "yes",
            note=str(form.get("note", ""))[:1000],
        )
        return await run_sync(_answer, visit, repo_id, sent)


def _answer(visit: Visit, repo_id: str, sent: Sent) -> Response:
    try:
        version = _keep(visit, repo_id, sent)
    except Problem as refused:
        with visit.context.database.session() as tx:
            return _page(tx, visit.present(tx, needs(Permission.DATA_WRITE)), repo_id, sent, refused)
    view = View(visit, None)
    view.toast("Version {number} is kept.", number=version.number)
    return view.go(f"/data/{repo_id}/versions/{version.number}")


def _keep(visit: Visit, repo_id: str, sent: Sent) -> Version:
    """Take the bytes in as any upload, with no transaction open, and make the version."""
    if sent.file is None or not sent.name:
        raise Invalid(field="file", reason="Choose a file first.")
    context = visit.context
    kind = UploadKind.ARCHIVE if sent.unpack else UploadKind.BLOB
    with context.database.session() as tx:
        who = visit.principal(tx, Permission.DATA_WRITE)
        upload = hub.create_upload(tx, who, sent.size_bytes, filename=sent.name, kind=kind)
    context.uploads.append(upload.id, 0, _pieces(sent.file), size_bytes=sent.size_bytes)
    done = hub.complete_upload(context.database, context.uploads, context.blobs, who, upload.id)
    with context.database.session() as tx:
        who = visit.principal(tx, Permission.DATA_WRITE)
        files = {file.path: file for file in (*_newest_files(tx, _own(tx, who, repo_id), keep=sent.keep), *done.files)}
        return hub.commit_version(tx, who, repo_id, list(files.values()), note=sent.note)


def _newest_files(tx: Session, repo: Repo, *, keep: bool) -> list[File]:
    standing = hub.newest_of(tx, [repo]).get(repo.id) if keep else None
    return hub.files_of(tx, standing.newest.id) if standing else []


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(PIECE_BYTES):
        yield piece


def _own(tx: Session, who: Principal, repo_id: str) -> Repo:
    repo = hub.get_repo(tx, who, repo_id)
    if repo.tenant_id != who.tenant_id:
        raise NotFound(kind="repository", id=repo_id)
    return repo


def _page(tx: Session, view: View, repo_id: str, sent: Sent | None = None, problem: Problem | None = None) -> Response:
    repo = _own(tx, view.who, repo_id)
    standing = hub.newest_of(tx, [repo]).get(repo.id)
    status = 200 if problem is None else problem.status
    values = {"repo": repo, "newest": standing.newest if standing else None, "storage": hub.storage(tx, repo.tenant_id)}
    return view.page("data/upload.html", status, **values, sent=sent, most_bytes=FILE_LIMIT_BYTES, problem=problem)
