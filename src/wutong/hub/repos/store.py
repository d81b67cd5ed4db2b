"""All SQL of repositories. A tenant's rows are read with the tenant in the condition, or by an id that a service function has checked."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Select, Text, and_, bindparam, delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.orm import Session

from wutong.hub.blobs.rules import File
from wutong.hub.repos.rules import Entry, Repo, RepoKind, Standing, Version, Visibility
from wutong.hub.repos.tables import FileRow, PinRow, RepoRow, VersionRow

_FILES = text(
    """
    INSERT INTO hub_file (version_id, path, tenant_id, sha256, size_bytes)
    SELECT :version_id, path, :tenant_id, sha256, size_bytes FROM unnest(:paths, :digests, :sizes) AS given(path, sha256, size_bytes)
    """
).bindparams(bindparam("paths", type_=ARRAY(Text)), bindparam("digests", type_=ARRAY(Text)), bindparam("sizes", type_=ARRAY(BigInteger)))

# One step of an index a line: from a file to what comes after it, from a file within a folder to what comes after the folder ('0' follows '/').
# No path holds a control character, so chr(1) makes the smallest text after a path.
_FOLDER = text(
    """
    WITH RECURSIVE line AS (
        (SELECT path, size_bytes, sha256 FROM hub_file WHERE version_id = :version_id AND path >= :start AND path < :stop ORDER BY path LIMIT 1)
        UNION ALL
        SELECT f.path, f.size_bytes, f.sha256 FROM line CROSS JOIN LATERAL (
            SELECT path, size_bytes, sha256 FROM hub_file WHERE version_id = :version_id AND path < :stop AND path >=
                CASE WHEN strpos(substr(line.path, :skip), '/') = 0 THEN line.path || chr(1)
                ELSE :folder || split_part(substr(line.path, :skip), '/', 1) || '0' END COLLATE "C"
            ORDER BY path LIMIT 1
        ) AS f
    )
    SELECT path, size_bytes, sha256 FROM line LIMIT :limit
    """
)
_HELD = text(
    """
    SELECT :folder || split_part(substr(path, :skip), '/', 1) || '/' AS folder, count(*) AS files, sum(size_bytes)::bigint AS size_bytes
    FROM hub_file WHERE version_id = :version_id AND path >= :start AND path < :stop AND strpos(substr(path, :skip), '/') > 0 GROUP BY 1
    """
)
_LAST = chr(0x10FFFF)


def readable(tenant_id: str | None) -> Any:
    """Return the condition for repositories a tenant may read."""
    public = RepoRow.visibility == Visibility.PUBLIC
    return and_(RepoRow.deleted_at.is_(None), or_(RepoRow.tenant_id == tenant_id, public) if tenant_id else public)


def add_repo(session: Session, row: dict[str, Any]) -> bool:
    """Insert a repository; False when the name is taken."""
    added = session.execute(insert(RepoRow).values(row).on_conflict_do_nothing().returning(RepoRow.id))
    return added.first() is not None


def find_repo(session: Session, tenant_id: str, kind: str, name: str) -> Repo | None:
    """Return a tenant's own repository by name."""
    wanted = select(RepoRow).where(RepoRow.tenant_id == tenant_id, RepoRow.kind == kind, RepoRow.name == name, RepoRow.deleted_at.is_(None))
    row = session.scalar(wanted)
    return plain_repo(row) if row else None


def read_repo(session: Session, tenant_id: str | None, repo_id: str) -> Repo | None:
    """Return a repository the tenant may read."""
    row = session.scalar(select(RepoRow).where(RepoRow.id == repo_id, readable(tenant_id)))
    return plain_repo(row) if row else None


def lock_repo(session: Session, tenant_id: str, repo_id: str) -> RepoRow | None:
    """Return a tenant's own repository, locked: numbers are given out one at a time."""
    wanted = select(RepoRow).where(RepoRow.id == repo_id, RepoRow.tenant_id == tenant_id, RepoRow.deleted_at.is_(None))
    return session.execute(wanted.with_for_update(), execution_options={"populate_existing": True}).scalar_one_or_none()


def list_repos(session: Session, condition: Any, after: str | None, limit: int) -> list[Repo]:
    """Return repositories that meet a condition, newest first."""
    wanted = select(RepoRow).where(condition).order_by(RepoRow.id.desc()).limit(limit)
    rows = session.scalars(wanted.where(RepoRow.id < after) if after else wanted)
    return [plain_repo(row) for row in rows]


def own(tenant_id: str) -> Any:
    """Return the condition for a tenant's own repositories."""
    return and_(RepoRow.tenant_id == tenant_id, RepoRow.deleted_at.is_(None))


def public() -> Any:
    """Return the condition for published repositories."""
    return and_(RepoRow.visibility == "public", RepoRow.deleted_at.is_(None))


def of_kind(kind: str) -> Any:
    """Return the condition for one kind."""
    return RepoRow.kind == kind


def matching(search: str) -> Any:
    """Return the condition for a word in name or description."""
    return or_(RepoRow.name.icontains(search, autoescape=True), RepoRow.description.icontains(search, autoescape=True))


def change_repo(session: Session, tenant_id: str, repo_id: str, values: dict[str, Any]) -> None:
    """Change a tenant's own repository."""
    session.execute(update(RepoRow).where(RepoRow.id == repo_id, RepoRow.tenant_id == tenant_id).values(values))


def newest_version(session: Session, repo_id: str) -> Version | None:
    """Return the version with the highest number that is not deleted."""
    wanted = select(VersionRow).where(VersionRow.repo_id == repo_id, VersionRow.deleted_at.is_(None))
    row = session.scalar(wanted.order_by(VersionRow.number.desc()).limit(1))
    return plain_version(row) if row else None


def numbered_version(session: Session, repo_id: str, number: int) -> Version | None:
    """Return a version by number unless it is deleted."""
    row = session.scalar(select(VersionRow).where(VersionRow.repo_id == repo_id, VersionRow.number == number, VersionRow.deleted_at.is_(None)))
    return plain_version(row) if row else None


def read_version(session: Session, tenant_id: str | None, version_id: str) -> Version | None:
    """Return a version the tenant may read."""
    row = session.scalar(_version(version_id).where(readable(tenant_id), VersionRow.deleted_at.is_(None)))
    return plain_version(row) if row else None


def lock_version_for_pin(session: Session, version_id: str) -> bool:
    """Keep a version from being purged to the end of the transaction; False when it is deleted."""
    wanted = select(VersionRow.id).where(VersionRow.id == version_id, VersionRow.deleted_at.is_(None)).with_for_update(read=True)
    return session.scalar(wanted) is not None


def list_versions(session: Session, repo_id: str, before: int | None, limit: int) -> list[Version]:
    """Return a repository's versions, newest first."""
    wanted = select(VersionRow).where(VersionRow.repo_id == repo_id, VersionRow.deleted_at.is_(None))
    if before is not None:
        wanted = wanted.where(VersionRow.number < before)
    return [plain_version(row) for row in session.scalars(wanted.order_by(VersionRow.number.desc()).limit(limit))]


def add_version(session: Session, row: VersionRow, files: Sequence[File]) -> Version:
    """Insert a version with its files."""
    session.add(row)
    session.flush()
    arrays = {"paths": [f.path for f in files], "digests": [f.sha256 for f in files], "sizes": [f.size_bytes for f in files]}
    session.execute(_FILES, {"version_id": row.id, "tenant_id": row.tenant_id, **arrays})
    return plain_version(row)


def mark_versions_deleted(session: Session, repo_id: str, now: datetime, *, version_id: str | None = None) -> int:
    """Mark one or all versions of a repository as deleted; returns how many were not yet."""
    moved = update(VersionRow).where(VersionRow.repo_id == repo_id, VersionRow.deleted_at.is_(None)).values(deleted_at=now)
    if version_id:
        moved = moved.where(VersionRow.id == version_id)
    return len(session.execute(moved.returning(VersionRow.id)).all())


def list_files(session: Session, version_id: str, *, prefix: str = "", after: str | None = None, limit: int | None = None) -> list[File]:
    """Return files of a version in order of path."""
    wanted = select(FileRow.path, FileRow.size_bytes, FileRow.sha256).where(FileRow.version_id == version_id).order_by(FileRow.path).limit(limit)
    if prefix:
        wanted = wanted.where(FileRow.path.startswith(prefix, autoescape=True))
    if after is not None:
        wanted = wanted.where(FileRow.path > after)
    return [File(row.path, row.size_bytes, row.sha256) for row in session.execute(wanted)]


def newest_of(session: Session, repo_ids: Sequence[str]) -> dict[str, Standing]:
    """Return the newest version of each repository that has one, and how many it has."""
    many = func.count().over(partition_by=VersionRow.repo_id)
    wanted = select(VersionRow, many).where(VersionRow.repo_id.in_(repo_ids), VersionRow.deleted_at.is_(None))
    newest = wanted.ext(distinct_on(VersionRow.repo_id)).order_by(VersionRow.repo_id, VersionRow.number.desc())
    return {row.repo_id: Standing(plain_version(row), versions) for row, versions in session.execute(newest)}


def find_versions(session: Session, tenant_id: str, version_ids: Collection[str]) -> dict[str, tuple[Repo, Version]]:
    """Return versions the tenant may read, with their repositories."""
    wanted = select(VersionRow, RepoRow).join(RepoRow, RepoRow.id == VersionRow.repo_id)
    rows = session.execute(wanted.where(VersionRow.id.in_(version_ids), VersionRow.deleted_at.is_(None), readable(tenant_id)))
    return {version.id: (plain_repo(repo), plain_version(version)) for version, repo in rows}


def list_folder(session: Session, version_id: str, *, folder: str, after: str | None, limit: int) -> list[Entry]:
    """Return what lies in a folder, in order of path, after an entry."""
    start = folder if after is None else f"{after[:-1]}0" if after.endswith("/") else f"{after}\x01"
    given = {"version_id": version_id, "folder": folder, "skip": len(folder) + 1, "start": max(start, folder), "stop": folder + _LAST, "limit": limit}
    entries = []
    for row in session.execute(_FOLDER, given):
        inside, slash, _ = row.path[len(folder) :].partition("/")
        entries.append(Entry(f"{folder}{inside}/", None, "") if slash else Entry(row.path, row.size_bytes, row.sha256))
    return entries


def count_folders(session: Session, version_id: str, *, folder: str, first: str, last: str) -> dict[str, tuple[int, int]]:
    """Return (files, bytes) of the folders in a folder from the first to the last of some."""
    given = {"version_id": version_id, "folder": folder, "skip": len(folder) + 1, "start": first, "stop": f"{last[:-1]}0"}
    return {row.folder: (row.files, row.size_bytes) for row in session.execute(_HELD, given)}


def find_file(session: Session, version_id: str, path: str) -> File | None:
    """Return one file of a version."""
    wanted = select(FileRow.path, FileRow.size_bytes, FileRow.sha256).where(FileRow.version_id == version_id, FileRow.path == path)
    row = session.execute(wanted).first()
    return File(row.path, row.size_bytes, row.sha256) if row else None


def add_pin(session: Session, holder: str, version_id: str, now: datetime) -> None:
    """Pin a version; a pin that is there already is kept."""
    row = {"holder": holder, "version_id": version_id, "created_at": now}
    session.execute(insert(PinRow).values(row).on_conflict_do_nothing())


def drop_pins(session: Session, holder: str) -> None:
    """Let go of all that a holder pinned."""
    session.execute(delete(PinRow).where(PinRow.holder == holder))


def pinned_digests(session: Session) -> set[str]:
    """Return the content digests of all pinned versions."""
    return set(session.scalars(select(VersionRow.digest).join(PinRow, PinRow.version_id == VersionRow.id)))


def plain_repo(row: RepoRow) -> Repo:
    """Return a repository without its row."""
    return Repo(
        id=row.id,
        tenant_id=row.tenant_id,
        kind=RepoKind(row.kind),
        name=row.name,
        visibility=Visibility(row.visibility),
        licence=row.licence,
        description=row.description,
        last_number=row.last_number,
        created_by=row.created_by,
        created_at=row.created_at,
    )


def plain_version(row: VersionRow) -> Version:
    """Return a version without its row."""
    return Version(
        id=row.id,
        repo_id=row.repo_id,
        tenant_id=row.tenant_id,
        number=row.number,
        digest=row.digest,
        size_bytes=row.size_bytes,
        file_count=row.file_count,
        note=row.note,
        created_by=row.created_by,
        created_at=row.created_at,
        lineage=row.lineage,
    )


def _version(version_id: str) -> Select[VersionRow]:
    return select(VersionRow).join(RepoRow, RepoRow.id == VersionRow.repo_id).where(VersionRow.id == version_id)
