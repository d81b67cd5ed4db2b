from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wutong.centre.engines.protocol import Absent, Accepted, EndReason, Mount, Phase, Refused, RunSpec, Sighting, Unknown
from wutong.centre.runs import decisions
from wutong.centre.runs.decisions import Act, Policy, View
from wutong.centre.runs.rules import MOVES, Run, RunPhase, StopWhy, move, spec_from_json, spec_to_json

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
POLICY = Policy()
RUN = Run("r1", "npu", "stub", "tnt_a", 8, RunPhase.REQUESTED, NOW, due_at=NOW)


def at(phase, **changes):
    ended = {"reason": EndReason.FAILED, "ended_at": NOW} if phase == RunPhase.ENDED else {}
    return replace(RUN, phase=phase, due_at=None, **{**ended, **changes})


def look(run, seen, now=NOW, since=NOW - timedelta(hours=1), version=None):
    return decisions.after_look(run, seen, View(now, since, version), POLICY)


ANY_RUN = st.builds(
    at,
    st.sampled_from(RunPhase),
    restart=st.integers(0, 2),
    stop_why=st.none() | st.sampled_from(StopWhy),
    absent_count=st.integers(0, 5),
    absent_since=st.none() | st.just(NOW - timedelta(seconds=60)),
    sent_at=st.none() | st.just(NOW - timedelta(seconds=1)),
)
ANY_SIGHTING = st.builds(
    Sighting,
    st.just("r1"),
    st.sampled_from(Phase),
    restart=st.integers(0, 3),
    reason=st.none() | st.sampled_from(EndReason),
    detail=st.text(max_size=5),
    exit_code=st.none() | st.integers(),
    started_at=st.none() | st.floats(),
    position=st.none() | st.integers(),
    waiting_for=st.none() | st.text(max_size=3),
)


@given(ANY_RUN, ANY_SIGHTING)
def test_a_sighting_never_goes_back_and_never_leaves_the_table_of_moves(run, seen):
    step = look(run, seen)
    if run.phase == RunPhase.ENDED:
        assert step is None
    elif step is not None:
        assert step.run.restart >= run.restart or not run.live
        requeued = step.run.restart > run.restart
        assert step.run.phase == run.phase or step.run.phase in MOVES[run.phase]
        assert requeued or (run.phase, step.run.phase) != (RunPhase.RUNNING, RunPhase.QUEUED)
        assert (step.run.phase == RunPhase.ENDED) == (step.run.reason is not None) == (step.run.ended_at is not None)
        again = look(step.run, seen, now=NOW + timedelta(seconds=9))
        assert again is None or not again.event


@given(ANY_RUN)
def test_unknown_ends_nothing_and_sends_nothing(run):
    for step in (look(run, Unknown("dark")), decisions.after_cancel(run, Unknown("dark"), View(NOW, NOW), POLICY)):
        assert step is None or (step.run.phase == run.phase and not step.event and step.run.absent_count == run.absent_count)
    submitted = decisions.after_submit(run, Unknown("dark"), NOW, POLICY)
    assert submitted is None or submitted.run.phase == RunPhase.UNCONFIRMED


@pytest.mark.parametrize(
    ("run", "act"),
    [
        (RUN, Act.SUBMIT),
        (replace(RUN, stop_why=StopWhy.CANCEL), Act.END_UNSENT),
        (at(RunPhase.UNCONFIRMED), Act.LOOK),
        (at(RunPhase.UNCONFIRMED, stop_why=StopWhy.CANCEL), Act.LOOK),
        (at(RunPhase.RUNNING, stop_why=StopWhy.MONEY, send_signal="SIGUSR1"), Act.CANCEL),
        (at(RunPhase.RUNNING, send_signal="SIGUSR1"), Act.SIGNAL),
        (at(RunPhase.RUNNING, absent_count=1, stop_why=StopWhy.CANCEL), Act.LOOK),
        (at(RunPhase.ENDED), Act.REST),
        (at(RunPhase.ENDED, forget=True), Act.FORGET),
        (at(RunPhase.ENDED, forget=True, forgotten_at=NOW), Act.REST),
    ],
)
def test_what_is_next(run, act):
    assert decisions.next_act(run) == act


def test_answers_to_a_submission():
    sent = decisions.claim(RUN, NOW, POLICY)
    assert (sent.phase, sent.tries) == (RunPhase.UNCONFIRMED, 1)
    assert decisions.after_submit(sent, Accepted(), NOW, POLICY).run.phase == RunPhase.QUEUED
    assert decisions.after_submit(sent, Refused("Too large."), NOW, POLICY).run.reason == EndReason.START_FAILED
    assert decisions.after_submit(at(RunPhase.RUNNING), Refused("Too large."), NOW, POLICY) is None
    unclear = decisions.after_submit(sent, Unknown("timed out"), NOW, POLICY)
    assert (unclear.event, unclear.run.due_at) == (True, NOW + timedelta(seconds=2))
    assert decisions.give_back(sent, sent, NOW, POLICY).run.phase == RunPhase.REQUESTED
    assert decisions.give_back(replace(sent, version=9), sent, NOW, POLICY) is None


def test_absent_is_believed_only_after_unbroken_contact_since_the_submission():
    sent = decisions.claim(RUN, NOW, POLICY)
    assert look(sent, Absent(), now=NOW + timedelta(seconds=1)).run.phase == RunPhase.UNCONFIRMED
    back = look(sent, Absent(), now=NOW + timedelta(seconds=9), since=NOW + timedelta(seconds=8))
    assert (back.run.phase, back.run.due_at) == (RunPhase.UNCONFIRMED, NOW + timedelta(seconds=10))
    assert look(sent, Absent(), now=NOW + timedelta(seconds=9)).run.phase == RunPhase.REQUESTED
    stopped = replace(sent, stop_why=StopWhy.CANCEL)
    assert look(stopped, Absent(), now=NOW + timedelta(seconds=9)).run.reason == EndReason.CANCELLED
    assert look(sent, Absent(), now=NOW + timedelta(seconds=9), version=sent.version + 1) is None


def test_pauses_grow_to_a_limit():
    pauses = [decisions.pause(tries, POLICY).total_seconds() for tries in (0, 1, 2, 3, 100)]
    assert pauses == [1, 1, 2, 4, 60]


def test_an_end_without_a_reason_is_read_from_its_exit():
    for codes, reason in (
        ((0, None), EndReason.COMPLETED),
        ((1, None), EndReason.FAILED),
        ((None, 9), EndReason.FAILED),
        ((None, None), EndReason.ENGINE_FAULT),
    ):
        seen = Sighting("r1", Phase.ENDED, exit_code=codes[0], signal=codes[1])
        assert look(at(RunPhase.RUNNING), seen).run.reason == reason


def test_forgetting_waits_for_the_meter_but_not_for_ever():
    run = at(RunPhase.ENDED, started_at=NOW, restart=1)
    assert decisions.must_wait_for_meter(run, {("r1", 0)}, NOW, POLICY)
    assert not decisions.must_wait_for_meter(run, {("r1", 1)}, NOW, POLICY)
    assert not decisions.must_wait_for_meter(run, set(), NOW + timedelta(days=2), POLICY)
    assert not decisions.must_wait_for_meter(at(RunPhase.ENDED), set(), NOW, POLICY)
    assert decisions.must_wait_for_meter(at(RunPhase.ENDED, restart=1), set(), NOW, POLICY)


def test_moves_outside_the_table_are_refused():
    with pytest.raises(ValueError, match="ended to running"):
        move(at(RunPhase.ENDED), RunPhase.RUNNING)


def test_a_spec_comes_back_from_json_as_it_went():
    spec = RunSpec("r1", "t", ("sh", "-c", "a b\n"), {"A": "1"}, {"B": "sealed"}, (Mount("/a", "/data", read_only=True),), nodes=2, resume_from="r0")
    assert spec_from_json(spec_to_json(spec)) == spec
