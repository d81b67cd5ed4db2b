"""Pushing and pulling folders: only what the other side lacks travels, small files travel together, broken transfers go on where they broke."""

import base64
import hashlib
import io
import os
import tarfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import httpx2

from wutong.sdk import data
from wutong.sdk.client import Client
from wutong.sdk.data import FileEntry, Finished, RepoKind, RepoRequest, Version, VersionRequest
from wutong.sdk.errors import ApiError, ErrorDetail, Invalid, Unreachable, error_from

SMALL_BYTES = 1024 * 1024
BUNDLE_BYTES = 64 * 1024 * 1024
BUNDLE_FILES = 20_000
PIECE_BYTES = 1024 * 1024
ASK_AT_ONCE = 10_000
TRIES = 8
NOT_CODE = frozenset({".git", "__pycache__", ".venv", "node_modules", ".mypy_cache", ".pytest_cache", ".ruff_cache"})

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Pushed:
    """A version that was pushed, and what had to travel for it."""

    name: str
    version: Version
    sent_files: int
    sent_bytes: int


@dataclass(frozen=True, slots=True)
class _Local:
    """A file to push."""

    source: Path
    entry: FileEntry


class _Meter:
    """Adds up bytes and tells."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self.done, self.total, self._progress = 0, total, progress
        self.add(0)

    def add(self, count: int) -> None:
        self.done += count
        if self._progress:
            self._progress(self.done, self.total)


def push(
    client: Client, path: Path, *, kind: RepoKind, name: str, licence: str = "proprietary", note: str = "", progress: Progress | None = None
) -> Pushed:
    """Push a folder (or a single file) as the next version of a repository, which is made when there is none.

    Raises `Invalid` when the folder holds something that cannot be pushed, before anything is sent. A push that was broken off is simply repeated.
    """
    files = _read(path, without=NOT_CODE if kind == RepoKind.CODE else frozenset())
    repo = data.find_repo(client, kind, name) or data.create_repo(client, RepoRequest(kind=kind, name=name, licence=licence))
    missing = _missing(client, {local.entry.sha256: local for local in files})
    meter = _Meter(sum(local.entry.size_bytes for local in missing), progress)
    small = [local for local in missing if local.entry.size_bytes < SMALL_BYTES]
    for bundle in _bundles(small):
        _send_bundle(client, bundle, meter)
    for local in missing:
        if local.entry.size_bytes >= SMALL_BYTES:
            _send_large(client, local, meter)
    version = data.commit_version(client, repo.id, VersionRequest(files=[local.entry for local in files], note=note))
    return Pushed(name, version, len(missing), meter.total)


def pull(client: Client, version: Version, folder: Path, *, progress: Progress | None = None) -> int:
    """Pull a version into a folder, which may hold part of it already; returns the number of files fetched.

    Every file is checked against its sha256 before it gets its name.
    """
    meter, fetched = _Meter(version.size_bytes, progress), 0
    for entry in data.list_files(client, version.id):
        target = _target(folder, entry.path)
        if target.is_file() and target.stat().st_size == entry.size_bytes and _digest(target) == entry.sha256:
            meter.add(entry.size_bytes)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        _fetch(client, version, entry, target, meter)
        fetched += 1
    return fetched


def _read(path: Path, *, without: frozenset[str]) -> list[_Local]:
    found = [(path, path.name)] if path.is_file() else [(file, file.relative_to(path).as_posix()) for file in _walk(path, without)]
    if not found:
        raise _invalid("path", f"There are no files in {path}. Name a folder that holds some.")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        digests = pool.map(_digest, [file for file, _ in found])
        return [
            _Local(file, FileEntry(path=name, size_bytes=file.stat().st_size, sha256=digest))
            for (file, name), digest in zip(found, digests, strict=True)
        ]


def _walk(folder: Path, without: frozenset[str]) -> Iterator[Path]:
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - without)
        for name in sorted(names):
            file = Path(here) / name
            if file.is_symlink():
                raise _invalid("path", f"{file} is a symbolic link, and versions hold files only. Replace it by what it points to, or leave it out.")
            if file.is_file():
                yield file


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _missing(client: Client, files: dict[str, _Local]) -> list[_Local]:
    digests = sorted(files)
    lacking: set[str] = set()
    for start in range(0, len(digests), ASK_AT_ONCE):
        lacking.update(data.missing_blobs(client, digests[start : start + ASK_AT_ONCE]))
    return [local for digest, local in files.items() if digest in lacking]


def _bundles(files: list[_Local]) -> Iterator[list[_Local]]:
    bundle: list[_Local] = []
    size = 0
    for local in files:
        if bundle and (size + local.entry.size_bytes > BUNDLE_BYTES or len(bundle) == BUNDLE_FILES):
            yield bundle
            bundle, size = [], 0
        bundle.append(local)
        size += local.entry.size_bytes
    if bundle:
        yield bundle


def _send_bundle(client: Client, bundle: list[_Local], meter: _Meter) -> None:
    """Send many small files as one archive whose members are named by their digests."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for local in bundle:
            member = tarfile.TarInfo(local.entry.sha256)
            member.size = local.entry.size_bytes
            with local.source.open("rb") as file:
                tar.addfile(member, file)
    content = archive.getvalue()
    finished = _tus(client, lambda offset: _pieces(io.BytesIO(content), offset), len(content), {"filename": "bundle.tar", "kind": "archive"})
    changed = {entry.path for entry in finished.files if entry.path != entry.sha256}
    if changed:
        names = ", ".join(str(local.source) for local in bundle if local.entry.sha256 in changed)
        raise _invalid("path", f"{names} changed while being pushed. Push again.")
    meter.add(sum(local.entry.size_bytes for local in bundle))


def _send_large(client: Client, local: _Local, meter: _Meter) -> None:
    before = meter.done

    def pieces(offset: int) -> Iterator[bytes]:
        meter.add(before + offset - meter.done)
        with local.source.open("rb") as file:
            for piece in _pieces(file, offset):
                yield piece
                meter.add(len(piece))

    about = {"filename": local.source.name, "kind": "blob", "sha256": local.entry.sha256}
    _tus(client, pieces, local.entry.size_bytes, about)


def _tus(client: Client, pieces: Callable[[int], Iterator[bytes]], size: int, about: dict[str, str]) -> Finished:
    """Send content by tus 1.0: create, append from where the server stands until all is there, finish."""
    metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in about.items())
    created = client.send("POST", "/api/v1/uploads", headers={**data.TUS, "Upload-Length": str(size), "Upload-Metadata": metadata})
    location = created.headers["Location"]
    offset = int(created.headers.get("Upload-Offset", "0"))
    for last in range(TRIES - 1, -1, -1):
        if offset == size:
            break
        headers = {**data.TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        try:
            answer = client.http.patch(location, content=pieces(offset), headers=headers, timeout=None)
            if answer.is_error:
                raise error_from(answer.status_code, answer.content)
        except (httpx2.TransportError, ApiError) as error:
            # 423: the server has not noticed yet that the broken connection is gone; 409: it has more than the answer we lost said.
            if not last or (isinstance(error, ApiError) and error.status < 500 and error.status not in (409, 423)):
                raise
            time.sleep(min(5.0, 0.2 * 2 ** (TRIES - 1 - last)))
        offset = int(client.send("HEAD", location, headers=data.TUS).headers["Upload-Offset"])
    return client.post(f"{location}/finish", None, Finished, key="finish")


def _pieces(file: io.BufferedIOBase | io.BytesIO, offset: int) -> Iterator[bytes]:
    file.seek(offset)
    while piece := file.read(PIECE_BYTES):
        yield piece


def _fetch(client: Client, version: Version, entry: FileEntry, target: Path, meter: _Meter) -> None:
    """Fetch one file beside its name, going on where an earlier try broke off, and rename it when its digest is right."""
    draft = target.with_name(f".{target.name}.{entry.sha256[:16]}.part")
    before = meter.done
    for last in range(TRIES - 1, -1, -1):
        have = draft.stat().st_size if draft.exists() else 0
        meter.add(before + have - meter.done)
        try:
            if have < entry.size_bytes or not have:
                _append(client, version, entry, draft, have, meter)
            break
        except Unreachable:
            if not last:
                raise
            time.sleep(min(5.0, 0.2 * 2 ** (TRIES - 1 - last)))
    if _digest(draft) != entry.sha256:
        draft.unlink()
        detail = ErrorDetail(code="damaged", message=f"{entry.path} arrived damaged and was thrown away. Pull again.")
        raise ApiError(detail, 0)
    draft.replace(target)


def _append(client: Client, version: Version, entry: FileEntry, draft: Path, have: int, meter: _Meter) -> None:
    headers = {"Range": f"bytes={have}-"} if have else {}
    address = f"/api/v1/versions/{version.id}/content"
    with (
        client.stream("GET", address, params={"path": entry.path}, headers=headers) as answer,
        draft.open("ab" if answer.status_code == 206 else "wb") as file,
    ):
        for piece in answer.iter_bytes(PIECE_BYTES):
            file.write(piece)
            meter.add(len(piece))


def _target(folder: Path, path: str) -> Path:
    """Return where a file goes; refuse what would leave the folder: the server checks too, but a client trusts nobody with its disk."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or "\\" in path or "\0" in path or not pure.parts:
        raise _invalid("path", f"The file name {path!r} would leave the folder and was not written. Tell whoever pushed it.")
    for above in list(pure.parents)[:-1]:
        if (folder / above).is_symlink():
            raise _invalid(
                "path", f"{folder / above} is a symbolic link, so {path!r} was not written. Remove the link, or pull into an empty folder."
            )
    return folder / pure


def _invalid(field: str, reason: str) -> Invalid:
    return Invalid(ErrorDetail(code="invalid", message=reason, details={"field": field, "reason": reason}), 422)
