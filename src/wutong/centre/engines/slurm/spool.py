"""Where runs lie on the folder that all nodes share: what they are told, what they leave, and a careful way to read what tenants own.

    <root>/<tenant>/told/<run>/   ours: plan, secrets, code, orders; the tenant can read it and write none of it
    <root>/<tenant>/runs/<run>/   the tenant's: starts/<n>/, logs/<n>/, facts-<n>.json, result-<n>.json
    <root>/trash/                 forgotten runs on their way out

A job that no sandbox holds may put links and pipes anywhere in its own folder, so nothing there is opened by its path.
"""

import contextlib
import json
import os
import re
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wutong.centre.engines.local import trees
from wutong.centre.engines.local.logs import log_folder, log_size, read_log
from wutong.centre.engines.slurm.tenants.folders import folders_of, make_run_folder, make_tenant_folders
from wutong.centre.engines.slurm.tenants.identities import Identity
from wutong.kit.errors import Conflict

_SMALL = 16 * 1024
_MOST_STARTS = 10_000
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class StartFacts:
    """What a start's runner wrote: its folder's number, the Slurm job and its restart count, when the job began, and the last sign of life."""

    number: int
    job: str
    count: int
    started_ms: int | None
    alive_ms: int


class Spool:
    """The shared folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._made: set[str] = set()

    def folder(self, tenant: str, name: str) -> Path:
        """Return the tenant's own folder of a run."""
        return folders_of(self.root, tenant).runs / name

    def told(self, tenant: str, name: str) -> Path:
        """Return the folder of what a run is told."""
        return folders_of(self.root, tenant).gate / "told" / name

    def outputs(self, tenant: str, name: str, number: int) -> Path:
        """Return the folder of what a start leaves for its owner."""
        return self.folder(tenant, name) / "starts" / str(number) / "outputs"

    def checkpoint(self, tenant: str, name: str) -> Path | None:
        """Return the newest checkpoint of a run, if it has one."""
        starts = self.folder(tenant, name) / "starts"
        numbers = [start.number for start in self.starts(tenant, name)]
        found = (starts / str(number) / "checkpoint" for number in sorted(numbers, reverse=True))
        return next((path for path in found if path.is_dir()), None)

    def prepare(self, tenant: str, name: str, identity: Identity, *, plan: bytes, secrets: bytes | None, code: Path | None) -> None:
        """Make a run's folders with all it is told; may be repeated. Raises OSError, Conflict."""
        if tenant not in self._made:
            folders = make_tenant_folders(self.root, tenant, identity)
            (folders.gate / "told").mkdir(mode=0o711, exist_ok=True)
            self._made.add(tenant)
        told = self.told(tenant, name)
        told.mkdir(mode=0o711, exist_ok=True)
        if code is not None:
            self._bring_code(code, told, identity)
        (told / "orders").touch(mode=0o644)
        for file, text in (("secrets", secrets), ("plan", plan)):
            if text is not None:
                _write(told / file, text, identity)
        with contextlib.suppress(Conflict):
            make_run_folder(folders_of(self.root, tenant), name, identity)

    def order(self, tenant: str, name: str, order: str) -> None:
        """Give a run's runner an order; it reads it when it is poked, and when it starts. Raises OSError."""
        with (self.told(tenant, name) / "orders").open("a") as file:
            file.write(f"{order}\n")

    def starts(self, tenant: str, name: str) -> list[StartFacts]:
        """List the starts whose runner has left facts, in order."""
        found = []
        with _opened(self.folder(tenant, name)) as folder:
            if folder is None:
                return []
            with os.scandir(folder) as entries:
                names = [entry.name for _place, entry in zip(range(_MOST_STARTS), entries, strict=False)]
            for file in names:
                match = re.fullmatch(r"facts-(\d{1,6})\.json", file)
                if match and (read := _read_json(file, folder)) is not None:
                    found.append(_facts(int(match[1]), *read))
        return sorted(found, key=lambda start: start.number)

    def result(self, tenant: str, name: str, number: int) -> dict[str, Any] | None:
        """Return how a start ended by its runner's word, None where it has not said."""
        with _opened(self.folder(tenant, name)) as folder:
            read = None if folder is None else _read_json(f"result-{number}.json", folder)
        return None if read is None else read[0]

    def read_log(self, tenant: str, name: str, number: int, rank: int, offset: int, limit: int) -> tuple[bytes, int]:
        """Return a piece of a rank's log in a start and the size of the whole. Raises OSError."""
        with contextlib.ExitStack() as opened:
            log = opened.enter_context(_opened(self.folder(tenant, name)))
            for part in log_folder(f"logs/{number}", rank).split("/"):
                log = opened.enter_context(_opened(part, log))
            if log is None:
                return b"", 0
            path = f"/proc/self/fd/{log}"
            return read_log(path, offset, limit), log_size(path)

    def drop_secrets(self, tenant: str, name: str) -> None:
        """Remove an ended run's secrets."""
        with contextlib.suppress(OSError):
            (self.told(tenant, name) / "secrets").unlink(missing_ok=True)

    def drop(self, tenant: str, name: str) -> None:
        """Take a run's folders away; `empty_trash` removes them. Raises OSError."""
        trash = self.root / "trash"
        trash.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path, kind in ((self.folder(tenant, name), "runs"), (self.told(tenant, name), "told")):
            with contextlib.suppress(FileNotFoundError):
                path.rename(trash / f"{name}.{kind}")

    def empty_trash(self) -> None:
        """Remove what was dropped. May take long."""
        with contextlib.suppress(FileNotFoundError):
            for path in list((self.root / "trash").iterdir()):
                shutil.rmtree(path, ignore_errors=True)

    def _bring_code(self, code: Path, told: Path, identity: Identity) -> None:
        """Copy the code beside its place and then move it there: what was copied half is never run."""
        if (told / "code").exists():
            return
        draft = told / ".code"
        trees.remove(draft)
        draft.mkdir(mode=0o700)
        mine = identity.uid if os.geteuid() == 0 else None
        trees.copy_tree(code, draft, mine)
        if mine is not None:
            os.chown(draft, identity.uid, identity.gid)
        draft.rename(told / "code")


def code_of(told: Path) -> Path:
    """Return where a run's code lies among what it is told."""
    return told / "code"


def _write(path: Path, text: bytes, identity: Identity) -> None:
    """Put a file in place whole, for its owner's eyes only."""
    draft = path.with_name(f".{path.name}")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o400)
    with os.fdopen(handle, "wb") as file:
        file.write(text)
        if os.geteuid() == 0:
            os.fchown(file.fileno(), identity.uid, identity.gid)
    draft.rename(path)


@contextlib.contextmanager
def _opened(path: Path | str, within: int | None = None) -> Iterator[int | None]:
    """Open a folder that is none by a link; None where there is none, and in a folder that is not there."""
    if within is None and not isinstance(path, Path):
        yield None
        return
    try:
        handle = os.open(path, _FOLDER, dir_fd=within)
    except (FileNotFoundError, NotADirectoryError):
        yield None
        return
    try:
        yield handle
    finally:
        os.close(handle)


def _read_json(name: str, folder: int) -> tuple[dict[str, Any], os.stat_result] | None:
    """Return a small plain file's object, None where it is not there, not whole or something else."""
    try:
        handle = os.open(name, _FILE, dir_fd=folder)
    except OSError:
        return None
    try:
        there = os.fstat(handle)
        if not stat.S_ISREG(there.st_mode) or there.st_size > _SMALL:
            return None
        value = json.loads(os.read(handle, _SMALL).rstrip(b"\0 \n"))
    except (OSError, ValueError, RecursionError):
        return None
    finally:
        os.close(handle)
    return (value, there) if isinstance(value, dict) else None


def _facts(number: int, values: dict[str, Any], there: os.stat_result) -> StartFacts:
    count, started = values.get("count"), values.get("started_ms")
    return StartFacts(
        number=number,
        job=str(values.get("job", "")),
        count=count if isinstance(count, int) else 0,
        started_ms=started if isinstance(started, int) else None,
        alive_ms=round(there.st_mtime * 1000),
    )
