"""Splits of versions: look at one before it is made, make it as the next version."""

import codecs
from collections.abc import Iterator
from dataclasses import asdict

from sqlalchemy.orm import Session

from wutong.hub.blobs.rules import BlobStore, File
from wutong.hub.blobs.service import record_blobs
from wutong.hub.repos.rules import Version
from wutong.hub.repos.service import commit_version, files_of, get_repo, get_version
from wutong.hub.splits import rules
from wutong.hub.splits.grouping import groups_of
from wutong.hub.splits.rules import FOLDER, GroupBy, Split, SplitSpec, TooManyToSplit, UnreadableListing, check_spec
from wutong.identity.rules import Permission, Principal, require_tenant
from wutong.kit.errors import NotFound

MAX_LISTING_BYTES = 64 * 1024 * 1024


def plan_split(session: Session, who: Principal, version_id: str, spec: SplitSpec, *, blobs: BlobStore) -> Split:
    """Work out how a version would be divided. Raises `Invalid`, `TooFewGroups`, `GroupsClash`, `UnreadableListing`, `NotFound` ..."""
    check_spec(spec)
    return _plan(_files(session, get_version(session, who, version_id)), spec, blobs)


def make_split(session: Session, who: Principal, version_id: str, spec: SplitSpec, *, blobs: BlobStore) -> Version:
    """Divide a version of the tenant's own and keep the lists as the next version, beside its files; what was wanted stands in note and lineage.

    The lists are written before anything is locked. Raises what `plan_split` does, and what committing a version does.
    """
    tenant_id = require_tenant(who, Permission.DATA_WRITE)
    check_spec(spec)
    version = get_version(session, who, version_id)
    if version.tenant_id != tenant_id:
        raise NotFound(kind="version", id=version_id)
    files = _files(session, version)
    lists = rules.lists(_plan(files, spec, blobs))
    with blobs.intake() as intake:
        written = [File(path, len(content), intake.add([content]).sha256) for path, content in lists.items()]
    record_blobs(session, tenant_id, written, blobs=blobs)
    repo = get_repo(session, who, version.repo_id)
    source = {"kind": repo.kind.value, "ref": f"{repo.name}@{version.number}", "version": version.id, "digest": version.digest}
    lineage = {"inputs": [source], "split": asdict(spec)}
    kept = [file for file in files if not file.path.startswith(FOLDER)]
    return commit_version(session, who, repo.id, [*kept, *written], lineage, rules.described(spec))


def _files(session: Session, version: Version) -> list[File]:
    if version.file_count > rules.MAX_FILES:
        raise TooManyToSplit(limit=rules.MAX_FILES)
    return files_of(session, version.id)


def _plan(files: list[File], spec: SplitSpec, blobs: BlobStore) -> Split:
    chosen = rules.within(files, spec)
    return rules.divide(chosen, groups_of(chosen, spec, _listing(files, spec, blobs)), spec)


def _listing(files: list[File], spec: SplitSpec, blobs: BlobStore) -> Iterator[str]:
    """Yield the lines of the listing as they are needed."""
    if spec.by is not GroupBy.LISTING:
        return
    file = next((each for each in files if each.path == spec.listing), None)
    if file is None:
        raise UnreadableListing(path=spec.listing, why="There is no such file in this version.")
    if file.size_bytes > MAX_LISTING_BYTES:
        raise UnreadableListing(path=spec.listing, why="A listing has at most 64 MiB.")
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    rest = ""
    try:
        for chunk in blobs.open_range(file.sha256):
            *lines, rest = (rest + decoder.decode(chunk)).split("\n")
            yield from (f"{line}\n" for line in lines)
        yield rest + decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise UnreadableListing(path=spec.listing, why="It is not in UTF-8. Save it so, then upload it again.") from None
