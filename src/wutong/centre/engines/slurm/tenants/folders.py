"""Folders of tenants under a root that all nodes share, and a careful way to give a tree to its owner.

    <root>/<tenant>/         the gate: root's, and only the tenant passes
        home/                the tenant's own, 0700
        runs/                root's; each run's folder in it is the tenant's, 0700
    <root>/<tenant>/projects/<project>/   the project group's, 2770

Root works only in folders that tenants cannot write: whoever may rename a folder may put a link in its place.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wutong.centre.engines.slurm.tenants.identities import Identity
from wutong.centre.engines.slurm.tenants.names import slug
from wutong.kit.errors import Conflict

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PASS = 0o711  # may be passed by who knows a name inside, listed by root


@dataclass(frozen=True, slots=True)
class TenantFolders:
    """Where a tenant's things lie."""

    gate: Path

    @property
    def home(self) -> Path:
        """The tenant's own files."""
        return self.gate / "home"

    @property
    def runs(self) -> Path:
        """Each run's folder is made in here."""
        return self.gate / "runs"

    def project(self, project: str) -> Path:
        """Files of a project."""
        return self.gate / "projects" / slug(project)


def folders_of(root: Path, tenant: str) -> TenantFolders:
    """Return where a tenant's folders are, made or not."""
    return TenantFolders(root / slug(tenant))


def make_tenant_folders(root: Path, tenant: str, identity: Identity) -> TenantFolders:
    """Make the tenant's folders, or put their owners and modes right. Raises Conflict where something else has their place."""
    folders = folders_of(root, tenant)
    root.mkdir(mode=_PASS, parents=True, exist_ok=True)
    with _opened(root) as top, _made(top, folders.gate.name, 0, identity.gid if identity.private else 0, _gate_mode(identity)) as gate:
        with _made(gate, "home", identity.uid, identity.gid, 0o700):
            pass
        with _made(gate, "runs", 0, 0, _PASS):
            pass
    return folders


def make_project_folder(root: Path, tenant: str, project: str, identity: Identity, group: int | None) -> Path:
    """Make a project's folder; without a group of the project it is the tenant's alone. Call `make_tenant_folders` before."""
    folders = folders_of(root, tenant)
    owner = (identity.uid, identity.gid, 0o700) if group is None else (identity.uid, group, 0o2770)
    with (
        _opened(root) as top,
        _opened(Path(folders.gate.name), top) as gate,
        _made(gate, "projects", 0, 0, _PASS) as projects,
        _made(projects, folders.project(project).name, *owner),
    ):
        pass
    return folders.project(project)


def make_run_folder(folders: TenantFolders, name: str, identity: Identity) -> Path:
    """Make a run's folder for the tenant alone. Raises Conflict where there is one already."""
    with _opened(folders.runs) as runs:
        try:
            os.mkdir(name, 0o700, dir_fd=runs)
        except FileExistsError:
            raise Conflict(reason=f"There is something named {name} in {folders.runs} already.") from None
        with _made(runs, name, identity.uid, identity.gid, 0o700):
            pass
    return folders.runs / name


def give_tree(folder: Path, uid: int, gid: int) -> list[str]:
    """Make everything in a tree the owner's, and return what was not touched and why, as sentences.

    Never follows a link, and leaves alone a file with a second name: that name may lie in another's tree, and the file would be given away.
    """
    left: list[str] = []
    with _opened(folder) as there:
        _give(there, str(folder), uid, gid, left)
    return left


def _give(there: int, path: str, uid: int, gid: int, left: list[str]) -> None:
    os.fchown(there, uid, gid)
    with os.scandir(there) as entries:
        names = [entry.name for entry in entries]
    for name in names:
        # A name may stand for another file a moment later; a handle does not. O_PATH opens nothing that would act, such as a device or a pipe.
        try:
            handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=there)
        except FileNotFoundError:
            continue
        try:
            found = os.fstat(handle)
            if stat.S_ISDIR(found.st_mode):
                with contextlib.suppress(FileNotFoundError), _opened(Path(), handle) as inside:
                    _give(inside, f"{path}/{name}", uid, gid, left)
            elif (stat.S_ISREG(found.st_mode) and found.st_nlink == 1) or found.st_uid == uid:
                _own(handle, found, uid, gid)
            elif not stat.S_ISLNK(found.st_mode):
                left.append(f"{path}/{name} was left to its owner: it has another name elsewhere, or is no plain file.")
        finally:
            os.close(handle)


def _own(handle: int, found: os.stat_result, uid: int, gid: int) -> None:
    if not stat.S_ISLNK(found.st_mode) and (found.st_uid, found.st_gid) != (uid, gid):
        os.chown(f"/proc/self/fd/{handle}", uid, gid)


def _gate_mode(identity: Identity) -> int:
    """Where the tenant's group is not its alone the gate can only hide names; what is inside is closed all the same."""
    return 0o710 if identity.private else _PASS


@contextmanager
def _opened(path: Path, within: int | None = None) -> Iterator[int]:
    handle = os.open(path, _FOLDER, dir_fd=within)
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def _made(within: int, name: str, uid: int, gid: int, mode: int) -> Iterator[int]:
    """Make a folder, or take the one that is there, and see to its owner and mode through its handle."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=within)
    try:
        handle = os.open(name, _FOLDER, dir_fd=within)
    except OSError:
        raise Conflict(
            reason=f"{name} in the tenants' folder is not a folder. Move it away; somebody may have put a link there on purpose."
        ) from None
    try:
        found = os.fstat(handle)
        if (found.st_uid, found.st_gid) != (uid, gid):
            os.fchown(handle, uid, gid)
        if stat.S_IMODE(found.st_mode) != mode:
            os.fchmod(handle, mode)
        yield handle
    finally:
        os.close(handle)
