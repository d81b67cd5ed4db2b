"""Reads a folder that hostile code wrote, and perhaps still writes, into the blob store: from open descriptors only, following no link."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from wutong.hub.blobs.rules import CHUNK, BlobStore, File, Intake
from wutong.hub.paths import BadPath, clean_path, printable
from wutong.hub.trees.rules import FolderLimits, FolderTooLarge, Skipped

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


def ingest_folder(blobs: BlobStore, folder: Path, limits: FolderLimits | None = None, *, skipped: list[Skipped] | None = None) -> list[File]:
    """Store the regular files of a folder and return them in order of path; what was left out is added to `skipped`.

    A file is what its descriptor gave when it was read: its size and digest are those of the stored bytes. Left out are links, devices, pipes,
    sockets, other file systems, names that cannot be stored, and hard links to files of another user. Raises `FolderTooLarge`, `StoreFull`.
    """
    root = os.open(folder, _FOLDER)
    try:
        with blobs.intake() as intake:
            walk = _Walk(intake, limits or FolderLimits(), os.fstat(root), skipped if skipped is not None else [])
            walk.folder(root, "")
    finally:
        os.close(root)
    return sorted(walk.kept(), key=lambda file: file.path.encode())


@dataclass
class _Walk:
    intake: Intake
    limits: FolderLimits
    root: os.stat_result
    skipped: list[Skipped]
    files: list[File] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    entries: int = 0
    total: int = 0

    def folder(self, handle: int, prefix: str) -> None:
        """Take in all below an open folder. Depth is bounded: a path that deep is refused by its name."""
        for name in self._names(handle):
            path = prefix + name
            try:
                clean = clean_path(path)
                self._entry(handle, name, clean)
            except BadPath as problem:
                self._skip(path, str(problem.params["reason"]))
            except (FileNotFoundError, NotADirectoryError, PermissionError, BlockingIOError) as error:
                self._skip(path, f"it could not be read ({error.strerror}).")

    def kept(self) -> list[File]:
        """Return the files, without those whose name in normal form is also a folder's."""
        folders = {parent for path in self.taken for parent in _parents(path)}
        for path in self.taken & folders:
            self._skip(path, "a folder has this name in Unicode's normal form.")
        return [file for file in self.files if file.path not in folders]

    def _names(self, handle: int) -> list[str]:
        names = []
        with os.scandir(handle) as entries:
            for entry in entries:
                self.entries += 1
                if self.entries > self.limits.entries:
                    raise FolderTooLarge(limit=self.limits.entries, what="entries")
                names.append(entry.name)
        return sorted(names)

    def _entry(self, parent: int, name: str, path: str) -> None:
        # Looked at before it is opened, because opening a device may do something; looked at again after, because it may have been swapped.
        before = os.stat(name, dir_fd=parent, follow_symlinks=False)
        reason = self._fault(before)
        if reason:
            self._skip(path, reason)
            return
        is_folder = stat.S_ISDIR(before.st_mode)
        try:
            handle = os.open(name, _FOLDER if is_folder else _FILE, dir_fd=parent)
        except OSError as error:
            self._skip(path, f"it could not be read ({error.strerror}).")
            return
        try:
            reason = self._fault(os.fstat(handle))
            if reason:
                self._skip(path, reason)
            elif is_folder:
                self.folder(handle, path + "/")
            else:
                self._file(handle, path)
        finally:
            os.close(handle)

    def _file(self, handle: int, path: str) -> None:
        if path in self.taken:
            self._skip(path, "another file has this name in Unicode's normal form.")
            return
        if len(self.files) >= self.limits.files:
            raise FolderTooLarge(limit=self.limits.files, what="files")
        blob = self.intake.add(self._read(handle))
        self.taken.add(path)
        self.files.append(File(path, blob.size_bytes, blob.sha256))

    def _read(self, handle: int) -> Iterator[bytes]:
        while data := os.read(handle, CHUNK):
            self.total += len(data)
            if self.total > self.limits.total_bytes:
                raise FolderTooLarge(limit=self.limits.total_bytes, what="bytes")
            yield data

    def _fault(self, found: os.stat_result) -> str:
        if stat.S_ISLNK(found.st_mode):
            return "it is a link; only the files themselves are kept."
        if not stat.S_ISDIR(found.st_mode) and not stat.S_ISREG(found.st_mode):
            return "it is a device, a pipe or a socket."
        if found.st_dev != self.root.st_dev:
            return "it is on another file system."
        if stat.S_ISREG(found.st_mode) and found.st_nlink > 1 and found.st_uid != self.root.st_uid:
            return "it is a hard link to a file of another user."
        return ""

    def _skip(self, path: str, reason: str) -> None:
        if len(self.skipped) < 1000:
            self.skipped.append(Skipped(printable(path), reason))


def _parents(path: str) -> Iterator[str]:
    parts = path.split("/")
    return ("/".join(parts[:end]) for end in range(1, len(parts)))
