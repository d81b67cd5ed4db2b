"""Data sets, models, code: repositories, versions, files, downloads."""

from typing import Annotated
from urllib.parse import quote

from anyio.to_thread import run_sync
from fastapi import Header, Query, Response
from fastapi.responses import StreamingResponse

from wutong.api.auth import Asking, Router, Tx, needs
from wutong.api.ranges import RangeUnsatisfiable, parse_range
from wutong.doorway.paging import Paging
from wutong.hub import service
from wutong.hub.rules import File, Repo, RepoKind, Version, Visibility
from wutong.identity.rules import Permission, Principal, require_tenant
from wutong.kit.paging import Page
from wutong.sdk import data as wire
from wutong.sdk.wire import Listed

router = Router(tag="data")

Reads = Annotated[Principal, needs(Permission.DATA_READ)]
Writes = Annotated[Principal, needs(Permission.DATA_WRITE)]


@router.get("/repos", response_model=Listed[wire.Repo])
def list_repos(
    tx: Tx,
    who: Reads,
    page: Paging,
    kind: RepoKind | None = None,
    search: Annotated[str, Query(max_length=100)] = "",
    name: Annotated[str, Query(max_length=100, description="Exactly this name, of one's own.")] = "",
    *,
    public: Annotated[bool, Query(description="Those that anybody has published, instead of one's own.")] = False,
) -> Page[Repo]:
    """List repositories, newest first."""
    if name and kind:
        found = service.find_repo(tx, who, kind, name)
        return Page([found] if found else [])
    return service.list_repos(tx, who, kind, page, search=search or name, public=public)


@router.post("/repos", status_code=201, response_model=wire.Repo)
def create_repo(tx: Tx, who: Writes, body: wire.RepoRequest) -> Repo:
    """Make an empty, private repository."""
    return service.create_repo(tx, who, RepoKind(body.kind), body.name, licence=body.licence, description=body.description)


@router.get("/repos/{repo_id}", response_model=wire.Repo)
def get_repo(tx: Tx, who: Reads, repo_id: str) -> Repo:
    """Read one repository."""
    return service.get_repo(tx, who, repo_id)


@router.patch("/repos/{repo_id}", response_model=wire.Repo)
def set_visibility(tx: Tx, who: Annotated[Principal, needs(Permission.DATA_PUBLISH)], repo_id: str, body: wire.RepoChange) -> Repo:
    """Publish a repository to every organisation of the centre, or take it back."""
    return service.set_visibility(tx, who, repo_id, Visibility(body.visibility))


@router.delete("/repos/{repo_id}", status_code=204)
def delete_repo(tx: Tx, who: Writes, repo_id: str) -> None:
    """Delete a repository with all its versions. Jobs that use one go on."""
    service.delete_repo(tx, who, repo_id)


@router.get("/repos/{repo_id}/versions", response_model=Listed[wire.Version])
def list_versions(tx: Tx, who: Reads, page: Paging, repo_id: str) -> Page[Version]:
    """List the versions of a repository, newest first."""
    return service.list_versions(tx, who, repo_id, page)


@router.post("/repos/{repo_id}/versions", status_code=201, response_model=wire.Version)
def commit_version(tx: Tx, who: Writes, repo_id: str, body: wire.VersionRequest) -> Version:
    """Make the next version from blobs uploaded before. The same files as the latest version are that version."""
    files = [File(entry.path, entry.size_bytes, entry.sha256) for entry in body.files]
    return service.commit_version(tx, who, repo_id, files, note=body.note)


@router.get("/resolve", response_model=wire.Version)
def resolve(tx: Tx, who: Reads, kind: RepoKind, ref: Annotated[str, Query(max_length=300)]) -> Version:
    """Find the version that a reference names: `digits`, `digits@3`, `<tenant>/digits@3`."""
    return service.resolve(tx, who, kind, ref)


@router.get("/versions/{version_id}", response_model=wire.Version)
def get_version(tx: Tx, who: Reads, version_id: str) -> Version:
    """Read one version."""
    return service.get_version(tx, who, version_id)


@router.delete("/versions/{version_id}", status_code=204)
def delete_version(tx: Tx, who: Writes, version_id: str) -> None:
    """Delete one version. Its number is never given again; jobs that use it go on."""
    service.delete_version(tx, who, version_id)


@router.get("/versions/{version_id}/files", response_model=Listed[wire.FileEntry])
def list_files(tx: Tx, who: Reads, page: Paging, version_id: str, prefix: Annotated[str, Query(max_length=1024)] = "") -> Page[File]:
    """List the files of a version in order of path, below a prefix."""
    return service.list_files(tx, who, version_id, page, prefix=prefix)


@router.get("/versions/{version_id}/content", response_class=StreamingResponse)
async def download_file(
    asking: Asking,
    version_id: str,
    path: Annotated[str, Query(max_length=1024)],
    requested: Annotated[str | None, Header(alias="Range", max_length=200)] = None,
    if_range: Annotated[str | None, Header(max_length=200)] = None,
) -> Response:
    """Download one file, whole or a byte range of it."""
    file = await asking.ask(lambda tx, who: service.get_file(tx, who, version_id, path), Permission.DATA_READ)
    tag = f'"{file.sha256}"'
    name = quote(file.path.rpartition("/")[2])
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": tag,
        "Cache-Control": "private, max-age=31536000, immutable",
        "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
        "X-Content-Type-Options": "nosniff",
    }
    wanted = parse_range(requested, file.size_bytes) if if_range in (None, tag) else None
    if wanted is not None and wanted.start >= file.size_bytes:
        raise RangeUnsatisfiable(size_bytes=file.size_bytes)
    start, end = (wanted.start, wanted.stop) if wanted else (0, file.size_bytes)
    headers["Content-Length"] = str(end - start)
    if wanted:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size_bytes}"
    pieces = await run_sync(asking.context.blobs.open_range, file.sha256, start, end)
    return StreamingResponse(pieces, 206 if wanted else 200, headers, "application/octet-stream")


@router.post("/blobs/missing", response_model=wire.Missing)
def missing_blobs(tx: Tx, who: Writes, body: wire.Digests) -> wire.Missing:
    """Tell which contents have to be uploaded: those the organisation has not uploaded and may not read."""
    return wire.Missing(missing=service.missing_blobs(tx, who, body.digests))


@router.get("/storage", response_model=wire.Storage)
def get_storage(tx: Tx, who: Reads) -> object:
    """Tell how much the organisation keeps, and how much it may keep."""
    return service.storage(tx, require_tenant(who, Permission.DATA_READ))
