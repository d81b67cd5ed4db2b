"""A centre with a fake machine."""

from pathlib import Path

import pytest
from tests.compute.jobs.jobskit import World

from wutong.identity.rules import Principal
from wutong.kit.clock import FakeClock
from wutong.kit.database import Database


@pytest.fixture
def world(database: Database, fake_clock: FakeClock, tmp_path: Path) -> World:
    """Everything between a tenant and a fake machine."""
    return World(database, fake_clock, tmp_path / "home")


@pytest.fixture
def owner(world: World) -> Principal:
    """The owner of an organisation with 1,000 yuan."""
    return world.tenant("luojia")


@pytest.fixture
def stranger(world: World) -> Principal:
    """The owner of another organisation."""
    return world.tenant("stranger")
