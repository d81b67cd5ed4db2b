"""Data sets, models and code on the wire: repositories, immutable versions, their files, and uploads; and the calls for them."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from wutong.sdk.errors import ErrorDetail, NotFound
from wutong.sdk.jobs import NAME
from wutong.sdk.wire import Received, Sent

if TYPE_CHECKING:
    from wutong.sdk.client import Client  # the server imports the wire types, and does without the HTTP client

DIGEST = r"^[0-9a-f]{64}$"
TUS = {"Tus-Resumable": "1.0.0"}
"""Goes with every request about an upload."""


class RepoKind(StrEnum):
    """What a repository holds."""

    DATASET = "dataset"
    MODEL = "model"
    CODE = "code"
    OUTPUT = "output"


class RepoRequest(Sent):
    """A new repository."""

    kind: Literal["dataset", "model", "code"]
    name: str = Field(pattern=NAME)
    licence: str = Field("proprietary", max_length=100, description="SPDX identifier such as CC-BY-4.0, `proprietary`, or `other: ...`.")
    description: str = Field("", max_length=4000)


class RepoChange(Sent):
    """What may be changed of a repository."""

    visibility: Literal["private", "public"]


class Repo(Received):
    """A repository of versions."""

    id: str
    tenant_id: str
    kind: RepoKind
    name: str
    visibility: str
    licence: str
    description: str
    created_at: datetime


class FileEntry(Received):
    """One file of a version."""

    path: str = Field(max_length=1024)
    size_bytes: int = Field(ge=0)
    sha256: str = Field(pattern=DIGEST)


class VersionRequest(Sent):
    """A new version made of files whose blobs were uploaded before."""

    files: list[FileEntry] = Field(max_length=200_000)
    note: str = Field("", max_length=1000)


class Version(Received):
    """An immutable version. `digest` is over paths, sizes and contents: the same files are the same version."""

    id: str
    repo_id: str
    number: int
    size_bytes: int
    file_count: int
    digest: str
    note: str = ""
    lineage: dict[str, Any] = Field(default_factory=dict)
    created_at: datetime


class Digests(Sent):
    """Digests to ask about."""

    digests: list[str] = Field(max_length=20_000)


class Missing(Received):
    """Digests whose content has to be uploaded."""

    missing: list[str]


class Finished(Received):
    """What an upload held: one file, or the files of an archive."""

    files: list[FileEntry]


class OpenUpload(Received):
    """An upload that is not finished, and how far it is."""

    id: str
    kind: str
    filename: str
    size_bytes: int
    offset_bytes: int
    sha256: str | None
    created_at: datetime
    expires_at: datetime


class OpenUploads(Received):
    """All open uploads of a tenant."""

    items: list[OpenUpload]


class Storage(Received):
    """Bytes kept and allowed."""

    used_bytes: int
    quota_bytes: int


def resolve(client: "Client", kind: RepoKind, ref: str) -> Version:
    """Find the version a reference names."""
    return client.get("/api/v1/resolve", Version, kind=kind, ref=ref)


def find_repo(client: "Client", kind: RepoKind, name: str) -> Repo | None:
    """Find one's own repository by name."""
    return next((repo for repo in list_repos(client, kind, name=name) if repo.name == name), None)


def get_repo(client: "Client", kind: RepoKind, name: str) -> Repo:
    """Find one's own repository by name, or raise `NotFound`."""
    repo = find_repo(client, kind, name)
    if repo is None:
        detail = ErrorDetail(code="not_found", message=f"There is no {kind} {name} that you can see.")
        raise NotFound(detail, 404)
    return repo


def create_repo(client: "Client", request: RepoRequest) -> Repo:
    """Make a repository."""
    return client.post("/api/v1/repos", request, Repo)


def list_repos(client: "Client", kind: RepoKind, *, public: bool = False, search: str | None = None, name: str | None = None) -> Iterator[Repo]:
    """Go through repositories: one's own, or also those others have published."""
    return client.pages("/api/v1/repos", Repo, kind=kind, public="true" if public else None, search=search, name=name)


def list_versions(client: "Client", repo_id: str) -> Iterator[Version]:
    """Go through the versions of a repository, newest first."""
    return client.pages(f"/api/v1/repos/{repo_id}/versions", Version)


def list_files(client: "Client", version_id: str, *, most: int | None = None) -> Iterator[FileEntry]:
    """Go through the files of a version, by path."""
    return client.pages(f"/api/v1/versions/{version_id}/files", FileEntry, limit=500, most=most)


def commit_version(client: "Client", repo_id: str, request: VersionRequest) -> Version:
    """Make a version of uploaded blobs. The same files as the newest version are that version, so this may be repeated."""
    return client.post(f"/api/v1/repos/{repo_id}/versions", request, Version, key=f"commit-{repo_id}")


def missing_blobs(client: "Client", digests: list[str]) -> list[str]:
    """Ask which contents the centre does not have from this tenant."""
    return client.post("/api/v1/blobs/missing", Digests(digests=digests), Missing, key="ask").missing


def set_visibility(client: "Client", repo_id: str, visibility: Literal["private", "public"]) -> Repo:
    """Publish a repository, or take it back."""
    return client.patch(f"/api/v1/repos/{repo_id}", RepoChange(visibility=visibility), Repo)


def delete_repo(client: "Client", repo_id: str) -> None:
    """Delete a repository with all its versions."""
    client.delete(f"/api/v1/repos/{repo_id}")


def delete_version(client: "Client", version_id: str) -> None:
    """Delete one version."""
    client.delete(f"/api/v1/versions/{version_id}")


def storage(client: "Client") -> Storage:
    """Read how much is kept, and how much may be."""
    return client.get("/api/v1/storage", Storage)


def list_uploads(client: "Client") -> list[OpenUpload]:
    """Read all open uploads, newest first, with how far each is."""
    return client.get("/api/v1/uploads", OpenUploads).items


def cancel_upload(client: "Client", upload_id: str) -> None:
    """Give an upload up; the room that was set aside for it is free again."""
    client.send("DELETE", f"/api/v1/uploads/{upload_id}", headers=TUS)
