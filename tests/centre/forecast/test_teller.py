"""The loop that tells of waiting runs, on a real journal: what is told, when nothing is, what comes of it, and what a restart leaves of it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.centre.conftest import want_run

from wutong.centre import service
from wutong.centre.forecast import store
from wutong.centre.forecast.teller import Pace, Teller
from wutong.centre.forecast.told import ENOUGH
from wutong.centre.maintenance import store as maintenance_store
from wutong.centre.maintenance.rules import Window
from wutong.centre.reconciler import Reconciler
from wutong.kit.database import Database

AT_ONCE = Pace(least_s=0.0, rest=0, save_s=0.0, part_s=3600.0)
RUN_S = 600


class Story:
    """Runs on the stub, told by the teller."""

    def __init__(self, database: Database, engines, stub, clock):
        self.database, self.engines, self.stub, self.clock = database, engines, stub, clock
        self.reconciler = Reconciler(database, engines)
        self.teller = Teller(database, engines, AT_ONCE)

    def follow(self):
        self.reconciler.step()
        self.reconciler.step()
        self.teller.step()

    def want(self, *names, nodes=1, limit_s=3600, **more):
        for name in names:
            want_run(self.database, name, nodes=nodes, slots=8, time_limit_s=limit_s, person="ann", **more)
        self.reconciler.step()
        self.reconciler.step()

    def begin(self, *names):
        for name in names:
            self.stub.begin(name)
        self.follow()

    def end(self, *names):
        for name in names:
            self.stub.end(name)
        self.follow()

    def learn(self, count=ENOUGH):
        """Let so many runs of ten minutes come and go."""
        names = [f"past-{number}" for number in range(count)]
        self.want(*names)
        self.begin(*names)
        self.clock.advance(RUN_S)
        self.end(*names)

    def told(self, *names):
        with self.database.session() as session:
            return service.forecast_of(session, names)

    def wait(self, limit_s=3600, nodes=1):
        with self.database.session() as session:
            return service.expected_wait(session, service.get_flavour(session, "npu.8"), nodes=nodes, time_limit_s=limit_s)

    def accuracy(self):
        with self.database.session() as session:
            return service.forecast_accuracy(session)

    def fill(self):
        """Let one run take the whole pool; what comes after it waits."""
        self.want("full", nodes=100)
        self.begin("full")


@pytest.fixture
def story(centre, engines, stub, fake_clock):
    return Story(centre, engines, stub, fake_clock)


def test_nothing_is_told_before_enough_is_known(story):
    story.learn(ENOUGH - 1)
    story.fill()
    story.want("waits")
    story.follow()
    assert story.told("waits") == {}
    assert story.wait() is None


def test_a_waiting_run_is_told_when_runs_like_those_before_it_have_ended(story):
    story.learn()
    assert story.wait().wait_s == 0
    story.fill()
    story.want("waits")
    story.follow()
    told = story.told("waits", "full")
    assert list(told) == ["waits"]
    left = (told["waits"].start_at - story.clock.now()).total_seconds()
    assert abs(left - RUN_S) <= 1
    assert told["waits"].bound_at is None, "nothing has come true yet, so nobody knows what nine in ten keep"
    assert abs(story.wait().wait_s - RUN_S) <= 1
    assert story.wait(nodes=100).wait_s > RUN_S, "it stands last, so it waits for the one that waits"
    assert story.wait(nodes=101) is None


def test_what_was_told_first_is_held_against_the_start(story):
    story.learn()
    story.fill()
    story.want("one", "two")
    story.follow()
    story.clock.advance(RUN_S + 60)
    story.end("full")
    story.begin("one")
    assert list(story.told("one", "two")) == ["two"]
    (found,) = story.accuracy()
    assert (found.pool, found.jobs, found.foretold, found.coverage) == ("npu", 1, 0, None)
    assert abs(found.median_error_s - 60) <= 1


def test_a_bound_is_told_when_enough_has_come_true(story):
    story.learn()
    names = [f"next-{number}" for number in range(ENOUGH + 1)]
    story.want("first", nodes=100)
    story.begin("first")
    story.want(*names)
    story.follow()
    story.clock.advance(RUN_S)
    story.end("first")
    story.begin(*names)
    story.clock.advance(RUN_S)
    story.end(*names)
    story.fill()
    story.want("waits")
    story.follow()
    told = story.told("waits")["waits"]
    assert told.start_at <= told.bound_at <= told.start_at + timedelta(seconds=RUN_S)
    story.clock.advance(RUN_S)
    story.end("full")
    story.begin("waits")
    (found,) = story.accuracy()
    assert (found.jobs, found.foretold, found.coverage) == (ENOUGH + 2, 1, 1.0)


def test_what_did_not_wait_and_was_not_foretold_to_says_nothing(story):
    story.learn()
    story.want("quick")
    story.follow()
    story.clock.advance(2)
    story.begin("quick")
    assert story.accuracy() == []


def test_a_run_that_is_cancelled_while_it_waits_is_told_of_no_more(story):
    story.learn()
    story.fill()
    story.want("waits")
    story.follow()
    story.end("waits")
    assert story.told("waits") == {}
    with story.database.session() as session:
        assert store.told(session) == {}


def test_a_run_that_is_requeued_is_told_again(story):
    story.learn()
    story.fill()
    story.stub.requeue("full")
    story.stub.known["full"] = replace(story.stub.known["full"], position=1)
    story.follow()
    assert list(story.told("full")) == ["full"]


def test_only_news_is_written(story):
    story.learn()
    story.fill()
    story.want("waits")
    story.follow()
    first = story.told("waits")["waits"]
    story.clock.advance(20)
    story.want("another")
    story.follow()
    assert story.told("waits")["waits"] == first
    story.clock.advance(10)
    story.end("full")
    assert story.told("waits")["waits"].start_at == story.clock.now()


def test_the_engines_order_decides(story):
    story.learn()
    story.fill()
    story.want("first", "second", nodes=100)
    story.stub.known["first"] = replace(story.stub.known["first"], position=2)
    story.follow()
    told = story.told("first", "second")
    assert told["second"].start_at < told["first"].start_at


def test_what_the_engine_holds_back_is_not_told(story):
    story.learn()
    story.fill()
    story.want("held")
    story.stub.known["held"] = replace(story.stub.known["held"], position=None, waiting_for="An operator holds it.")
    story.follow()
    assert story.told("held") == {}


def test_a_dark_engine_leaves_the_order_of_submission(story):
    story.learn()
    story.fill()
    story.want("first", nodes=100)
    story.clock.advance(1)
    story.want("second", nodes=100)
    story.stub.dark = True
    story.teller.step()
    told = story.told("first", "second")
    assert told["first"].start_at < told["second"].start_at


def test_a_restart_knows_what_was_learnt_and_scores_nothing_twice(story):
    story.learn()
    story.fill()
    story.want("waits")
    story.follow()
    learnt, told = story.teller._desks["npu"].forecaster.learnt, story.told("waits")
    story.teller = Teller(story.database, story.engines, AT_ONCE)
    story.follow()
    assert story.teller._desks["npu"].forecaster.learnt == learnt
    assert story.told("waits") == told
    story.clock.advance(RUN_S)
    story.end("full")
    story.begin("waits")
    story.teller = Teller(story.database, story.engines, AT_ONCE)
    story.follow()
    assert story.accuracy()[0].jobs == 1


def test_what_happens_while_nobody_tells_is_learnt_afterwards(story):
    story.learn()
    story.teller = Teller(story.database, story.engines, AT_ONCE)
    story.want("meanwhile")
    story.stub.begin("meanwhile")
    story.clock.advance(RUN_S)
    story.stub.end("meanwhile")
    story.follow()
    assert story.teller._desks["npu"].forecaster.learnt == ENOUGH + 1


def test_a_lost_state_is_made_anew_from_the_runs(story):
    story.learn()
    with story.database.session() as session:
        session.execute(store.delete(store.ForecasterRow))
    story.teller = Teller(story.database, story.engines, AT_ONCE)
    story.follow()
    assert story.teller._desks["npu"].forecaster.learnt == ENOUGH


def test_nothing_old_is_told_as_though_it_were_known_now(story):
    story.learn()
    story.fill()
    story.want("waits")
    story.follow()
    story.clock.advance(11 * 60)
    assert story.told("waits") == {}
    assert story.wait() is None


def test_a_maintenance_of_the_pool_is_waited_for(story):
    story.learn()
    story.fill()
    begins_at = story.clock.now() + timedelta(seconds=RUN_S + 60)
    window = Window("maint_1", "npu", (), begins_at, begins_at + timedelta(hours=2), "fans", "operator", story.clock.now())
    with story.database.session() as session:
        maintenance_store.add(session, window)
    story.want("waits", "short", limit_s=3600)
    story.follow()
    assert story.told("waits")["waits"].start_at == window.ends_at
    assert story.wait().wait_s == (window.ends_at - story.clock.now()).total_seconds()


def test_a_long_queue_is_asked_for_its_order_in_turns(story, monkeypatch):
    monkeypatch.setattr("wutong.centre.forecast.desk.ASKED_AT_ONCE", 2)
    story.learn()
    story.fill()
    story.want("a", "b", "c", "d", "e", nodes=100)
    asked = []
    observe = story.stub.observe
    story.stub.observe = lambda names: asked.append(set(names)) or observe(names)
    for _ in range(3):
        story.teller._desks["npu"].changed = True
        story.teller.step()
    looks = [names for names in asked if len(names) <= 2]
    assert set().union(*looks) == {"a", "b", "c", "d", "e"}
    assert len(story.told("a", "b", "c", "d", "e")) == 5


def test_a_write_that_fails_is_made_up_for(story, monkeypatch):
    story.learn()
    story.fill()
    story.want("waits")
    with monkeypatch.context() as broken:
        broken.setattr(store, "keep_outlook", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            story.teller.step()
    assert story.told("waits") == {}
    story.teller.step()
    assert list(story.told("waits")) == ["waits"]


def test_lines_that_come_again_are_heard_once(story, monkeypatch):
    story.learn(ENOUGH - 1)
    story.want("one")
    story.stub.begin("one")
    story.reconciler.step()
    story.clock.advance(RUN_S)
    story.stub.end("one")
    story.reconciler.step()
    with monkeypatch.context() as broken:
        broken.setattr(store, "score", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            story.teller.step()
    story.teller.step()
    assert story.teller._desks["npu"].forecaster.learnt == ENOUGH
