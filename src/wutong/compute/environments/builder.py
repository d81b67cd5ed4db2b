"""The loop that builds registered environments, one at a time, with no transaction open while it does."""

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from wutong.compute.environments import store
from wutong.compute.environments.install import InstallBusy, Installed, InstallFailed, find_links_of, install
from wutong.compute.environments.rules import CENTRE, MAX_TRIES, MOVES, Environment, EnvironmentState
from wutong.kit import clock
from wutong.kit.database import Database, notify
from wutong.kit.log import get_logger

log = get_logger(__name__)

WAKES = "compute_jobs"
BUSY_AGAIN_S = 5.0


class Builder:
    """Builds what is due. Two at once do no harm: a file lock lets one make a folder, and moves are guarded."""

    def __init__(self, database: Database, root: Path, find_links: str | None = None) -> None:
        self._database = database
        self._root = root
        self._find_links = find_links_of(find_links, os.environ)

    def step(self) -> bool:
        """Build the next environment; True when there was one."""
        with self._database.session() as session:
            environment = store.due(session, clock.now())
        if environment is None:
            return False
        building = self._move(environment, EnvironmentState.BUILDING)
        if building is None:
            return True
        try:
            made = self._install(building)
        except InstallBusy:
            self._move(building, EnvironmentState.BUILDING, next_at=_after(BUSY_AGAIN_S))
        except InstallFailed as error:
            self._failed(building, error.log_tail)
        except OSError as error:
            self._failed(building, f"The folder could not be written: {error.strerror}.")
        else:
            self._move(
                building, EnvironmentState.READY, path=str(made.path), size_bytes=made.size_bytes, log_tail=made.log_tail, built_at=clock.now()
            )
            log.info("environment is ready", name=building.name, size_bytes=made.size_bytes)
        return True

    def _install(self, environment: Environment) -> Installed:
        return install(
            self._root,
            name=environment.name,
            digest=environment.digest,
            lock=environment.lock,
            hashed=environment.tenant_id != CENTRE,
            find_links=self._find_links,
        )

    def _failed(self, environment: Environment, said: str) -> None:
        """Try again later what may have been the network; after some tries it has failed, and jobs that want it hear why."""
        tries = environment.tries + 1
        log.warning("environment could not be built", name=environment.name, tries=tries, said=said[-500:])
        if tries >= MAX_TRIES:
            self._move(environment, EnvironmentState.FAILED, tries=tries, log_tail=said)
        else:
            self._move(environment, EnvironmentState.REGISTERED, tries=tries, log_tail=said, next_at=_after(10.0 * 2**tries))

    def _move(self, environment: Environment, to: EnvironmentState, **changes: Any) -> Environment | None:
        """Move an environment; None when somebody else did."""
        if to not in MOVES[environment.state]:
            raise ValueError(f"an environment does not go from {environment.state} to {to}")
        with self._database.session() as session:
            moved = store.move(session, environment, {"state": to, **changes})
            notify(session, WAKES)
            return store.get(session, environment.id) if moved else None


def _after(seconds: float) -> datetime:
    return clock.now() + timedelta(seconds=seconds)
