"""Pushing and pulling: only what is missing travels, broken transfers go on, and nothing gets a name before its content is right."""

import hashlib
import os
from pathlib import Path

import httpx2
import pytest
from tests.flows.stage import Tenant
from tusclient.client import TusClient

from wutong.sdk import data, transfer
from wutong.sdk.client import Client
from wutong.sdk.data import FileEntry, RepoKind, Version
from wutong.sdk.errors import ApiError, Invalid

MIB = 1024 * 1024


class Breaking(httpx2.BaseTransport):
    """A network that breaks the connection after some bytes of an upload or a download, so many times."""

    def __init__(self, *, times: int, after: int) -> None:
        self.inner = httpx2.HTTPTransport()
        self.times, self.after = times, after
        self.sent: list[tuple[str, str]] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.sent.append((request.method, request.url.path))
        if self.times and request.method == "PATCH" and "/uploads/" in request.url.path:
            self.times -= 1
            whole = b"".join(request.stream)  # type: ignore[arg-type]
            headers = {**request.headers, "content-length": str(len(whole[: self.after]))}
            headers.pop("transfer-encoding", None)
            self.inner.handle_request(httpx2.Request("PATCH", request.url, headers=headers, content=whole[: self.after])).close()
            raise httpx2.WriteError("broken")
        answer = self.inner.handle_request(request)
        if self.times and request.url.path.endswith("/content"):
            self.times -= 1
            body = answer.stream
            answer.stream = _Cut(body, self.after)
        return answer

    def close(self) -> None:
        self.inner.close()


class _Cut(httpx2.SyncByteStream):
    def __init__(self, inner: object, after: int) -> None:
        self.inner, self.after = inner, after

    def __iter__(self):
        left = self.after
        for piece in self.inner:
            yield piece[:left]
            left -= len(piece)
            if left <= 0:
                raise httpx2.ReadError("broken")

    def close(self) -> None:
        self.inner.close()


def through(tenant: Tenant, network: httpx2.BaseTransport) -> Client:
    """The tenant's client on a network of one's own."""
    return Client(tenant.centre.url, tenant.account.token, transport=network)


def push(client: Client, folder: Path, name: str = "set") -> transfer.Pushed:
    """Push a folder as a data set."""
    return transfer.push(client, folder, kind=RepoKind.DATASET, name=name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a large, an empty, a doubled and a Chinese-named file."""
    made = tmp_path / "set"
    (made / "sub").mkdir(parents=True)
    (made / "large.bin").write_bytes(os.urandom(3 * MIB + 5))
    (made / "empty").write_bytes(b"")
    (made / "sub" / "一.txt").write_bytes(b"one")
    (made / "sub" / "same.txt").write_bytes(b"one")
    return made


def tree(folder: Path) -> dict[str, bytes]:
    """All files with their content."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_pushed_is_pulled_and_the_second_push_sends_nothing(tenant: Tenant, folder: Path, tmp_path: Path):
    told: list[tuple[int, int]] = []
    first = transfer.push(tenant.client, folder, kind=RepoKind.DATASET, name="set", progress=lambda done, total: told.append((done, total)))
    assert (first.sent_files, first.version.file_count) == (3, 4)
    assert told[-1] == (first.sent_bytes, first.sent_bytes)
    again = push(tenant.client, folder)
    assert (again.sent_files, again.sent_bytes, again.version.id) == (0, 0, first.version.id)
    assert transfer.pull(tenant.client, first.version, tmp_path / "copy") == 4
    assert tree(tmp_path / "copy") == tree(folder)
    assert transfer.pull(tenant.client, first.version, tmp_path / "copy") == 0
    (folder / "sub" / "same.txt").write_bytes(b"two")
    changed = push(tenant.client, folder)
    assert (changed.sent_files, changed.version.number) == (1, 2)


def test_a_push_goes_on_where_it_broke(tenant: Tenant, folder: Path):
    network = Breaking(times=2, after=MIB)
    with through(tenant, network) as client:
        pushed = push(client, folder)
    assert pushed.version.file_count == 4
    patches = [path for method, path in network.sent if method == "PATCH"]
    assert len(patches) == 3  # the bundle, whose answer was lost; the large file, broken once, and its rest
    assert push(tenant.client, folder).sent_files == 0


def test_a_pull_goes_on_where_it_broke(tenant: Tenant, folder: Path, tmp_path: Path):
    version = push(tenant.client, folder).version
    with through(tenant, Breaking(times=2, after=MIB)) as client:
        transfer.pull(client, version, tmp_path / "copy")
    assert tree(tmp_path / "copy") == tree(folder)


def test_a_file_that_changes_while_it_is_pushed(tenant: Tenant, folder: Path, monkeypatch: pytest.MonkeyPatch):
    real = transfer._read

    def read_then_change(path: Path, *, without: frozenset[str]):
        files = real(path, without=without)
        (folder / "sub" / "same.txt").write_bytes(b"two")
        (folder / "sub" / "一.txt").write_bytes(b"two")
        return files

    monkeypatch.setattr(transfer, "_read", read_then_change)
    with pytest.raises(Invalid, match="changed while being pushed"):
        push(tenant.client, folder)
    monkeypatch.undo()
    assert push(tenant.client, folder).version.number == 1


def test_links_are_refused_before_anything_is_sent(tenant: Tenant, folder: Path):
    (folder / "link").symlink_to("/etc/passwd")
    with pytest.raises(Invalid, match="link is a symbolic link"):
        push(tenant.client, folder, "linked")
    assert data.find_repo(tenant.client, RepoKind.DATASET, "linked") is None


def test_an_empty_folder_is_refused(tenant: Tenant, tmp_path: Path):
    (tmp_path / "nothing").mkdir()
    with pytest.raises(Invalid, match="no files"):
        push(tenant.client, tmp_path / "nothing")


def a_version(entry: FileEntry) -> tuple[Version, httpx2.MockTransport]:
    """A version as a hostile centre would tell it: one file, whose content is `evil`."""
    version = Version(id="v", repo_id="r", number=1, size_bytes=4, file_count=1, digest="d", created_at="2026-01-01T00:00:00Z")

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/files"):
            return httpx2.Response(200, json={"items": [entry.model_dump()], "next": None})
        return httpx2.Response(200, content=b"evil")

    return version, httpx2.MockTransport(answer)


@pytest.mark.parametrize("path", ["../x", "/tmp/x", "a/../../x", "..", "a\\b"])
def test_a_hostile_centre_cannot_write_outside(tmp_path: Path, path: str):
    version, network = a_version(FileEntry(path=path, size_bytes=4, sha256=hashlib.sha256(b"evil").hexdigest()))
    with Client("http://centre", transport=network) as client, pytest.raises(Invalid, match="would leave the folder"):
        transfer.pull(client, version, tmp_path / "in")
    assert list(tmp_path.rglob("*")) == []


def test_a_link_in_the_target_is_not_followed(tmp_path: Path):
    (tmp_path / "in").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "in" / "sub").symlink_to(tmp_path / "outside")
    version, network = a_version(FileEntry(path="sub/x", size_bytes=4, sha256=hashlib.sha256(b"evil").hexdigest()))
    with Client("http://centre", transport=network) as client, pytest.raises(Invalid, match="symbolic link"):
        transfer.pull(client, version, tmp_path / "in")
    assert list((tmp_path / "outside").iterdir()) == []


def test_damaged_content_never_gets_its_name(tmp_path: Path):
    version, network = a_version(FileEntry(path="x", size_bytes=4, sha256=hashlib.sha256(b"good").hexdigest()))
    with Client("http://centre", transport=network) as client, pytest.raises(ApiError, match="arrived damaged"):
        transfer.pull(client, version, tmp_path / "in")
    assert list((tmp_path / "in").iterdir()) == []


def test_another_tus_client_is_understood(tenant: Tenant, tmp_path: Path):
    content = os.urandom(2 * MIB + 3)
    (tmp_path / "file.bin").write_bytes(content)
    client = TusClient(f"{tenant.centre.url}/api/v1/uploads", headers={"Authorization": f"Bearer {tenant.account.token}"})
    metadata = {"filename": "file.bin", "sha256": hashlib.sha256(content).hexdigest()}
    with (tmp_path / "file.bin").open("rb") as file:
        uploader = client.uploader(file_stream=file, chunk_size=MIB, metadata=metadata)
        uploader.upload(stop_at=MIB)
        again = client.uploader(file_stream=file, chunk_size=MIB, url=uploader.url)
        assert again.offset == MIB
        again.upload()
    path = httpx2.URL(uploader.url).path
    done = tenant.client.post(f"{path}/finish", None, data.Finished, key="finish")
    assert [(file.size_bytes, file.sha256) for file in done.files] == [(len(content), metadata["sha256"])]
