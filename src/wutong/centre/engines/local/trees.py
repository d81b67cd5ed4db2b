"""Copying, measuring and removing trees of files that a job wrote. No link is ever followed out of a tree. Light (see `processes`)."""
# ruff: noqa: PTH102, PTH106, PTH115, PTH118, PTH211 - pathlib and `suppress` are not light

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

_PIECE = 1024 * 1024


def copy_tree(source: Path | str, target: Path | str, owner: int | None) -> None:
    """Copy files and folders; links are copied as links and never followed; devices, pipes and sockets are left out."""
    with os.scandir(source) as entries:
        for entry in entries:
            mode = entry.stat(follow_symlinks=False).st_mode
            there = os.path.join(target, entry.name)
            if stat.S_ISLNK(mode):
                os.symlink(os.readlink(entry.path), there)
            elif stat.S_ISDIR(mode):
                os.mkdir(there, 0o700)
                copy_tree(entry.path, there, owner)
            elif stat.S_ISREG(mode):
                _copy_file(entry.path, there, mode)
            else:
                continue
            if owner is not None:
                os.lchown(there, owner, owner)


def size_of(path: Path | str) -> int:
    """Return the bytes a tree takes on disk; what vanishes meanwhile is left out."""
    total = 0
    folders = [str(path)]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    total += _size_of_entry(entry, folders)
        except OSError:
            pass
    return total


def remove(path: Path | str) -> None:
    """Remove a tree as far as that is possible."""
    try:
        os.rmdir(path)
    except OSError:
        import shutil  # late: most scratch folders are empty, and this is not light

        shutil.rmtree(path, ignore_errors=True)


def _size_of_entry(entry: os.DirEntry[str], folders: list[str]) -> int:
    try:
        if entry.is_dir(follow_symlinks=False):
            folders.append(entry.path)
        return entry.stat(follow_symlinks=False).st_blocks * 512
    except OSError:
        return 0


def _copy_file(source: str, target: str, mode: int) -> None:
    read = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        write = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600 | stat.S_IMODE(mode) & 0o700)
        try:
            while data := os.read(read, _PIECE):
                view = memoryview(data)
                while view:
                    view = view[os.write(write, view) :]
        finally:
            os.close(write)
    finally:
        os.close(read)
