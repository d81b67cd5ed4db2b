"""Looks a centre over from outside, also one that does not run: what `wutong doctor` prints."""

import os
import shutil
import sys

from wutong.app.build import build_engines
from wutong.app.health import Check, check_database, check_disk, check_engines
from wutong.kit.database import Database
from wutong.kit.postgres import EmbeddedPostgres
from wutong.kit.settings import Settings


def examine(settings: Settings) -> list[Check]:
    """Check everything that can be checked without changing anything."""
    version = sys.version.split()[0]
    checks = [Check("python", ok=sys.version_info >= (3, 11), detail=version)]
    if not settings.home.is_dir():
        return [*checks, Check("home", ok=False, detail=f"{settings.home} is not there yet; `wutong serve` makes it")]
    checks += [_check_home(settings), check_disk(settings.home), _check_bubblewrap()]
    server = EmbeddedPostgres(settings.home / "postgres")
    url = settings.database_url.get_secret_value() if settings.database_url else server.url
    database = Database(url, pool_size=1)
    try:
        checks += check_database(database)
        checks += check_engines(build_engines(settings))
        checks += _check_clusters(settings, database)
    finally:
        database.close()
    return checks


def _check_clusters(settings: Settings, database: Database) -> list[Check]:
    if not settings.slurm:
        return []
    from wutong.app.checkup import check_clusters  # centres without a cluster never load it

    return check_clusters(settings, database)


def _check_home(settings: Settings) -> Check:
    mode = settings.home.stat().st_mode & 0o777
    key = settings.key_file
    if key.exists() and key.stat().st_mode & 0o077:
        return Check("home", ok=False, detail=f"{key} can be read by others; run `chmod 600 {key}`")
    return Check("home", ok=os.access(settings.home, os.W_OK), detail=f"{settings.home} (mode {mode:o})")


def _check_bubblewrap() -> Check:
    found = shutil.which("bwrap")
    return Check("sandbox", ok=found is not None, detail=found or "bubblewrap is not installed: jobs of one tenant only (apt-get install bubblewrap)")
