"""Bounds on what is read back from a folder a run left, and what is skipped. Pure."""

from dataclasses import dataclass

from wutong.kit.errors import Problem


@dataclass(frozen=True, slots=True)
class FolderLimits:
    """How much is read from one folder. `entries` counts folders and whatever is skipped, too."""

    files: int = 100_000
    entries: int = 400_000
    total_bytes: int = 1 << 40


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something in a folder that is no plain file, and why it was left out."""

    path: str
    reason: str


class FolderTooLarge(Problem):
    """A folder holds more than may be kept."""

    code = "folder_too_large"
    status = 413
    message = "The folder holds more than {limit} {what}. Keep less in it, or pack many small files into archives."
