"""Looking around in repositories: the newest versions of many at once, a version by its number, a version's files folder by folder."""

from collections.abc import Collection, Sequence

from sqlalchemy.orm import Session

from wutong.hub.repos import store
from wutong.hub.repos.rules import Entry, NoSuchVersion, Repo, Standing, Version
from wutong.hub.repos.service import get_repo
from wutong.identity.rules import Permission, Principal, require_tenant
from wutong.kit.paging import Page, PageRequest, cut

MAX_COUNTED = 20_000


def newest_of(session: Session, repos: Sequence[Repo]) -> dict[str, Standing]:
    """Return the newest version of each repository the caller was shown, by its id; one without a version is left out."""
    return store.newest_of(session, [repo.id for repo in repos]) if repos else {}


def get_numbered(session: Session, who: Principal, repo_id: str, number: int) -> tuple[Repo, Version]:
    """Return a repository and its version of that number. Raises `NotFound`, `NoSuchVersion`."""
    repo = get_repo(session, who, repo_id)
    version = store.numbered_version(session, repo.id, number)
    if version is None:
        raise NoSuchVersion(kind=repo.kind.value, ref=f"{repo.name}@{number}")
    return repo, version


def find_versions(session: Session, who: Principal, version_ids: Collection[str]) -> dict[str, tuple[Repo, Version]]:
    """Return those of some versions that the caller may read, each with its repository."""
    return store.find_versions(session, require_tenant(who, Permission.DATA_READ), set(version_ids)) if version_ids else {}


def list_folder(session: Session, version: Version, folder: str = "", page: PageRequest | None = None) -> Page[Entry]:
    """List what lies in a folder of a version the caller was shown: its files, and its folders with what they hold.

    `folder` is "" or ends with `/`. What folders hold is counted only in versions of up to 20,000 files: it is read file by file.
    """
    page = page or PageRequest()
    found = store.list_folder(session, version.id, folder=folder, after=page.after, limit=page.limit + 1)
    folders = [entry.path for entry in found[: page.limit] if entry.is_folder]
    if folders and version.file_count <= MAX_COUNTED:
        held = store.count_folders(session, version.id, folder=folder, first=folders[0], last=folders[-1])
        found = [entry if entry.path not in held else Entry(entry.path, held[entry.path][1], "", held[entry.path][0]) for entry in found]
    return cut(found, page, key="path")
