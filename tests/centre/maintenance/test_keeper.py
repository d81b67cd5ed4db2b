"""Maintenance: what it means for a job, and that engines are brought to what was announced, however often they fail to answer."""

from datetime import timedelta

import pytest
from tests.centre.conftest import add_npu_pool
from tests.centre.stub import StubEngine

from wutong.centre import service
from wutong.centre.catalogue.operate import set_pool_state
from wutong.centre.catalogue.rules import PoolState
from wutong.centre.engines.operations import Reserved
from wutong.centre.engines.protocol import Absent, Accepted, Refused, Unknown
from wutong.centre.maintenance.keeper import MaintenanceKeeper
from wutong.centre.maintenance.rules import Window, advice
from wutong.centre.registry import Engines
from wutong.identity.roles import CentreRole
from wutong.identity.rules import Principal

WHO = Principal("per_1", "Operator", None, None, frozenset({CentreRole.OPERATOR}), None, "session", "127.0.0.1")
HOUR = timedelta(hours=1)


class Reserving(StubEngine):
    """The stub with reservations, some of which are somebody else's."""

    def __init__(self):
        super().__init__()
        self.kept = {"other-maint_1": Reserved("other-maint_1", 1, 2, ("n001",))}
        self.refusing = False

    def reservations(self, prefix):
        return Unknown("away") if self.dark else [each for each in self.kept.values() if each.name.startswith(prefix)]

    def reserve(self, wish):
        if self.dark or self.refusing:
            return Unknown("away") if self.dark else Refused("No.")
        self.kept[wish.name] = wish
        return Accepted()

    def release(self, name):
        return Unknown("away") if self.dark else Accepted() if self.kept.pop(name, None) else Absent()


class House:
    def __init__(self, database, clock, engine):
        self.database, self.clock, self.engine = database, clock, engine
        self.keeper = MaintenanceKeeper(database, Engines([engine]), centre="c")
        with database.session() as session:
            add_npu_pool(session)

    def announce(self, begin, end, nodes=()):
        now = self.clock.now()
        with self.database.session() as session:
            return service.announce(session, WHO, pool="npu", begins_at=now + begin, ends_at=now + end, reason="fans", nodes=nodes)

    def window(self):
        with self.database.session() as session:
            return service.list_all_maintenance(session)[0]

    def pool(self):
        with self.database.session() as session:
            return service.get_pool(session, "npu").state

    def later(self, time):
        self.clock.advance(time.total_seconds())
        self.keeper.step()

    def ours(self):
        return {name: each for name, each in self.engine.kept.items() if name.startswith("c-maint_")}


@pytest.fixture
def house(database, fake_clock):
    return House(database, fake_clock, Reserving())


@pytest.fixture
def plain(database, fake_clock):
    return House(database, fake_clock, StubEngine())


def test_what_is_announced_is_reserved_and_kept(house):
    window = house.announce(HOUR, 2 * HOUR, ["n002", "n001"])
    house.keeper.step()
    (kept,) = house.ours().values()
    assert kept == Reserved(f"c-{window.id}", round(window.begins_at.timestamp()), round(window.ends_at.timestamp()), ("n001", "n002"))
    assert (house.window().kept_at, house.window().problem) == (house.clock.now(), "")
    del house.engine.kept[kept.name]
    house.later(timedelta(minutes=1))
    assert list(house.ours()) == [kept.name], "somebody took it away, and it came back"


def test_the_whole_pool_is_reserved_by_its_nodes(house):
    house.announce(HOUR, 2 * HOUR)
    house.keeper.step()
    assert len(next(iter(house.ours().values())).nodes) == 100


def test_what_is_cancelled_is_released_and_others_things_are_left_alone(house):
    window = house.announce(HOUR, 2 * HOUR)
    house.keeper.step()
    with house.database.session() as session:
        service.cancel_window(session, WHO, window.id)
    house.engine.dark = True
    house.keeper.step()
    house.engine.dark = False
    house.later(timedelta(minutes=1))
    assert list(house.engine.kept) == ["other-maint_1"]


def test_what_an_engine_refuses_is_told(house):
    house.engine.refusing = True
    house.announce(HOUR, 2 * HOUR)
    house.keeper.step()
    assert (house.window().kept_at, house.window().problem) == (None, "No.")
    house.engine.refusing = False
    house.later(timedelta(minutes=1))
    assert house.window().problem == ""
    assert house.window().kept_at is not None


def test_without_reservations_the_pool_is_closed_for_the_time(plain):
    plain.announce(HOUR, 2 * HOUR)
    plain.keeper.step()
    assert plain.pool() is PoolState.OPEN
    plain.later(HOUR)
    assert plain.pool() is PoolState.DRAINING
    plain.later(HOUR)
    assert plain.pool() is PoolState.OPEN
    plain.later(HOUR)
    assert not plain.window().drained


def test_a_pool_that_people_closed_stays_closed(plain):
    plain.announce(HOUR, 2 * HOUR)
    with plain.database.session() as session:
        set_pool_state(session, WHO, "npu", PoolState.CLOSED, reason="no power")
    plain.later(HOUR)
    plain.later(2 * HOUR)
    assert plain.pool() is PoolState.CLOSED


def test_single_machines_need_an_engine_that_reserves(plain):
    plain.announce(HOUR, 2 * HOUR, ["n001"])
    plain.later(HOUR)
    assert plain.pool() is PoolState.OPEN
    assert "drain them by hand" in plain.window().problem


@pytest.mark.parametrize(
    ("nodes", "asked", "limit_h", "told"),
    [
        ((), 1, 1.0, None),
        ((), 1, 1.5, "with less than 1 h it may run before"),
        (("n1",), 1, 9.0, None),
        (("n1",), 2, 9.0, "can start only after it"),
        (("n1", "n2"), 1, 9.0, "can start only after it"),
    ],
)
def test_a_job_is_told_of_what_it_would_run_into(fake_clock, nodes, asked, limit_h, told):
    now = fake_clock.now()
    window = Window("maint_1", "npu", nodes, now + HOUR, now + 2 * HOUR, "fans", "Operator", now)
    found = advice([window], ["n1", "n2"], nodes=asked, time_limit_s=int(limit_h * 3600), now=now)
    assert (found is None) == (told is None)
    assert told is None or told in found
    assert advice([window], ["n1", "n2"], nodes=asked, time_limit_s=999_999, now=now + 3 * HOUR) is None
