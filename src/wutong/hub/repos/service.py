"""Data sets, models, code and outputs: made, found, versioned, published, deleted, pinned."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import and_
from sqlalchemy.orm import Session

from wutong.hub.blobs.rules import File
from wutong.hub.blobs.service import claim_blobs
from wutong.hub.repos import store
from wutong.hub.repos.rules import (
    NameTaken,
    NoSuchVersion,
    Repo,
    RepoKind,
    Version,
    Visibility,
    check_files,
    check_licence,
    check_name,
    manifest_digest,
    parse_ref,
)
from wutong.hub.repos.tables import RepoRow, VersionRow
from wutong.identity.rules import Permission, Principal, require_tenant
from wutong.identity.service import audit
from wutong.kit import clock
from wutong.kit.errors import Invalid, NotFound
from wutong.kit.ids import new_id
from wutong.kit.paging import Page, PageRequest, cut

MAX_TEXT = 2000


def create_repo(session: Session, who: Principal, kind: RepoKind, name: str, *, licence: str = "", description: str = "") -> Repo:
    """Make an empty private repository. Raises `NameTaken`."""
    tenant_id = require_tenant(who, Permission.DATA_WRITE)
    repo_id = new_id("repo")
    row = {
        "id": repo_id,
        "tenant_id": tenant_id,
        "kind": RepoKind(kind).value,
        "name": check_name(name),
        "visibility": Visibility.PRIVATE.value,
        "licence": check_licence(licence),
        "description": _text("description", description),
        "last_number": 0,
        "created_by": who.person_id,
        "created_at": clock.now(),
    }
    if not store.add_repo(session, row):
        raise NameTaken(kind=RepoKind(kind).value, name=name)
    audit(session, who, "repo.create", kind="repo", id=repo_id, tenant_id=tenant_id, after={"kind": row["kind"], "name": name})
    return get_repo(session, who, repo_id)


def ensure_repo(session: Session, who: Principal, kind: RepoKind, name: str) -> Repo:
    """Return the tenant's own repository of that name, made when it is not there."""
    found = find_repo(session, who, kind, name)
    if found:
        return found
    try:
        return create_repo(session, who, kind, name)
    except NameTaken:
        found = find_repo(session, who, kind, name)
        if found is None:
            raise
        return found


def find_repo(session: Session, who: Principal, kind: RepoKind, name: str) -> Repo | None:
    """Return the tenant's own repository of that name."""
    tenant_id = require_tenant(who, Permission.DATA_READ)
    return store.find_repo(session, tenant_id, RepoKind(kind).value, name)


def get_repo(session: Session, who: Principal, repo_id: str) -> Repo:
    """Return a repository of the tenant's own or a published one. Raises `NotFound`."""
    tenant_id = require_tenant(who, Permission.DATA_READ)
    repo = store.read_repo(session, tenant_id, repo_id)
    if repo is None:
        raise NotFound(kind="repository", id=repo_id)
    return repo


def list_repos(
    session: Session, who: Principal, kind: RepoKind | None = None, page: PageRequest | None = None, *, search: str = "", public: bool = False
) -> Page[Repo]:
    """List the tenant's own repositories, or all published ones, newest first."""
    tenant_id = require_tenant(who, Permission.DATA_READ)
    page = page or PageRequest()
    condition = store.public() if public else store.own(tenant_id)
    if kind:
        condition = and_(condition, store.of_kind(RepoKind(kind).value))
    if search:
        condition = and_(condition, store.matching(search[:100]))
    return cut(store.list_repos(session, condition, page.after, page.limit + 1), page)


def change_repo(session: Session, who: Principal, repo_id: str, *, licence: str | None = None, description: str | None = None) -> Repo:
    """Change what is said about a repository."""
    tenant_id = require_tenant(who, Permission.DATA_WRITE)
    row = _lock(session, tenant_id, repo_id)
    before = {"licence": row.licence, "description": row.description}
    row.licence = row.licence if licence is None else check_licence(licence)
    row.description = row.description if description is None else _text("description", description)
    session.flush()
    after = {"licence": row.licence, "description": row.description}
    audit(session, who, "repo.change", kind="repo", id=repo_id, tenant_id=tenant_id, before=before, after=after)
    return store.plain_repo(row)


def set_visibility(session: Session, who: Principal, repo_id: str, visibility: Visibility) -> Repo:
    """Publish a repository to every tenant of the centre, or take it back; what others copied or run meanwhile stays theirs."""
    tenant_id = require_tenant(who, Permission.DATA_PUBLISH)
    row = _lock(session, tenant_id, repo_id)
    wanted = Visibility(visibility)
    if wanted is Visibility.PUBLIC and not row.licence:
        raise Invalid(field="licence", reason="Say under which licence others may use it before you publish it.")
    before, row.visibility = row.visibility, wanted.value
    session.flush()
    audit(
        session,
        who,
        "repo.set_visibility",
        kind="repo",
        id=repo_id,
        tenant_id=tenant_id,
        before={"visibility": before},
        after={"visibility": wanted.value},
    )
    return store.plain_repo(row)


def delete_repo(session: Session, who: Principal, repo_id: str) -> None:
    """Delete a repository with all its versions. Runs that use a version go on."""
    tenant_id = require_tenant(who, Permission.DATA_WRITE)
    row = _lock(session, tenant_id, repo_id)
    row.deleted_at = clock.now()
    versions = store.mark_versions_deleted(session, repo_id, row.deleted_at)
    before = {"kind": row.kind, "name": row.name, "versions": versions}
    audit(session, who, "repo.delete", kind="repo", id=repo_id, tenant_id=tenant_id, before=before)


def commit_version(
    session: Session, who: Principal, repo_id: str, files: Sequence[File], lineage: Mapping[str, Any] | None = None, note: str = ""
) -> Version:
    """Make the next version of the tenant's own repository from blobs it may use.

    The same files as the latest version are that version, unless they come with another lineage. Raises `MissingBlobs` with all that are
    missing, `BadPath`, `PathClash`, `Invalid`, `QuotaExceeded` (published blobs of others count from now on), `NotFound`.
    """
    tenant_id = require_tenant(who, Permission.DATA_WRITE)
    clean = check_files(files)
    digest = manifest_digest(clean)
    repo = _lock(session, tenant_id, repo_id)
    newest = store.newest_version(session, repo_id)
    if newest and newest.digest == digest and (not lineage or dict(newest.lineage) == dict(lineage)):
        return newest
    claim_blobs(session, tenant_id, clean)
    repo.last_number += 1
    version = store.add_version(session, _version_row(who, repo, clean, digest, dict(lineage or {}), note), clean)
    after = {"repo": repo.name, "number": version.number, "digest": digest, "size_bytes": version.size_bytes, "files": version.file_count}
    audit(session, who, "version.commit", kind="version", id=version.id, tenant_id=tenant_id, after=after)
    return version


def get_version(session: Session, who: Principal, version_id: str) -> Version:
    """Return a version of the tenant's own or of a published repository. Raises `NotFound`."""
    tenant_id = require_tenant(who, Permission.DATA_READ)
    version = store.read_version(session, tenant_id, version_id)
    if version is None:
        raise NotFound(kind="version", id=version_id)
    return version


def list_versions(session: Session, who: Principal, repo_id: str, page: PageRequest | None = None) -> Page[Version]:
    """List a repository's versions, newest first."""
    page = page or PageRequest()
    get_repo(session, who, repo_id)
    if page.after is not None and not page.after.isdecimal():
        raise Invalid(field="after", reason="Give the cursor that the page before came with.")
    before = int(page.after) if page.after else None
    return cut(store.list_versions(session, repo_id, before, page.limit + 1), page, key="number")


def resolve(session: Session, who: Principal, kind: RepoKind, ref: str) -> Version:
    """Return the version a reference names. Raises `NoSuchVersion` alike for what is not there and what is not the caller's to see."""
    tenant_id = require_tenant(who, Permission.DATA_READ)
    wanted = parse_ref(ref)
    owner = wanted.tenant_id or tenant_id
    repo = store.find_repo(session, owner, RepoKind(kind).value, wanted.name)
    version = None
    if repo and (repo.tenant_id == tenant_id or repo.visibility is Visibility.PUBLIC):
        by_number = wanted.number is not None
        version = store.numbered_version(session, repo.id, wanted.number or 0) if by_number else store.newest_version(session, repo.id)
    if version is None:
        raise NoSuchVersion(kind=RepoKind(kind).value, ref=ref)
    return version


def delete_version(session: Session, who: Principal, version_id: str) -> None:
    """Delete one version. Its number is never given again; runs that use it go on."""
    tenant_id = require_tenant(who, Permission.DATA_WRITE)
    version = get_version(session, who, version_id)
    if version.tenant_id != tenant_id:
        raise NotFound(kind="version", id=version_id)
    _lock(session, tenant_id, version.repo_id)
    if store.mark_versions_deleted(session, version.repo_id, clock.now(), version_id=version_id):
        before = {"repo_id": version.repo_id, "number": version.number, "digest": version.digest}
        audit(session, who, "version.delete", kind="version", id=version_id, tenant_id=tenant_id, before=before)


def list_files(session: Session, who: Principal, version_id: str, page: PageRequest | None = None, *, prefix: str = "") -> Page[File]:
    """List a version's files in order of path, below a prefix."""
    page = page or PageRequest()
    get_version(session, who, version_id)
    found = store.list_files(session, version_id, prefix=prefix, after=page.after, limit=page.limit + 1)
    return cut(found, page, key="path")


def get_file(session: Session, who: Principal, version_id: str, path: str) -> File:
    """Return one file of a version; its bytes are in the blob store under its digest."""
    get_version(session, who, version_id)
    found = store.find_file(session, version_id, path)
    if found is None:
        raise NotFound(kind="file", id=path)
    return found


def files_of(session: Session, version_id: str) -> list[File]:
    """Return all files of a version that the caller resolved or pinned before, also of one deleted since."""
    return store.list_files(session, version_id)


def pin(session: Session, version_id: str, holder: str) -> None:
    """Keep a version's files until the holder unpins, whoever deletes it meanwhile. Raises `NotFound` when it is deleted already."""
    if not store.lock_version_for_pin(session, version_id):
        raise NotFound(kind="version", id=version_id)
    store.add_pin(session, holder, version_id, clock.now())


def unpin(session: Session, holder: str) -> None:
    """Let go of everything a holder pinned."""
    store.drop_pins(session, holder)


def pinned_digests(session: Session) -> set[str]:
    """Return the content digests of all pinned versions: trees of these are in use."""
    return store.pinned_digests(session)


def _lock(session: Session, tenant_id: str, repo_id: str) -> RepoRow:
    row = store.lock_repo(session, tenant_id, repo_id)
    if row is None:
        raise NotFound(kind="repository", id=repo_id)
    return row


def _version_row(who: Principal, repo: RepoRow, files: Sequence[File], digest: str, lineage: dict[str, Any], note: str) -> VersionRow:
    return VersionRow(
        id=new_id("version"),
        repo_id=repo.id,
        tenant_id=repo.tenant_id,
        number=repo.last_number,
        digest=digest,
        size_bytes=sum(file.size_bytes for file in files),
        file_count=len(files),
        lineage=lineage,
        note=_text("note", note),
        created_by=who.person_id,
        created_at=clock.now(),
    )


def _text(name: str, value: str) -> str:
    if len(value) > MAX_TEXT or "\0" in value:
        raise Invalid(field=name, reason=f"Write at most {MAX_TEXT} characters.")
    return value
