"""Lays a version's files out as a folder: whole or not there at all, and the same for two processes that try at once."""

import errno
import os
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path

from wutong.hub.blobs.local import full_disk_told
from wutong.hub.blobs.rules import BlobLost, BlobStore, File
from wutong.hub.paths import clean_path

_LOOKED_AT = 64
_DRAFT = ".draft-"


def materialise(blobs: BlobStore, files: Sequence[File], target: Path, *, writable: bool = False) -> Path:
    """Make `target` a folder with exactly these files and return it; one that is there already and looks whole is kept.

    Read-only trees are hard links to blobs where the file system allows it (files 0444, folders 0555), so they cost no room but must only be shown to
    runs that cannot write to them. `writable` makes copies; take a target of its own for a run that will write. Raises `BlobLost`, `StoreFull`.
    """
    if _looks_whole(target, files):
        os.utime(target)
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f"{_DRAFT}{target.name}.{secrets.token_hex(6)}")
    try:
        with full_disk_told():
            _fill(blobs, files, draft, writable=writable)
            _publish(draft, target, files)
    finally:
        remove_tree(draft)
    return target


def remove_tree(folder: Path) -> None:
    """Remove a tree, read-only folders too. Nothing happens when it is not there."""
    if not folder.exists():
        return
    for path, _, _ in os.walk(folder):
        Path(path).chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def clean_trees(folder: Path, keep: set[str], *, unused_before: float, most_bytes: int = 0) -> int:
    """Remove trees not used since a moment (seconds since the epoch) whose name does not begin with a digest in `keep`; returns how many.

    With `most_bytes`, the longest unused go first and only until all are within it. Drafts of killed processes always go.
    """
    if not folder.exists():
        return 0
    found = sorted((path.lstat().st_mtime, path) for path in folder.iterdir() if path.is_dir() and not path.is_symlink())
    stale = [path for used_at, path in found if used_at < unused_before and path.name.partition("-")[0] not in keep]
    left = sum(_size(path) for _, path in found) if most_bytes else 0
    removed = 0
    for path in stale:
        if most_bytes and left <= most_bytes and not path.name.startswith(_DRAFT):
            continue
        left -= _size(path) if most_bytes else 0
        away = path.with_name(f"{_DRAFT}{secrets.token_hex(6)}")
        path.rename(away)
        remove_tree(away)
        removed += 1
    return removed


def _fill(blobs: BlobStore, files: Sequence[File], draft: Path, *, writable: bool) -> None:
    draft.mkdir(mode=0o755)
    folders = {draft}
    for file in files:
        place = draft / clean_path(file.path)
        if place.parent not in folders:
            place.parent.mkdir(parents=True, exist_ok=True)
            folders.update(parent for parent in place.parents if parent.is_relative_to(draft))
        _place(blobs, file, place, writable=writable)
    if not writable:
        for folder in folders:
            folder.chmod(0o555)


def _place(blobs: BlobStore, file: File, place: Path, *, writable: bool) -> None:
    source = blobs.path_of(file.sha256)
    if source is None:
        _download(blobs, file, place)
    elif writable or not _link(source, place):
        try:
            shutil.copyfile(source, place)
        except FileNotFoundError:
            raise BlobLost(sha256=file.sha256) from None
    if writable:
        place.chmod(0o644)
    elif source is None or place.stat().st_mode & 0o777 != 0o444:
        place.chmod(0o444)


def _download(blobs: BlobStore, file: File, place: Path) -> None:
    size = 0
    with place.open("xb") as out:
        for chunk in blobs.open_range(file.sha256):
            out.write(chunk)
            size += len(chunk)
    if size != file.size_bytes:
        raise BlobLost(sha256=file.sha256)


def _link(source: Path, place: Path) -> bool:
    try:
        os.link(source, place)
    except FileNotFoundError:
        return False
    except OSError as error:
        # Another file system, or the most links one file can have (65,000 on ext4: the empty file gets there).
        if error.errno in (errno.EXDEV, errno.EMLINK, errno.EPERM):
            return False
        raise
    return True


def _publish(draft: Path, target: Path, files: Sequence[File]) -> None:
    try:
        draft.rename(target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        if _looks_whole(target, files):
            return
        target.rename(target.with_name(f"{_DRAFT}{secrets.token_hex(6)}"))
        draft.rename(target)


def _looks_whole(target: Path, files: Sequence[File]) -> bool:
    """A tree appears only whole, so a glance is enough: some of its files, evenly spread, have their sizes."""
    if not target.is_dir():
        return False
    step = max(1, len(files) // _LOOKED_AT)
    for file in files[::step]:
        try:
            if (target / file.path).lstat().st_size != file.size_bytes:
                return False
        except (FileNotFoundError, NotADirectoryError):
            return False
    return True


def _size(folder: Path) -> int:
    return sum((Path(path) / name).lstat().st_size for path, _, names in os.walk(folder) for name in names)
