"""A centre with prices, at a time that stands still."""

import pytest
from tests.compute import money as world

from wutong.compute.billing.settler import Settler
from wutong.kit.loops import drain


@pytest.fixture
def centre(database, fake_clock):
    with database.session() as session:
        world.add_centre(session)
        world.top_up(session, 100_000)
    return database


@pytest.fixture
def settle(centre):
    settler = Settler(centre)
    return lambda: drain(settler.step)
