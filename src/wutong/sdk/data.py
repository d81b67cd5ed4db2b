"""Data sets, models and code on the wire: repositories, immutable versions, their files, and uploads."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from wutong.sdk.jobs import NAME
from wutong.sdk.wire import Received, Sent

DIGEST = r"^[0-9a-f]{64}$"


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


class Storage(Received):
    """Bytes kept and allowed."""

    used_bytes: int
    quota_bytes: int
