from tests.centre.stub import StubEngine

from wutong.centre.runs.store import changes_cursor
from wutong.centre.service import Engines
from wutong.centre.watcher import make_watchers
from wutong.kit import cursors


class WaitingEngine(StubEngine):
    name = "waiting"
    changed = True

    def wait(self, cursor, timeout_s):
        self.calls["wait"] += 1
        return self.changed


def test_only_engines_that_can_be_waited_on_get_a_watcher(database):
    found = make_watchers(database, Engines([StubEngine(), WaitingEngine()]))
    assert [watcher.name for watcher in found] == ["centre.watcher:waiting"]


def test_a_change_wakes_the_reconciler_once_until_it_has_read_on(database):
    engine = WaitingEngine()
    (watcher,) = make_watchers(database, Engines([engine]))
    slept = []
    watcher._sleep = slept.append
    with database.listen(["centre_runs"]) as connection:
        assert watcher.step()
        assert watcher.step()
        assert (engine.calls["wait"], slept) == (1, [0.02])
        assert len(list(connection.notifies(timeout=0.2))) == 1
    with database.session() as session:
        cursors.set_text(session, changes_cursor("waiting"), "7")
    assert watcher.step()
    assert engine.calls["wait"] == 2


def test_a_wake_that_was_lost_is_said_again(database):
    engine = WaitingEngine()
    (watcher,) = make_watchers(database, Engines([engine]))
    watcher._sleep = lambda _seconds: None
    for _ in range(9):
        watcher.step()
    assert engine.calls["wait"] == 2


def test_an_engine_that_does_not_answer_lets_the_loop_rest(database):
    engine = WaitingEngine()
    engine.changed = False
    (watcher,) = make_watchers(database, Engines([engine]))
    assert not watcher.step()
