"""Where things lie in the agent's home, and careful ways to write there."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULT_SIZE = 4096


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of one run: what is the job's own, and beside it what is ours, by start."""

    path: Path

    @property
    def work(self) -> Path:
        """The job's working folder, with its code."""
        return self.path / "work"

    @property
    def outputs(self) -> Path:
        """What the job leaves for its owner."""
        return self.path / "outputs"

    @property
    def checkpoint(self) -> Path:
        """What the job keeps for its next start."""
        return self.path / "checkpoint"

    @property
    def scratch(self) -> Path:
        """The job's own /tmp; gone when it ends."""
        return self.path / "tmp"

    @property
    def control(self) -> Path:
        """The pipe through which the keeper takes orders."""
        return self.path / "control"

    @property
    def lock(self) -> Path:
        """Locked for as long as a keeper lives."""
        return self.path / "keeper.lock"

    def logs(self, restart: int) -> Path:
        """The log segments of one start."""
        return self.path / "logs" / str(restart)

    def facts(self, restart: int) -> Path:
        """When and as what process one start began."""
        return self.path / f"keeper-{restart}.json"

    def result(self, restart: int) -> Path:
        """How one start ended."""
        return self.path / f"result-{restart}.json"


@dataclass(frozen=True, slots=True)
class Home:
    """The agent's folder."""

    path: Path

    @property
    def records(self) -> Path:
        """The SQLite file."""
        return self.path / "agent.db"

    @property
    def trash(self) -> Path:
        """Forgotten runs on their way out."""
        return self.path / "trash"

    def run(self, name: str) -> RunFolder:
        """Return the folder of a run."""
        return RunFolder(self.path / "runs" / name)


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the file's object, or None when it is not there or not whole."""
    try:
        value = json.loads(path.read_bytes().rstrip(b"\0 \n"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Put the file in place whole or not at all."""
    draft = path.with_name(f".{path.name}")
    draft.write_text(json.dumps(values, ensure_ascii=False))
    draft.rename(path)


def reserve(path: Path) -> None:
    """Set space aside, so that the file can be written on a full disk later."""
    handle = os.open(_draft(path), os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        os.posix_fallocate(handle, 0, RESULT_SIZE)
    finally:
        os.close(handle)


def write_reserved(path: Path, values: dict[str, Any]) -> None:
    """Write into the space set aside, sync it and put it in place."""
    text = json.dumps(values, ensure_ascii=False).encode()
    handle = os.open(_draft(path), os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        os.pwrite(handle, text.ljust(RESULT_SIZE), 0)
        os.fsync(handle)
    finally:
        os.close(handle)
    _draft(path).rename(path)


def _draft(path: Path) -> Path:
    return path.with_name(f".{path.name}")
