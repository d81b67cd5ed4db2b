"""MariaDB's first files. Making them is the longest part of a bring-up, so they are made once a version and copied from then on."""

import contextlib
import hashlib
import shutil
import tempfile
from pathlib import Path

from wutong.centre.engines.slurm.lab import daemons
from wutong.centre.engines.slurm.lab.problems import DaemonFailed
from wutong.centre.engines.slurm.lab.processes import call
from wutong.centre.engines.slurm.lab.spec import LabSpec

CACHE = Path("/var/cache/wutong-lab")  # may be removed at any time


def make_files(spec: LabSpec) -> None:
    """Put the files of an empty server into the lab. Raises DaemonFailed."""
    kept = CACHE / f"mariadb-{_key(spec)}"
    if not kept.exists():
        CACHE.mkdir(mode=0o755, parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix="making-", dir=CACHE))
        try:
            fresh.chmod(0o755)  # mariadb-install-db goes on as the user mysql
            run(spec, daemons.install_database(fresh / "data"))
            with contextlib.suppress(OSError):  # another lab was quicker, and its files are as good
                (fresh / "data").rename(kept)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    run(spec, ("cp", "--archive", "--sparse=always", "--no-target-directory", str(kept), str(spec.database_files)))


def _key(spec: LabSpec) -> str:
    command = daemons.install_database(Path("data"))
    return hashlib.sha256(f"{call(spec, ('mariadbd', '--version')).stdout} {command}".encode()).hexdigest()[:16]


def prepare(spec: LabSpec) -> None:
    """Make slurmdbd's database and user in the server that runs. Raises DaemonFailed."""
    argv, sql = daemons.prepare_database(spec)
    run(spec, argv, stdin=sql)


def run(spec: LabSpec, argv: tuple[str, ...], stdin: str = "") -> None:
    """Run a program to its end. Raises DaemonFailed with what it said."""
    result = call(spec, argv, stdin=stdin)
    if result.returncode:
        log = (result.stdout + result.stderr)[-1500:]
        raise DaemonFailed(which=argv[0], what=f"ended with {result.returncode}", folder=spec.folder / "log", log=log)
