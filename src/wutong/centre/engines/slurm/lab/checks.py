"""What must hold before a lab starts, each failure with the sentence that says what to do."""

import os
import pwd
import re
import shutil
import stat
import tempfile
from pathlib import Path

from wutong.centre.engines.slurm.lab.daemons import programs
from wutong.centre.engines.slurm.lab.problems import CannotConfine, FolderUnfit, NeedsRoot, SlurmMissing, UserMissing, WrongNodeCount
from wutong.centre.engines.slurm.lab.spec import MOST_NODES, LabSpec, Pool
from wutong.kit.errors import Problem

SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")
_SOCKET_BYTES = 107
_LONGEST_STEP = "_4294967295.4294967295"
_PACKAGES = {"munge": "munge", "slurm": "slurm-wlm-basic-plugins", "mysql": "mariadb-server"}


def machine(spec: LabSpec) -> None:
    """Raise what this machine lacks for the lab: root, programs, users, ports."""
    if os.geteuid() != 0:
        raise NeedsRoot
    if absent := missing(programs(spec)):
        raise SlurmMissing(programs=", ".join(absent))
    for user in ("munge", "slurm", *(["mysql"] if spec.accounting else [])):
        try:
            pwd.getpwnam(user)
        except KeyError:
            raise UserMissing(user=user, package=_PACKAGES[user]) from None
    if not 1 <= len(spec.node_names) <= MOST_NODES or any(pool.nodes < 1 for pool in spec.pools):
        raise WrongNodeCount(nodes=len(spec.node_names), most=MOST_NODES)


def why_not(*, accounting: bool, rest: bool) -> str:
    """Say why no lab can come up on this machine, for tests to be skipped with; empty where one can."""
    try:
        machine(LabSpec(name="lab", folder=Path("/"), host="", pools=(Pool(nodes=1),), accounting=accounting, rest=rest))
    except Problem as problem:
        return str(problem)
    return ""


def missing(names: tuple[str, ...]) -> list[str]:
    """List the programs that are not installed."""
    return [name for name in names if shutil.which(name, path=search_path()) is None]


def search_path() -> str:
    """Return the search path with the folders of daemons, which a plain user's path leaves out."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), *SBIN])


def folder(spec: LabSpec) -> None:
    """Raise FolderUnfit where jobs' users cannot reach the folder, its sockets' names would be too long, or Slurm would refuse it."""
    path = spec.folder
    if not re.fullmatch(r"[A-Za-z0-9/._-]+", str(path)):
        raise FolderUnfit(folder=path, reason="Slurm's files take only letters, digits, '.', '_' and '-' in it. Choose another name.")
    if closed := unreachable(path):
        raise FolderUnfit(
            folder=path, reason=f"jobs run as other users, who cannot enter {closed}. Choose a folder under /var/tmp, or open that one (chmod o+x)."
        )
    node = max(spec.node_names, key=len)
    longest = len(f"{path}/spool/{node}/{node}{_LONGEST_STEP}")
    if longest > _SOCKET_BYTES:
        raise FolderUnfit(
            folder=path, reason=f"its name is too long by {longest - _SOCKET_BYTES} for the sockets that Slurm makes in it. Choose a shorter one."
        )
    if spec.private_tmp and any(path.is_relative_to(each) for each in ("/tmp", "/dev/shm")):  # noqa: S108
        raise FolderUnfit(
            folder=path, reason="with a private /tmp for each job Slurm refuses a folder below /tmp or /dev/shm. Choose one under /var/tmp."
        )


def unreachable(path: Path) -> Path | None:
    """Return the first folder on the way that other users cannot enter. An empty folder at the end does not count: the lab opens it."""
    for each in (path, *path.parents)[::-1]:
        if not each.exists():
            return None
        own = each == path and not any(each.iterdir())
        if not own and not each.stat().st_mode & stat.S_IXOTH:
            return each
    return None


def confinement(spec: LabSpec) -> None:
    """Raise CannotConfine where the machine does not allow what the spec asks for."""
    if spec.cgroup and (reason := why_no_cgroup()):
        raise CannotConfine(what="control groups", reason=reason)
    if spec.devices == "own" and (reason := why_no_devices(spec.folder)):
        raise CannotConfine(what="device files", reason=reason)


def why_no_cgroup() -> str:
    """Say why jobs cannot be put into control groups here; empty where they can."""
    top = Path("/sys/fs/cgroup")
    if (top / "cgroup.controllers").exists():
        return "its control groups are version 2, which Slurm 22.05 uses only below systemd." if not Path("/run/systemd/system").exists() else ""
    for controller in ("memory", "devices", "freezer"):
        try:
            made = Path(tempfile.mkdtemp(prefix="wutong-lab-", dir=top / controller))
            made.rmdir()
        except OSError as problem:
            return f"a group under {top / controller} cannot be made ({problem.strerror})."
    return ""


def why_no_devices(folder: Path) -> str:
    """Say why device files cannot be made or opened here; empty where they can."""
    near = next(each for each in (folder, *folder.parents) if each.exists())
    path = near / f".wutong-device-{os.getpid()}"
    try:
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        path.open("rb").close()
    except OSError as problem:
        return f"a device file below {near} cannot be made and opened ({problem.strerror})."
    finally:
        path.unlink(missing_ok=True)
    return ""
