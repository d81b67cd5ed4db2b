"""The tally over a real journal: each window counted as far as it grew, once, and capacity by the history of nodes."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.centre.conftest import want_run

from wutong.centre import service
from wutong.centre.catalogue.rules import NodeEvent, NodeState
from wutong.centre.catalogue.store import add_node_events
from wutong.centre.meter import Meter
from wutong.centre.reconciler import Reconciler
from wutong.centre.utilisation.rules import By, Group
from wutong.centre.utilisation.tally import Tally
from wutong.kit.clock import FakeClock
from wutong.kit.loops import drain

DAY = datetime(2026, 1, 4, 16, tzinfo=UTC)
BEGIN, END = datetime(2026, 1, 5, 8, tzinfo=UTC), datetime(2026, 1, 5, 12, tzinfo=UTC)


class Story:
    """Runs on the stub, told to the tally."""

    def __init__(self, database, engines, stub, clock):
        self.database, self.stub, self.clock = database, stub, clock
        self.loops = [Reconciler(database, engines), Meter(database, engines)]
        self.tally = Tally(database)

    def follow(self):
        for loop in self.loops * 2:
            loop.step()

    def begin(self, name, tenant, slots):
        want_run(self.database, name, tenant, slots=slots)
        self.follow()
        self.stub.begin(name)
        self.follow()

    def slots(self, by, group, begin=BEGIN, end=END):
        with self.database.session() as session:
            found = service.utilisation(session, begin, end, by, group)
        return {(slot.at, slot.key): (slot.card_ms, slot.capacity_card_ms) for slot in found}


@pytest.fixture
def story(centre, engines, stub, fake_clock: FakeClock):
    return Story(centre, engines, stub, fake_clock)


def test_growing_windows_are_counted_once(story):
    story.begin("c-1", "tnt_a", 8)
    for _ in range(3):
        story.clock.advance(60)
        story.stub.tick("c-1")
        story.follow()
        drain(story.tally.step)
    story.begin("c-2", "tnt_b", 2)
    story.clock.advance(10)
    story.stub.end("c-1")
    story.stub.end("c-2")
    story.follow()
    drain(story.tally.step)
    drain(Tally(story.database).step)
    used = {key: card_ms for (_, key), (card_ms, _) in story.slots(By.HOUR, Group.TENANT).items()}
    assert used == {"tnt_a": 190_000 * 8, "tnt_b": 10_000 * 2}
    assert {key: used for (_, key), (used, _) in story.slots(By.HOUR, Group.NODE).items() if used} == {"npu/n001": 190_000 * 8 + 20_000}


def test_capacity_is_that_of_nodes_that_were_there(story):
    drain(story.tally.step)
    with story.database.session() as session:
        at = story.clock.now() + timedelta(minutes=30)
        add_node_events(session, [NodeEvent("npu", "n000", at - timedelta(days=2), NodeState.UP, "", "stub")])
        add_node_events(session, [NodeEvent("npu", "n000", at, NodeState.DOWN, "psu", "stub")])
    story.clock.advance(2 * 3600)
    drain(story.tally.step)
    hour_ms = 3_600_000
    by_pool = story.slots(By.HOUR, Group.POOL)
    assert by_pool[BEGIN, "npu"] == (0, 796 * hour_ms)
    assert by_pool[BEGIN + timedelta(hours=1), "npu"] == (0, 792 * hour_ms)
    assert story.slots(By.HOUR, Group.NODE)[BEGIN, "npu/n000"] == (0, 4 * hour_ms)


def test_days_are_the_bills_and_the_present_hour_is_told(story):
    story.begin("c-1", "tnt_a", 8)
    story.clock.advance(1800)
    story.stub.end("c-1")
    story.follow()
    drain(story.tally.step)
    assert story.slots(By.DAY, Group.POOL) == {(DAY, "npu"): (1800_000 * 8, 1800_000 * 800)}
    assert story.slots(By.DAY, Group.TENANT) == {(DAY, "tnt_a"): (1800_000 * 8, 1800_000 * 800)}


def test_the_load_of_the_moment_is_told(story):
    want_run(story.database, "c-1")
    story.begin("c-2", "tnt_a", 4)
    story.clock.advance(30)
    with story.database.session() as session:
        now = service.load(session)
    assert now.queued == {("npu", "queued"): 1}
    assert now.oldest_waiting_s == {"npu": 30.0}
    assert (now.nodes, now.starts_per_minute, now.ends_per_minute) == ({("npu", "up"): 100}, 1, 0)
