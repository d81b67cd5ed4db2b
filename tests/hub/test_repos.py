"""Repositories through the front door: versions, references, tenants, publishing, deletion, the database's own guards."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.hub.hubkit import COLLEAGUE, OPERATOR, OWNER, STRANGER, VIEWER, Hub, file, sha

from wutong.hub import service
from wutong.hub.rules import File, MissingBlobs, NameTaken, NoSuchVersion, PathClash, RepoKind, Visibility, check_licence, manifest_digest, parse_ref
from wutong.kit.errors import Forbidden, Invalid, NotFound
from wutong.kit.paging import PageRequest

DATA = RepoKind.DATASET


def test_a_version_is_committed_resolved_and_listed(hub: Hub) -> None:
    first = hub.commit({"b.txt": b"two", "a/x.txt": b"one"})
    second = hub.commit({"a/x.txt": b"one"})
    assert (first.number, second.number, first.file_count, first.size_bytes) == (1, 2, 2, 6)
    assert hub.run(service.resolve, COLLEAGUE, DATA, "digits").id == second.id
    assert hub.run(service.resolve, VIEWER, DATA, "digits@1").id == first.id
    assert hub.run(service.resolve, OWNER, DATA, "digits@latest").id == second.id
    assert hub.run(service.resolve, OWNER, DATA, "tenant_a/digits@1").id == first.id
    page = hub.run(service.list_files, OWNER, first.id, PageRequest(limit=1))
    assert [f.path for f in page.items] == ["a/x.txt"]
    assert hub.run(service.list_files, OWNER, first.id, PageRequest(limit=1, after=page.next)).items == [file("b.txt", b"two")]
    assert hub.run(service.get_file, OWNER, first.id, "b.txt").sha256 == sha(b"two")
    versions = hub.run(service.list_versions, OWNER, first.repo_id, PageRequest(limit=1))
    assert [v.number for v in versions.items] == [2]
    assert [v.number for v in hub.run(service.list_versions, OWNER, first.repo_id, PageRequest(limit=1, after=versions.next)).items] == [1]


def test_the_same_content_is_the_same_version_unless_its_lineage_is_another(hub: Hub) -> None:
    first = hub.commit({"a": b"1"})
    assert hub.commit({"a": b"1"}).id == first.id
    again = hub.run(service.commit_version, OWNER, first.repo_id, [file("a", b"1")], {"job": "job_2"})
    assert again.number == 2
    assert again.digest == first.digest
    assert hub.run(service.commit_version, OWNER, first.repo_id, [file("a", b"1")], {"job": "job_2"}).id == again.id


def test_another_tenant_sees_nothing(hub: Hub) -> None:
    version = hub.commit({"a": b"1"})
    for call, argument in [(service.get_version, version.id), (service.get_repo, version.repo_id), (service.list_versions, version.repo_id)]:
        with pytest.raises(NotFound):
            hub.run(call, STRANGER, argument)
    with pytest.raises(NoSuchVersion):
        hub.run(service.resolve, STRANGER, DATA, "tenant_a/digits@1")
    for call in (service.delete_version,):
        with pytest.raises(NotFound):
            hub.run(call, STRANGER, version.id)
    with pytest.raises(NotFound):
        hub.run(service.delete_repo, STRANGER, version.repo_id)
    with pytest.raises(NotFound):
        hub.run(service.commit_version, STRANGER, version.repo_id, [file("a", b"1")])
    assert hub.run(service.list_repos, STRANGER).items == []
    assert hub.run(service.list_repos, STRANGER, public=True).items == []
    assert hub.run(service.missing_blobs, STRANGER, [sha(b"1")]) == [sha(b"1")]
    with pytest.raises(Forbidden):
        hub.run(service.list_repos, OPERATOR)


def test_roles_are_respected(hub: Hub) -> None:
    version = hub.commit({"a": b"1"})
    with pytest.raises(Forbidden):
        hub.run(service.create_repo, VIEWER, DATA, "other")
    with pytest.raises(Forbidden):
        hub.run(service.delete_version, VIEWER, version.id)
    with pytest.raises(Forbidden):
        hub.run(service.set_visibility, COLLEAGUE, version.repo_id, Visibility.PUBLIC)


def test_a_blob_of_another_tenant_cannot_be_claimed_by_its_digest(hub: Hub) -> None:
    hub.commit({"a": b"secret"})
    with pytest.raises(MissingBlobs) as caught:
        hub.commit({"mine": b"secret"}, STRANGER, upload=False)
    assert caught.value.params["digests"] == [sha(b"secret")]


def test_published_data_is_read_used_and_counted_by_others(hub: Hub) -> None:
    version = hub.commit({"a": b"open data"})
    with pytest.raises(Invalid):
        hub.run(service.set_visibility, OWNER, version.repo_id, Visibility.PUBLIC)
    hub.run(service.change_repo, OWNER, version.repo_id, licence="cc-by-4.0")
    hub.run(service.set_visibility, OWNER, version.repo_id, Visibility.PUBLIC)
    assert hub.run(service.resolve, STRANGER, DATA, "tenant_a/digits@1").id == version.id
    assert [r.licence for r in hub.run(service.list_repos, STRANGER, DATA, public=True).items] == ["CC-BY-4.0"]
    assert hub.run(service.missing_blobs, STRANGER, [sha(b"open data")]) == []
    hub.commit({"copy": b"open data"}, STRANGER, upload=False)
    assert hub.used("tenant_b") == 9
    with pytest.raises(NotFound):
        hub.run(service.change_repo, STRANGER, version.repo_id, description="mine now")
    with pytest.raises(NotFound):
        hub.run(service.delete_version, STRANGER, version.id)
    hub.run(service.set_visibility, OWNER, version.repo_id, Visibility.PRIVATE)
    with pytest.raises(NotFound):
        hub.run(service.get_version, STRANGER, version.id)


def test_numbers_are_never_given_twice_and_a_deleted_name_is_free(hub: Hub) -> None:
    first = hub.commit({"a": b"1"})
    hub.run(service.delete_version, OWNER, first.id)
    with pytest.raises(NoSuchVersion):
        hub.run(service.resolve, OWNER, DATA, "digits")
    assert hub.commit({"a": b"1"}).number == 2
    with pytest.raises(NameTaken):
        hub.run(service.create_repo, OWNER, DATA, "digits")
    hub.run(service.delete_repo, OWNER, first.repo_id)
    assert hub.run(service.find_repo, OWNER, DATA, "digits") is None
    assert hub.commit({"a": b"1"}).number == 1


def test_a_deleted_version_stays_whole_while_it_is_pinned(hub: Hub) -> None:
    version = hub.commit({"a": b"1"})
    hub.run(service.pin, version.id, "job_1")
    hub.run(service.pin, version.id, "job_1")
    hub.run(service.delete_repo, OWNER, version.repo_id)
    hub.collector.step()
    assert hub.run(service.files_of, version.id) == [file("a", b"1")]
    with pytest.raises(NotFound):
        hub.run(service.pin, version.id, "job_2")
    hub.run(service.unpin, "job_1")
    hub.collector.step()
    assert hub.run(service.files_of, version.id) == []


def test_every_change_leaves_an_audit_row(hub: Hub) -> None:
    version = hub.commit({"a": b"1"})
    hub.run(service.change_repo, OWNER, version.repo_id, licence="MIT")
    hub.run(service.set_visibility, OWNER, version.repo_id, Visibility.PUBLIC)
    hub.run(service.delete_version, OWNER, version.id)
    hub.run(service.delete_repo, OWNER, version.repo_id)
    with hub.database.session() as session:
        actions = session.scalars(text("SELECT action FROM identity_audit ORDER BY id")).all()
    expected = [
        "upload.create",
        "upload.finish",
        "repo.create",
        "version.commit",
        "repo.change",
        "repo.set_visibility",
        "version.delete",
        "repo.delete",
    ]
    assert actions == expected


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE hub_version SET digest = 'x'",
        "UPDATE hub_version SET number = 7",
        "DELETE FROM hub_version",
        "UPDATE hub_file SET path = 'x'",
        "DELETE FROM hub_file",
        "DELETE FROM hub_blob_owner",
        "DELETE FROM hub_blob",
    ],
)
def test_the_database_refuses_to_change_what_is_committed(hub: Hub, statement: str) -> None:
    hub.commit({"a": b"1"})
    with pytest.raises(DBAPIError), hub.database.session() as session:
        session.execute(text(statement))


def test_bad_manifests_are_refused(hub: Hub) -> None:
    version = hub.commit({"a": b"1"})
    with pytest.raises(Invalid, match="true size"):
        hub.run(service.commit_version, OWNER, version.repo_id, [File("a", 2, sha(b"1"))])
    with pytest.raises(PathClash):
        hub.run(service.commit_version, OWNER, version.repo_id, [file("a", b"1"), file("a/b", b"1")])
    with pytest.raises(Invalid, match="at least one file"):
        hub.run(service.commit_version, OWNER, version.repo_id, [])


def test_search_finds_by_name_and_description(hub: Hub) -> None:
    hub.run(service.create_repo, OWNER, DATA, "roads", description="武汉 streets")
    hub.run(service.create_repo, OWNER, RepoKind.MODEL, "roads")
    hub.run(service.create_repo, OWNER, DATA, "100_percent")
    assert [r.kind for r in hub.run(service.list_repos, OWNER, search="ROAD").items] == [RepoKind.MODEL, DATA]
    assert [r.name for r in hub.run(service.list_repos, OWNER, search="武汉").items] == ["roads"]
    assert hub.run(service.list_repos, OWNER, search="%").items == []
    page = hub.run(service.list_repos, OWNER, DATA, PageRequest(limit=1))
    assert [r.name for r in page.items] == ["100_percent"]
    assert [r.name for r in hub.run(service.list_repos, OWNER, DATA, PageRequest(limit=1, after=page.next)).items] == ["roads"]


def test_references_and_licences_are_read_strictly() -> None:
    assert parse_ref("tenant_0a/x.y@12").number == 12
    for bad in ("", "a@0", "a@-1", "../a", "a/b/c", "a@1@2", "a b"):
        with pytest.raises(Invalid):
            parse_ref(bad)
    assert check_licence("apache-2.0") == "Apache-2.0"
    assert check_licence("other: 内部使用") == "other:内部使用"
    for bad in ("Apache", "other:", "x" * 300):
        with pytest.raises(Invalid):
            check_licence(bad)


def test_the_manifest_digest_is_of_sorted_lines() -> None:
    assert manifest_digest([file("a", b"1")]) == sha(f"a\x001\x00{sha(b'1')}\n".encode())
