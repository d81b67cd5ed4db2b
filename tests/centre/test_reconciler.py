from datetime import timedelta

import pytest
from tests.centre.conftest import want_run
from tests.centre.stub import StubEngine

from wutong.centre import service
from wutong.centre.engines.protocol import EndReason, Phase, Sighting
from wutong.centre.meter import Meter
from wutong.centre.reconciler import Reconciler
from wutong.centre.rules import NotIsolated, RunNameTaken, RunNotEnded, RunPhase, StopWhy
from wutong.kit import clock
from wutong.kit.errors import Invalid
from wutong.kit.loops import drain


@pytest.fixture
def reconciler(centre, engines, policy):
    return Reconciler(centre, engines, policy)


def run_of(centre, name="r1"):
    with centre.session() as session:
        return service.get_run(session, name)


def phases(centre, name="r1"):
    with centre.session() as session:
        return [(event.phase, event.restart) for event in service.list_run_events(session, name)]


def test_a_run_goes_from_request_to_end(centre, reconciler, stub, fake_clock):
    want_run(centre, "r1", slots=2)
    drain(reconciler.step)
    assert run_of(centre).phase == RunPhase.QUEUED
    fake_clock.advance(5)
    stub.begin("r1")
    drain(reconciler.step)
    assert run_of(centre).started_at == clock.now()
    fake_clock.advance(5)
    stub.end("r1", EndReason.FAILED, 3)
    drain(reconciler.step)
    run = run_of(centre)
    assert (run.phase, run.reason, run.exit_code, run.ended_at) == (RunPhase.ENDED, EndReason.FAILED, 3, clock.now())
    assert phases(centre) == [("queued", 0), ("running", 0), ("ended", 0)]


def test_nothing_is_sent_before_the_request_commits_and_names_are_taken_once(centre, reconciler, stub):
    want_run(centre, "r1")
    with pytest.raises(RunNameTaken):
        want_run(centre, "r1")
    with pytest.raises(Invalid):
        want_run(centre, "r2", environment={"A": "\x00"})
    drain(reconciler.step)
    assert stub.submits == {"r1": 1}


def test_a_lost_answer_is_looked_up_and_not_sent_again(centre, reconciler, stub, fake_clock):
    want_run(centre, "r1")
    stub.lose_answers = True
    reconciler.step()
    assert run_of(centre).phase == RunPhase.UNCONFIRMED
    fake_clock.advance(60)
    stub.lose_answers = False
    drain(reconciler.step)
    assert run_of(centre).phase == RunPhase.QUEUED
    assert stub.submits == {"r1": 1}


def test_a_submission_that_never_arrived_is_sent_again_after_absent_was_seen(centre, engines, policy, stub, fake_clock):
    want_run(centre, "r1")

    class Crash(BaseException):
        pass

    def crash(spec):
        raise Crash

    stub.submit = crash
    with pytest.raises(Crash):
        Reconciler(centre, engines, policy).step()
    del stub.submit
    assert run_of(centre).phase == RunPhase.UNCONFIRMED
    again = Reconciler(centre, engines, policy)
    drain(again.step)
    assert stub.submits == {}
    fake_clock.advance(3)
    drain(again.step)
    assert stub.submits == {"r1": 1}
    assert run_of(centre).phase == RunPhase.QUEUED


def test_a_refusal_ends_the_run_with_the_engines_sentence(centre, reconciler, stub):
    stub.refuse.add("r1")
    want_run(centre, "r1")
    drain(reconciler.step)
    assert (run_of(centre).reason, run_of(centre).detail) == (EndReason.START_FAILED, "No node is that large; ask for less.")


def test_a_dark_engine_ends_nothing_and_is_given_nothing(centre, reconciler, stub, fake_clock):
    want_run(centre, "r1")
    drain(reconciler.step)
    stub.begin("r1")
    drain(reconciler.step)
    stub.dark = True
    want_run(centre, "r2")
    for _ in range(50):
        fake_clock.advance(600)
        reconciler.step()
    run = run_of(centre)
    assert run.phase == RunPhase.RUNNING
    assert run.lost_contact_since is not None
    assert stub.calls["submit"] == 1
    stub.dark = False
    stub.end("r1")
    fake_clock.advance(2)
    drain(reconciler.step)
    assert run_of(centre).reason == EndReason.COMPLETED
    assert run_of(centre).lost_contact_since is None
    assert run_of(centre, "r2").phase == RunPhase.QUEUED


def test_a_run_the_engine_lost_is_given_up_after_repeated_looks(centre, reconciler, stub, fake_clock):
    want_run(centre, "r1")
    drain(reconciler.step)
    stub.begin("r1")
    drain(reconciler.step)
    stub.lose("r1")
    fake_clock.advance(400)
    drain(reconciler.step)
    assert run_of(centre).absent_count == 1
    fake_clock.advance(16)
    drain(reconciler.step)
    assert run_of(centre).phase == RunPhase.RUNNING
    fake_clock.advance(16)
    drain(reconciler.step)
    assert run_of(centre).reason == EndReason.ENGINE_FAULT


def test_darkness_between_two_absents_starts_the_count_anew(centre, reconciler, stub, fake_clock):
    want_run(centre, "r1")
    drain(reconciler.step)
    kept = stub.known["r1"]
    stub.lose("r1")
    fake_clock.advance(400)
    drain(reconciler.step)
    stub.dark = True
    fake_clock.advance(100)
    reconciler.step()
    stub.dark = False
    fake_clock.advance(2)
    drain(reconciler.step)
    assert run_of(centre).absent_count == 1
    stub.known["r1"] = kept
    fake_clock.advance(20)
    drain(reconciler.step)
    assert (run_of(centre).phase, run_of(centre).absent_count) == (RunPhase.QUEUED, 0)


def test_late_sightings_and_terminal_states_stay(centre, reconciler, stub):
    want_run(centre, "r1")
    drain(reconciler.step)
    stub.begin("r1")
    stub.requeue("r1")
    stub.begin("r1")
    drain(reconciler.step)
    stub._keep(Sighting("r1", Phase.ENDED, restart=0, reason=EndReason.FAILED))
    drain(reconciler.step)
    assert (run_of(centre).phase, run_of(centre).restart) == (RunPhase.RUNNING, 1)
    stub._keep(Sighting("r1", Phase.QUEUED, restart=1))
    drain(reconciler.step)
    assert run_of(centre).phase == RunPhase.RUNNING
    stub._keep(Sighting("r1", Phase.ENDED, restart=1, reason=EndReason.COMPLETED, exit_code=0))
    drain(reconciler.step)
    stub._keep(Sighting("r1", Phase.RUNNING, restart=2))
    drain(reconciler.step)
    assert run_of(centre).reason == EndReason.COMPLETED


def test_stop_before_submission_needs_no_engine(centre, reconciler, stub):
    want_run(centre, "r1")
    with centre.session() as session:
        service.request_stop(session, "r1", why=StopWhy.MONEY)
    drain(reconciler.step)
    assert (run_of(centre).reason, run_of(centre).stop_why) == (EndReason.CANCELLED, StopWhy.MONEY)
    assert stub.submits == {}


def test_stop_of_an_unconfirmed_run_waits_for_the_truth(centre, reconciler, stub, fake_clock):
    want_run(centre, "r1")
    stub.lose_answers = True
    reconciler.step()
    with centre.session() as session:
        service.request_stop(session, "r1", why=StopWhy.CANCEL)
    assert run_of(centre).phase == RunPhase.UNCONFIRMED
    stub.lose_answers = False
    fake_clock.advance(5)
    drain(reconciler.step)
    assert ("r1", "cancel") in stub.told
    stub.end("r1", EndReason.CANCELLED, None)
    drain(reconciler.step)
    assert run_of(centre).reason == EndReason.CANCELLED


def test_cancel_is_said_again_until_the_end_and_a_signal_once(centre, reconciler, stub, fake_clock):
    want_run(centre, "r1")
    drain(reconciler.step)
    stub.begin("r1")
    with centre.session() as session:
        service.request_signal(session, "r1", "SIGUSR1")
    drain(reconciler.step)
    with centre.session() as session:
        service.request_stop(session, "r1", why=StopWhy.CANCEL)
    drain(reconciler.step)
    fake_clock.advance(16)
    drain(reconciler.step)
    assert stub.told == [("r1", "SIGUSR1"), ("r1", "cancel"), ("r1", "cancel")]


def test_a_run_is_forgotten_only_after_its_last_usage_was_read(centre, engines, reconciler, stub, fake_clock):
    want_run(centre, "r1")
    drain(reconciler.step)
    with centre.session() as session, pytest.raises(RunNotEnded):
        service.forget_run(session, "r1")
    stub.begin("r1")
    fake_clock.advance(7)
    stub.end("r1")
    drain(reconciler.step)
    with centre.session() as session:
        service.forget_run(session, "r1")
    drain(reconciler.step)
    assert not stub.forgotten
    Meter(centre, engines).step()
    fake_clock.advance(3)
    drain(reconciler.step)
    assert stub.forgotten == {"r1"}
    assert run_of(centre).forgotten_at == clock.now()


def test_one_run_that_cannot_be_written_stops_nobody_else(centre, reconciler, stub):
    for name in ("r1", "r2", "r3"):
        want_run(centre, name)
    drain(reconciler.step)
    stub._keep(Sighting("r2", Phase.RUNNING, restart=2**40))
    for name in ("r1", "r3"):
        stub.begin(name)
    drain(reconciler.step)
    assert [run_of(centre, name).phase for name in ("r1", "r2", "r3")] == ["running", "queued", "running"]
    assert run_of(centre, "r2").due_at > clock.now() + timedelta(seconds=30)


def test_hostile_words_of_an_engine_are_made_fit_to_keep(centre, reconciler, stub):
    want_run(centre, "r1")
    drain(reconciler.step)
    stub._keep(Sighting("r1", Phase.ENDED, detail="a\x00b\udcff", exit_code=2**40, started_at=float("nan"), outputs_path="/x"))
    drain(reconciler.step)
    assert (run_of(centre).detail, run_of(centre).exit_code, run_of(centre).reason) == ("ab?", 2**31 - 1, EndReason.FAILED)


def test_the_first_tenant_has_an_unconfined_engine_to_itself(centre, engines, policy, stub):
    engines.add(StubEngine(isolated=False))
    drain(Reconciler(centre, engines, policy).step)
    want_run(centre, "r1", "tnt_a")
    want_run(centre, "r2", "tnt_a")
    with pytest.raises(NotIsolated, match="bubblewrap"):
        want_run(centre, "r3", "tnt_b")
    engines.allow_unconfined_tenants = True
    drain(Reconciler(centre, engines, policy).step)
    want_run(centre, "r3", "tnt_b")


def test_an_engine_that_raises_is_an_engine_that_did_not_answer(centre, reconciler, stub, fake_clock):
    want_run(centre, "r1")
    stub.changes = lambda since: 1 / 0
    assert not reconciler.step()
    del stub.changes
    fake_clock.advance(2)
    drain(reconciler.step)
    assert run_of(centre).phase == RunPhase.QUEUED
