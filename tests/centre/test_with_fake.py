"""The loops over the fake engine that ships with the product: a busy pool from request to forgotten."""

import pytest
from tests.centre.conftest import add_npu_pool, want_run

from wutong.centre import service
from wutong.centre.engines.fake import FakeEngine, Script
from wutong.centre.engines.protocol import EndReason
from wutong.centre.meter import Meter
from wutong.centre.reconciler import Reconciler
from wutong.centre.rules import StopWhy
from wutong.centre.service import Engines
from wutong.kit.loops import drain


@pytest.fixture
def fake(database, fake_clock):
    with database.session() as session:
        add_npu_pool(session, engine="fake")
    return FakeEngine(slots=8)


def turn(reconciler, fake, fake_clock, seconds):
    fake_clock.advance(seconds)
    fake.advance(seconds)
    drain(reconciler.step)


def test_twenty_runs_share_eight_slots_and_all_is_metered(database, fake, fake_clock):
    engines = Engines([fake])
    reconciler, meter = Reconciler(database, engines), Meter(database, engines)
    names = [f"r{number:02}" for number in range(20)]
    for number, name in enumerate(names):
        fake.script(name, Script(seconds=30.0 + number, exit_code=number % 3, output=b"hello\n"))
        want_run(database, name, slots=2, memory_mb=100)
    fake.lose_answer()
    drain(reconciler.step)
    for _ in range(30):
        turn(reconciler, fake, fake_clock, 10)
        drain(meter.step)
    with database.session() as session:
        runs = {run.name: run for run in service.list_runs(session, names)}
        lines = service.usage_after(session, 0, 1000)
        for name in names:
            service.forget_run(session, name)
    totals = {(line.run_name, line.window_start): line.card_seconds_ms for line in lines}
    for number, name in enumerate(names):
        assert runs[name].exit_code == number % 3
        assert runs[name].reason == (EndReason.FAILED if number % 3 else EndReason.COMPLETED)
        assert sum(ms for (run, _), ms in totals.items() if run == name) == (30 + number) * 2000
    assert len(fake.starts) == 20
    turn(reconciler, fake, fake_clock, 1)
    with database.session() as session:
        assert all(run.forgotten_at is not None for run in service.list_runs(session, names))


def test_a_stopped_run_ends_as_the_engine_says_and_keeps_the_cause(database, fake, fake_clock):
    reconciler = Reconciler(database, Engines([fake]))
    fake.script("r1", Script(seconds=1000, stop_seconds=3))
    want_run(database, "r1", slots=2, memory_mb=100)
    drain(reconciler.step)
    turn(reconciler, fake, fake_clock, 5)
    with database.session() as session:
        service.request_stop(session, "r1", why=StopWhy.MONEY)
        service.request_stop(session, "r1", why=StopWhy.CANCEL)
    drain(reconciler.step)
    turn(reconciler, fake, fake_clock, 5)
    with database.session() as session:
        run = service.get_run(session, "r1")
        events = service.list_run_events(session, "r1")
    assert (run.reason, run.stop_why, (run.ended_at - run.started_at).total_seconds()) == (EndReason.CANCELLED, StopWhy.MONEY, 8)
    assert [event.phase for event in events] == ["queued", "running", "ended"]
