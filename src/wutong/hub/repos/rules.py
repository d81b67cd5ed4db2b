"""What repositories and versions are: names, references, licences, the digest of a manifest. Pure."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from wutong.hub.blobs.rules import File, check_digest
from wutong.hub.paths import check_no_clash, clean_path
from wutong.kit.errors import Conflict, Invalid, NotFound

MAX_FILES = 1_000_000
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?")
_REF = re.compile(r"(?:(?P<tenant>[a-z]+_[0-9a-z]+)/)?(?P<name>[A-Za-z0-9._-]+)(?:@(?P<number>latest|[1-9][0-9]{0,8}))?")


class RepoKind(StrEnum):
    """What a repository holds."""

    DATASET = "dataset"
    MODEL = "model"
    CODE = "code"
    OUTPUT = "output"


class Visibility(StrEnum):
    """Who may read: the tenant, or every tenant of the centre."""

    PRIVATE = "private"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Repo:
    """A named line of versions of one tenant. `last_number` is 0 before the first version."""

    id: str
    tenant_id: str
    kind: RepoKind
    name: str
    visibility: Visibility
    licence: str
    description: str
    last_number: int
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Version:
    """An immutable set of files. `digest` names its content: the same files have the same digest everywhere."""

    id: str
    repo_id: str
    tenant_id: str
    number: int
    digest: str
    size_bytes: int
    file_count: int
    note: str
    created_by: str
    created_at: datetime
    state: str = "ready"
    lineage: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ref:
    """A reference to a version: `name`, `name@3`, `name@latest`, `<tenant>/name@2`. No number means the latest."""

    name: str
    number: int | None = None
    tenant_id: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a repository stands: its newest version, and how many it has."""

    newest: Version
    versions: int


@dataclass(frozen=True, slots=True)
class Entry:
    """Something in a folder of a version: a file, or a folder (its path ends with `/`, it has no sha256) with how many files it holds, if counted."""

    path: str
    size_bytes: int | None
    sha256: str
    file_count: int | None = None

    @property
    def is_folder(self) -> bool:
        """Whether this is a folder."""
        return self.path.endswith("/")

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rstrip("/").rpartition("/")[2]


class NoSuchVersion(NotFound):
    """A reference leads nowhere that the caller may see."""

    code = "no_such_version"
    message = "There is no {kind} {ref} that you can see. List what there is, or give the name with its version, such as digits@2."


class NameTaken(Conflict):
    """A repository of this kind and name is there already."""

    code = "name_taken"
    message = "You already have a {kind} named {name}. Add a version to it, or choose another name."


def parse_ref(text: str) -> Ref:
    """Read a reference. Raises `Invalid`."""
    found = _REF.fullmatch(text)
    if not found:
        raise Invalid(field="ref", reason="Write a name, name@3, name@latest or <tenant>/name@2.")
    number = found["number"]
    return Ref(found["name"], None if number in (None, "latest") else int(number), found["tenant"])


def check_name(name: str) -> str:
    """Return a name that is safe in references, URLs and folders. Raises `Invalid`."""
    if not _NAME.fullmatch(name) or ".." in name:
        raise Invalid(field="name", reason="Use 1 to 96 letters a-z, digits, dots, - and _, beginning and ending with a letter or digit.")
    return name


def check_licence(text: str) -> str:
    """Return a licence in its canonical form: an SPDX expression, `proprietary`, `other:<text>`, or "" for not said. Raises `Invalid`."""
    if text in ("", "proprietary"):
        return text
    if text.startswith("other:"):
        if 1 <= len(text[6:].strip()) <= 200:
            return f"other:{text[6:].strip()}"
    elif len(text) <= 200:
        try:
            return str(canonicalize_license_expression(text))
        except (InvalidLicenseExpression, ValueError):
            pass
    raise Invalid(field="licence", reason="Use an SPDX name such as Apache-2.0 or CC-BY-4.0, proprietary, or other:<name of the licence>.")


def check_files(files: Sequence[File]) -> list[File]:
    """Return a version's files in order of path, names in their one stored form. Raises `BadPath`, `PathClash`, `BadDigest`, `Invalid`."""
    if not files:
        raise Invalid(field="files", reason="A version holds at least one file.")
    if len(files) > MAX_FILES:
        raise Invalid(field="files", reason=f"A version holds at most {MAX_FILES} files. Pack small files into archives or shards.")
    clean = [File(clean_path(file.path), file.size_bytes, check_digest(file.sha256)) for file in files]
    check_no_clash(file.path for file in clean)
    if any(file.size_bytes < 0 for file in clean):
        raise Invalid(field="files", reason="Give sizes of 0 bytes or more.")
    return sorted(clean, key=lambda file: file.path.encode())


def manifest_digest(files: Sequence[File]) -> str:
    """Return the sha256 over the lines `path NUL size NUL sha256 LF` of sorted files."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.path}\0{file.size_bytes}\0{file.sha256}\n".encode())
    return digest.hexdigest()
