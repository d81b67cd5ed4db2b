"""Versions folder by folder, against the plain truth; the newest versions of many repositories at once."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.hub.hubkit import OWNER, STRANGER, Hub

from wutong.hub import service
from wutong.hub.rules import NoSuchVersion, RepoKind
from wutong.kit.errors import NotFound
from wutong.kit.paging import PageRequest

FILES = {"a": b"1", "a.txt": b"22", "b/one": b"333", "b/two/deep": b"4444", "b0": b"5", "b-": b"6", "文件/图.png": b"77", "文件 2/图.png": b"88"}


def whole(hub, version, folder, limit):
    """All entries of a folder, page by page."""
    found, after = [], None
    while True:
        page = hub.run(service.list_folder, version, folder, PageRequest(limit, after))
        found += page.items
        if page.next is None:
            return found
        after = page.next


def plainly(paths, folder):
    """What a folder holds, worked out simply."""
    inside = [path[len(folder) :] for path in paths if path.startswith(folder)]
    return sorted({folder + (rest.partition("/")[0] + "/" if "/" in rest else rest) for rest in inside}, key=str.encode)


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
@pytest.mark.parametrize("folder", ["", "b/", "b/two/", "文件/", "none/"])
def test_folders_are_listed_page_by_page(hub: Hub, folder, limit):
    version = hub.commit(FILES)
    assert [entry.path for entry in whole(hub, version, folder, limit)] == plainly(FILES, folder)


def test_folders_tell_what_they_hold(hub: Hub):
    version = hub.commit(FILES)
    entries = {entry.path: entry for entry in whole(hub, version, "", 50)}
    assert (entries["b/"].file_count, entries["b/"].size_bytes) == (2, 7)
    assert entries["b/"].is_folder
    assert entries["b/"].name == "b"
    assert (entries["a.txt"].size_bytes, entries["a.txt"].is_folder) == (2, False)


NAMES = st.text("ab/0.-~中", min_size=1, max_size=8).filter(lambda path: all(part not in ("", ".", "..") for part in path.split("/")))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sets(NAMES, min_size=1, max_size=12), st.integers(1, 4))
def test_any_tree_is_listed(hub: Hub, paths, limit):
    kept = {path for path in paths if not any(path != other and other.startswith(f"{path}/") for other in paths)}
    version = hub.commit({path: path.encode() for path in kept})
    for folder in {"", *(path[: path.rindex("/") + 1] for path in kept if "/" in path)}:
        assert [entry.path for entry in whole(hub, version, folder, limit)] == plainly(kept, folder)


def test_the_newest_versions_of_many_repositories(hub: Hub):
    hub.commit({"a": b"1"}, name="first")
    newest = hub.commit({"a": b"2"}, name="first")
    other = hub.commit({"a": b"3"}, name="second")
    hub.run(service.create_repo, OWNER, RepoKind.DATASET, "bare")
    repos = hub.run(service.list_repos, OWNER).items
    standing = {repo.name: found for repo in repos if (found := hub.run(service.newest_of, repos).get(repo.id))}
    assert (standing["first"].newest.id, standing["first"].versions) == (newest.id, 2)
    assert (standing["second"].newest.id, standing["second"].versions) == (other.id, 1)
    assert "bare" not in standing
    hub.run(service.delete_version, OWNER, newest.id)
    assert hub.run(service.newest_of, repos)[newest.repo_id].newest.number == 1


def test_a_version_is_found_by_its_number(hub: Hub):
    version = hub.commit({"a": b"1"})
    assert hub.run(service.get_numbered, OWNER, version.repo_id, 1)[1].id == version.id
    with pytest.raises(NoSuchVersion):
        hub.run(service.get_numbered, OWNER, version.repo_id, 2)
    with pytest.raises(NotFound):
        hub.run(service.get_numbered, STRANGER, version.repo_id, 1)
