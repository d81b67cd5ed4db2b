"""A start's log: what the job writes, in segments of one size, up to a limit. The offset tells the segment, so reading needs no index.

Light (see `processes`).
"""
# ruff: noqa: PTH116, PTH118, PTH208 - pathlib is not light

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

SEGMENT_BYTES = 8 * 1024 * 1024
_BEGINNING = 400


class LogWriter:
    """Takes a job's output to disk. Never raises: where there is no room, by its limit or on the disk, it says so in the log and drops the rest."""

    def __init__(self, folder: Path | str, limit_bytes: int) -> None:
        self._folder = folder
        self._limit = limit_bytes
        self._size = log_size(folder)
        self._file: int | None = None
        self._note = ""
        self._gap = False
        self.beginning = b""

    def write(self, data: bytes) -> None:
        """Append bytes as far as limit and disk allow."""
        room = self._limit - self._size
        if len(self.beginning) < _BEGINNING:
            self.beginning = (self.beginning + data)[:_BEGINNING]
        try:
            if self._gap:
                self._say("The disk was full; a part of the log is missing here.")
                self._gap = False
            self._append(data[: max(0, room)])
            if len(data) > room and not self._note.startswith("The log"):
                self._say(f"The log reached its limit of {self._limit} bytes; what the job wrote after that was not kept.")
        except OSError:
            self._gap = True
            self._note = self._note or "The disk was full and a part of the log is missing."

    def close(self) -> str:
        """Close the file and return what is to be said about the log (empty when nothing is missing)."""
        if self._file is not None:
            os.close(self._file)
        return self._note

    def _say(self, note: str) -> None:
        self._append(f"\n[wutong] {note}\n".encode())
        self._note = note

    def _append(self, data: bytes) -> None:
        while data:
            place = self._size % SEGMENT_BYTES
            if self._file is None or place == 0:
                self._file = self._open_segment()
            written = os.write(self._file, data[: SEGMENT_BYTES - place])
            self._size += written
            data = data[written:]

    def _open_segment(self) -> int:
        if self._file is not None:
            os.close(self._file)
            self._file = None
        path = os.path.join(self._folder, segment_name(self._size // SEGMENT_BYTES))
        return os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)


def log_folder(folder: Path | str, rank: int) -> str:
    """Return where in a start's folder of logs a rank's is: the first one's is the start's own."""
    return os.path.join(folder, f"rank-{rank}") if rank else str(folder)


def segment_name(number: int) -> str:
    """Return the file name of a segment."""
    return f"{number:06d}.log"


def read_log(folder: Path | str, offset: int, limit: int) -> bytes:
    """Return up to `limit` bytes from `offset`; less at the end of what is written."""
    parts = []
    while limit > 0:
        number, place = divmod(offset, SEGMENT_BYTES)
        try:
            # A job that is not confined may have put a pipe there: reading one must not wait.
            handle = os.open(os.path.join(folder, segment_name(number)), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            break
        try:
            data = os.pread(handle, min(limit, SEGMENT_BYTES - place), place)
        finally:
            os.close(handle)
        if not data:
            break
        parts.append(data)
        offset += len(data)
        limit -= len(data)
    return b"".join(parts)


def log_size(folder: Path | str) -> int:
    """Return how many bytes the log has."""
    try:
        segments = sorted(name for name in os.listdir(folder) if name.endswith(".log"))
    except FileNotFoundError:
        return 0
    return (len(segments) - 1) * SEGMENT_BYTES + os.stat(os.path.join(folder, segments[-1])).st_size if segments else 0
