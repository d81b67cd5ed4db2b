"""Loops run, wake, rest, survive errors, and one process at a time holds a lease."""

import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import text

from wutong.kit import loops
from wutong.kit.clock import FakeClock
from wutong.kit.database import Database, notify
from wutong.kit.loops import Loop, Runner, drain, free_dead_leases, list_leases, take_lease


def wait_until(condition: Callable[[], bool], *, patience_s: float = 10) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def run(database: Database):
    runners: list[tuple[Runner, threading.Thread]] = []

    def start(*loops_: Loop) -> Runner:
        runner = Runner(database, loops_)
        thread = threading.Thread(target=runner.run)
        thread.start()
        runners.append((runner, thread))
        return runner

    yield start
    for runner, thread in runners:
        runner.stop()
        thread.join(10)
        assert not thread.is_alive()


def test_a_lease_is_one_holders_until_it_expires(database: Database, fake_clock: FakeClock) -> None:
    with database.session() as session:
        assert take_lease(session, "thing", "a", 15)
        assert take_lease(session, "thing", "a", 15)
        assert not take_lease(session, "thing", "b", 15)
    fake_clock.advance(16)
    with database.session() as session:
        assert take_lease(session, "thing", "b", 15)
        assert not take_lease(session, "thing", "a", 15)


def test_leases_tell_how_late_they_are(database: Database, fake_clock: FakeClock) -> None:
    with database.session() as session:
        take_lease(session, "thing", "a", 15)
    fake_clock.advance(20)
    with database.session() as session:
        assert list_leases(session)["thing"].total_seconds() == 5


def test_leases_of_the_dead_are_freed_and_of_the_living_kept(database: Database) -> None:
    code = "import os; from wutong.kit.loops import _holder; print(_holder())"
    dead = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    reborn = loops._holder().rsplit(":", 1)[0] + ":1"
    with database.session() as session:
        take_lease(session, "dead", dead)
        take_lease(session, "reborn", reborn)
        take_lease(session, "elsewhere", "another-host:pid:[1]:12:34")
        take_lease(session, "mine")
        assert free_dead_leases(session) == 2
        assert set(list_leases(session)) == {"elsewhere", "mine"}


def test_a_loop_works_until_there_is_nothing_left(run) -> None:
    left = [1, 2, 3]
    done = []

    def step() -> bool:
        if not left:
            return False
        done.append(left.pop())
        return True

    run(Loop("eater", step, rest_s=60))
    wait_until(lambda: len(done) == 3)


def test_a_notice_wakes_a_resting_loop_at_once(run, database: Database) -> None:
    steps = []
    run(Loop("sleeper", lambda: bool(steps.append(time.monotonic())), ("test_channel",), rest_s=60))
    wait_until(lambda: len(steps) >= 1)
    time.sleep(0.3)
    before = len(steps)
    sent = time.monotonic()
    with database.session() as session:
        notify(session, "test_channel")
    wait_until(lambda: len(steps) > before)
    assert steps[before] - sent < 1.0


def test_a_loop_that_fails_is_tried_again_and_harms_no_other(run) -> None:
    tries, others = [], []

    def fail_twice() -> bool:
        tries.append(1)
        if len(tries) <= 2:
            raise RuntimeError("broken")
        return False

    run(Loop("broken", fail_twice, rest_s=0.01), Loop("other", lambda: bool(others.append(1)), rest_s=0.01))
    wait_until(lambda: len(others) > 5)
    wait_until(lambda: len(tries) > 3)


def test_a_loop_does_not_run_while_another_process_holds_it(run, database: Database) -> None:
    with database.session() as session:
        take_lease(session, "loop:held", "somebody:else:1:1", 3600)
    steps = []
    run(Loop("held", lambda: bool(steps.append(1)), rest_s=0.01))
    time.sleep(0.3)
    assert steps == []
    with database.session() as session:
        session.execute(text("DELETE FROM kit_lease"))
    wait_until(lambda: bool(steps))


def test_waking_survives_a_lost_connection(run, database: Database) -> None:
    steps = []
    run(Loop("stubborn", lambda: bool(steps.append(1)), ("test_channel",), rest_s=60))
    wait_until(lambda: bool(steps))
    time.sleep(0.2)
    with database.session() as session:
        mine = "datname = current_database() AND pid <> pg_backend_pid()"
        session.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {mine} AND query LIKE 'LISTEN%'"))
    time.sleep(1.2)
    before = len(steps)
    with database.session() as session:
        notify(session, "test_channel")
    wait_until(lambda: len(steps) > before)


def test_a_stopped_runner_gives_its_leases_back(database: Database) -> None:
    steps = []
    runner = Runner(database, [Loop("polite", lambda: bool(steps.append(1)), rest_s=60)])
    thread = threading.Thread(target=runner.run)
    thread.start()
    wait_until(lambda: bool(steps))
    runner.stop()
    thread.join(10)
    with database.session() as session:
        assert take_lease(session, "loop:polite", "somebody:else:1:1")


def test_drain_counts_the_work() -> None:
    left = [1, 2]
    assert drain(lambda: bool(left and left.pop())) == 2
    assert drain(lambda: True, most=5) == 5


def test_our_holder_lives() -> None:
    assert loops._lives(loops._holder())
    assert loops._holder().split(":")[-2] == str(os.getpid())


def test_a_loop_gathers_between_steps_and_begins_at_once(run, database: Database) -> None:
    steps: list[float] = []
    run(Loop("gatherer", lambda: bool(steps.append(time.monotonic())) or len(steps) < 3, rest_s=60, gather_s=0.2))
    wait_until(lambda: len(steps) >= 3)
    assert min(after - before for before, after in itertools.pairwise(steps)) >= 0.2


def test_no_loop_may_rest_so_long_that_it_seems_stuck():
    with pytest.raises(ValueError, match="60 s at most"):
        Loop("sleepy", lambda: False, rest_s=3600.0)
