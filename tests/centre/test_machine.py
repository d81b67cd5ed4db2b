"""Runs under a reconciler that is killed between any two of its actions, over an engine that goes dark and loses answers."""

import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import text
from tests.centre.conftest import add_npu_pool, want_run
from tests.centre.stub import StubEngine

from wutong.centre import service
from wutong.centre.engines.protocol import EndReason, Phase
from wutong.centre.meter import Meter
from wutong.centre.reconciler import Reconciler
from wutong.centre.rules import Policy, RunPhase, StopWhy
from wutong.centre.service import Engines
from wutong.kit import clock
from wutong.kit.loops import drain

WEATHERS = st.sampled_from(["clear", "dark", "lost answers", "slow submissions"])


class Crash(BaseException):
    """The process is killed here."""


class Fragile:
    """Counts down over every touch of engine or database, and kills the process when it comes to nothing."""

    def __init__(self):
        self.left = None

    def touch(self):
        if self.left is None:
            return
        self.left -= 1
        if self.left < 0:
            self.left = None
            raise Crash


class FragileEngine:
    def __init__(self, engine, fragile):
        self.name, self._engine, self._fragile = engine.name, engine, fragile

    def __getattr__(self, verb):
        if not hasattr(self._engine, verb):
            raise AttributeError(verb)

        def call(*args):
            self._fragile.touch()
            answer = getattr(self._engine, verb)(*args)
            self._fragile.touch()
            return answer

        return call


class FragileDatabase:
    def __init__(self, database, fragile):
        self._database, self._fragile = database, fragile

    def session(self):
        return self

    def __enter__(self):
        self._fragile.touch()
        self._open = self._database.session()
        return self._open.__enter__()

    def __exit__(self, kind, error, trace):
        try:
            if kind is None:
                self._fragile.touch()
        except Crash as crash:
            self._open.__exit__(Crash, crash, None)
            raise
        done = self._open.__exit__(kind, error, trace)
        if kind is None:
            self._fragile.touch()
        return done


def empty_centre(database):
    """Empty this room's tables alone, which is many times quicker than all."""
    with database.engine.begin() as connection:
        names = connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE 'centre%'")).all()
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(f"TRUNCATE kit_cursor, {', '.join(names)} RESTART IDENTITY CASCADE"))


class RunsMachine(RuleBasedStateMachine):
    database = None

    @initialize()
    def begin(self):
        self.clock = clock.FakeClock()
        self._before = clock._current
        clock._current = self.clock
        empty_centre(self.database)
        with self.database.session() as session:
            add_npu_pool(session)
        self.stub, self.fragile = StubEngine(), Fragile()
        self.names, self.stopped, self.ended_by_us = [], set(), {}
        self.ended_in_engine = {}
        self.boot()

    def boot(self):
        self.fragile.left = None
        engines = Engines([FragileEngine(self.stub, self.fragile)])
        database = FragileDatabase(self.database, self.fragile)
        policy = Policy(sweep_s=20, sweep_age_s=30, lost_s=20)
        self.reconciler, self.meter = Reconciler(database, engines, policy), Meter(database, engines)

    def runs(self):
        with self.database.session() as session:
            return {run.name: run for run in service.list_runs(session, self.names)}

    @rule(count=st.integers(1, 3), weather=WEATHERS, crash_after=st.none() | st.integers(0, 14), stop=st.booleans())
    def hand_over(self, count, weather, crash_after, stop):
        self.want(count)
        self.weather(weather)
        self.work(crash_after, meter=False)
        if stop:
            self.stop_one(self.names[-1], StopWhy.CANCEL)
            self.work(None, meter=False)

    def want(self, count):
        for _ in range(count):
            name = f"r{len(self.names)}"
            self.names.append(name)
            want_run(self.database, name, slots=len(self.names) % 3 + 1)

    @precondition(lambda self: self.names)
    @rule(pick=st.randoms(use_true_random=False), why=st.sampled_from(StopWhy))
    def stop(self, pick, why):
        self.stop_one(pick.choice(self.names), why)

    def stop_one(self, name, why):
        self.stopped.add(name)
        with self.database.session() as session:
            service.request_stop(session, name, why=why)

    @rule(crash_after=st.none() | st.integers(0, 14), meter=st.booleans())
    def work(self, crash_after, meter):
        self.fragile.left = crash_after
        try:
            self.reconciler.step()
            if meter:
                self.meter.step()
        except Crash:
            self.boot()
        self.fragile.left = None

    @rule(seconds=st.sampled_from([1, 3, 40]))
    def time_passes(self, seconds):
        self.stub.deliver()
        self.clock.advance(seconds)

    @rule(weather=WEATHERS)
    def weather(self, weather):
        self.stub.dark = weather == "dark"
        self.stub.lose_answers = weather == "lost answers"
        self.stub.slow_submits = weather == "slow submissions"

    @precondition(lambda self: self.stub.known)
    @rule(pick=st.randoms(use_true_random=False), reason=st.sampled_from([EndReason.COMPLETED, EndReason.FAILED, EndReason.NODE_LOST]))
    def the_world_moves(self, pick, reason):
        name = pick.choice(sorted(self.stub.known))
        phase = self.stub.known[name].phase
        if phase == Phase.QUEUED:
            self.stub.begin(name)
        elif phase == Phase.RUNNING:
            self.clock.advance(pick.choice([0, 1.5, 7]))
            pick.choice([lambda: self.finish(name, reason), lambda: self.stub.requeue(name), lambda: self.stub.tick(name)])()

    def finish(self, name, reason):
        self.stub.end(name, reason, 0 if reason == EndReason.COMPLETED else 1)

    @invariant()
    def what_ended_stays_and_nothing_ends_by_itself(self):
        if not self.names:
            return
        for name, run in self.runs().items():
            if name in self.ended_by_us:
                assert (run.phase, run.reason, run.restart) == self.ended_by_us[name]
            elif run.phase == RunPhase.ENDED:
                self.ended_by_us[name] = (run.phase, run.reason, run.restart)
                seen = self.stub.known.get(name)
                assert (seen is not None and seen.phase == Phase.ENDED) or (seen is None and name in self.stopped), (run, seen)

    @invariant()
    def nothing_was_started_twice(self):
        assert all(count == 1 for count in getattr(self, "stub", StubEngine()).begun.values())

    def teardown(self):
        if not hasattr(self, "stub"):
            return
        try:
            self.settle()
            self.compare()
        finally:
            clock._current = self._before

    def settle(self):
        """Fair weather until the end: cancels are heard, everything begun comes to its end."""
        self.stub.dark = self.stub.lose_answers = self.stub.slow_submits = False
        self.stub.deliver()
        chance = random.Random(7)
        for _ in range(12):
            drain(self.reconciler.step, most=100)
            if all(run.phase == RunPhase.ENDED for run in self.runs().values()):
                break
            for name, seen in list(self.stub.known.items()):
                if (name, "cancel") in self.stub.told and seen.phase != Phase.ENDED:
                    self.stub.end(name, EndReason.CANCELLED, None)
                elif seen.phase == Phase.QUEUED:
                    self.stub.begin(name)
                elif seen.phase == Phase.RUNNING:
                    self.finish(name, chance.choice([EndReason.COMPLETED, EndReason.FAILED]))
            self.clock.advance(20)
        drain(self.reconciler.step, most=100)
        drain(self.meter.step, most=100)

    def compare(self):
        for name, run in self.runs().items():
            seen = self.stub.known.get(name)
            assert run.phase == RunPhase.ENDED
            if seen is None:
                assert (run.reason, self.stub.submits[name]) == (EndReason.CANCELLED, 0) or name in self.stopped
            else:
                assert (run.reason, run.exit_code, run.restart) == (seen.reason, seen.exit_code, seen.restart)
                assert run.ended_at == clock.datetime.fromtimestamp(seen.ended_at, clock.UTC)
        with self.database.session() as session:
            journal = service.usage_after(session, 0, 10_000)
            assert service.check_meter(session).refused == service.check_meter(session).foreign == 0
            events = service.run_events_after(session, 0, 10_000)
        ours = {(line.run_name, line.restart): line for line in journal}
        theirs = {(record.name, record.restart): record for record in self.stub.journal}
        assert {key: (line.seconds_ms, line.cards, line.final) for key, line in ours.items()} == {
            key: (round(record.seconds * 1000), record.slots, record.final) for key, record in theirs.items()
        }
        assert sorted(event.name for event in events if event.phase == RunPhase.ENDED) == sorted(self.names)
        assert [event.seq for event in events] == sorted({event.seq for event in events})


@pytest.mark.timeout(600)
def test_runs_survive_kills_darkness_and_lost_answers(database):
    machine = type("Machine", (RunsMachine,), {"database": database})
    run_state_machine_as_test(machine, settings=settings(max_examples=max(settings().max_examples // 2, 5)))
