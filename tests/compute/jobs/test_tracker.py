"""Jobs follow their runs to the end, and are tried again as the tables say."""

from dataclasses import replace

import pytest
from sqlalchemy import select
from tests.compute.jobs.jobskit import run_of

from wutong.centre import service as centre
from wutong.centre.engines.fake import Script
from wutong.centre.engines.protocol import EndReason, RunSpec
from wutong.centre.rules import StopWhy
from wutong.compute.jobs import aside, store, tracker
from wutong.compute.jobs.requests import Checkpoint
from wutong.compute.jobs.rules import Cause, JobState, WaitReason


def whats(world, job):
    return [event.what for event in world.history(job)]


def attempts(world, job):
    with world.database.session() as session:
        return store.attempts_of(session, job.id)


def test_a_job_runs_to_its_end_and_costs_what_it_used(world, owner):
    job = world.submit(owner)
    assert job.state is JobState.QUEUED
    world.run_loops()
    world.advance(1)
    assert world.job(job).state is JobState.RUNNING
    assert world.balance(owner).held_fen == 3600
    world.advance(20)
    done = world.job(job)
    assert (done.state, done.reason) == (JobState.SUCCEEDED, Cause.COMPLETED)
    assert whats(world, job) == ["accepted", "running", "finishing", "succeeded"]
    world.advance(60)
    assert world.balance(owner).held_fen == 0
    assert world.balance(owner).cash_fen == 100_000 - 10


def test_a_failing_command_is_tried_as_often_as_asked_and_each_try_is_kept(world, owner):
    world.engine.default = Script(seconds=5, exit_code=3)
    job = world.submit(owner, tries=3)
    world.advance(0)
    world.advance(6)
    again = world.job(job)
    assert (again.state, again.wait_reason, again.tries_used) == (JobState.WAITING, WaitReason.RETRY_LATER, 1)
    for _ in range(8):
        world.advance(10)
    failed = world.job(job)
    assert (failed.state, failed.reason, failed.tries_used) == (JobState.FAILED, Cause.COMMAND_FAILED, 3)
    assert "exit code 3" in failed.detail
    tries = attempts(world, job)
    assert [(each.number, each.exit_code, each.reason) for each in tries] == [(number, 3, EndReason.FAILED) for number in (1, 2, 3)]
    assert len(world.engine.starts) == 3


@pytest.mark.parametrize("reason", [EndReason.NODE_LOST, EndReason.ENGINE_FAULT])
def test_our_own_faults_cost_neither_tries_nor_money(world, owner, reason):
    job = world.submit(owner)
    world.run_loops()
    world.advance(3)
    world.engine.end(run_of(job), reason)
    world.run_loops()
    again = world.job(job)
    assert (again.state, again.tries_used, again.free_used) == (JobState.WAITING, 0, 1)
    assert again.resume_from == run_of(job)
    for _ in range(3):
        world.advance(10)
    assert world.job(job).state is JobState.SUCCEEDED
    world.advance(700)
    assert world.balance(owner).cash_fen == 100_000 - 10
    assert world.balance(owner).held_fen == 0


def test_a_start_that_a_lost_node_cut_short_is_free_though_its_attempt_goes_on(world, owner):
    world.engine.default = Script(seconds=130)
    job = world.submit(owner)
    world.advance(1)
    world.advance(100)
    paid = world.balance(owner)
    assert paid.cash_fen + paid.held_fen < 100_000
    world.engine.requeue(run_of(job), fault=EndReason.NODE_LOST)
    for _ in range(4):
        world.advance(60)
    assert world.job(job).state is JobState.SUCCEEDED
    world.advance(700)
    assert len(world.engine.starts) == 2
    assert world.balance(owner).cash_fen == 100_000 - 130
    assert world.balance(owner).held_fen == 0


def test_preempted_work_goes_on_from_its_checkpoint_and_costs_no_try(world, owner):
    job = world.submit(owner)
    world.run_loops()
    world.advance(3)
    with world.database.session() as session:
        centre.request_stop(session, run_of(job), why=StopWhy.PREEMPT)
    world.run_loops()
    world.advance(1)
    world.advance(1)
    world.advance(1)
    with world.database.session() as session:
        assert centre.get_spec(session, run_of(job, 2)).resume_from == run_of(job)
    assert world.job(job).tries_used == 0


def test_what_can_never_start_ends_after_a_few_free_tries(world, owner):
    job = world.submit(owner)
    world.engine.default = Script(seconds=0, reason=EndReason.START_FAILED)
    for _ in range(12):
        world.advance(5)
    failed = world.job(job)
    assert (failed.state, failed.reason) == (JobState.FAILED, Cause.START_FAILED)
    assert (failed.tries_used, failed.free_used, failed.attempt) == (0, 4, 4)


def test_a_time_limit_is_tried_again_only_with_a_checkpoint(world, owner):
    world.engine.default = Script(seconds=100)
    plain = world.submit(owner, time_limit_s=10, tries=2)
    kept = world.submit(owner, time_limit_s=10, tries=2, checkpoint=Checkpoint("SIGUSR1", 5))
    world.run_loops()
    world.advance(1)
    world.advance(12)
    assert (world.job(plain).state, world.job(plain).reason) == (JobState.FAILED, Cause.TIME_LIMIT)
    assert world.job(kept).wait_reason is WaitReason.RETRY_LATER


def test_stopped_for_money_is_failed_with_that_reason_and_not_tried_again(world, owner):
    job = world.submit(owner, tries=5)
    world.run_loops()
    world.advance(1)
    with world.database.session() as session:
        centre.request_stop(session, run_of(job), why=StopWhy.MONEY)
    world.run_loops()
    world.advance(5)
    assert (world.job(job).state, world.job(job).reason) == (JobState.FAILED, Cause.MONEY)


def test_one_bad_event_is_set_aside_and_the_others_go_on(world, owner, monkeypatch):
    bad, good = world.submit(owner), world.submit(owner)
    apply = tracker._Batch.apply

    def fail(self, event, attempt, job):
        if attempt.job_id == bad.id:
            raise RuntimeError("cannot be applied")
        return apply(self, event, attempt, job)

    with monkeypatch.context() as patch:
        patch.setattr(tracker._Batch, "apply", fail)
        world.advance(1)
        world.advance(20)
    assert world.job(good).state is JobState.SUCCEEDED
    assert world.job(bad).state is JobState.QUEUED
    for _ in range(4):
        world.advance(700)
    assert world.job(bad).state is JobState.SUCCEEDED
    with world.database.session() as session:
        assert session.execute(select(aside.ASIDE)).all() == []


def test_a_job_runs_after_the_ones_it_names(world, owner):
    first, second = world.submit(owner), world.submit(owner)
    third = world.submit(owner, after=(first.id, second.id))
    assert (third.state, third.wait_reason) == (JobState.WAITING, WaitReason.DEPENDENCIES)
    world.advance(1)
    assert world.job(third).state is JobState.WAITING
    world.advance(20)
    world.advance(20)
    assert world.job(third).state is JobState.SUCCEEDED
    fourth = world.submit(owner, after=(third.id,))
    assert fourth.state is JobState.QUEUED


def test_when_one_fails_all_that_wait_for_it_are_cancelled_with_the_reason(world, owner):
    world.engine.default = Script(seconds=1, exit_code=1)
    first = world.submit(owner)
    second = world.submit(owner, after=(first.id,))
    third = world.submit(owner, after=(second.id,), array="0-3%2")
    world.advance(1)
    world.advance(2)
    assert (world.job(second).state, world.job(second).reason) == (JobState.CANCELLED, Cause.DEPENDENCY_FAILED)
    assert first.id in world.job(second).detail
    assert world.job(third).state is JobState.CANCELLED
    assert {child.state for child in world.children(third)} == {JobState.CANCELLED}
    world.advance(60)
    assert world.balance(owner).held_fen == 0


def test_an_array_runs_at_most_so_many_at_once_and_sums_up(world, owner):
    world.engine.default = Script(seconds=10)
    parent = world.submit(owner, array="0-5%2")
    most = 0
    for _ in range(50):
        world.advance(2)
        states = [child.state for child in world.children(parent)]
        most = max(most, sum(state in (JobState.QUEUED, JobState.RUNNING) for state in states))
    assert most == 2
    assert [child.state for child in world.children(parent)] == [JobState.SUCCEEDED] * 6
    assert (world.job(parent).state, world.job(parent).started_at is not None) == (JobState.SUCCEEDED, True)
    indices = []
    with world.database.session() as session:
        for child in world.children(parent):
            indices.append(centre.get_spec(session, run_of(child)).environment["WUTONG_ARRAY_INDEX"])
    assert indices == ["0", "1", "2", "3", "4", "5"]


def test_an_array_with_a_failed_part_has_failed(world, owner):
    parent = world.submit(owner, array="1-3")
    bad = world.children(parent)[1]
    world.engine.script(run_of(bad), Script(seconds=1, exit_code=9))
    for _ in range(4):
        world.advance(10)
    done = world.job(parent)
    assert (done.state, done.reason) == (JobState.FAILED, Cause.ARRAY_PART_FAILED)
    assert "1 of 3" in done.detail


def test_runs_of_others_are_left_alone(world, owner):
    assert owner.tenant_id is not None
    with world.database.session() as session:
        centre.request_run(session, RunSpec("notebook-1", owner.tenant_id, ("true",)), pool="npu")
    job = world.submit(owner)
    world.advance(1)
    world.advance(20)
    assert world.job(job).state is JobState.SUCCEEDED


@pytest.mark.parametrize(
    ("reason", "told", "sentence"),
    [
        (EndReason.FAILED, "", "The command ended with exit code 3."),
        (EndReason.FAILED, "It was killed by signal 9 (SIGKILL).", "It was killed by signal 9 (SIGKILL)."),
        (EndReason.TIME_LIMIT, "It had 60 s.", "It reached its time limit. It had 60 s."),
        (EndReason.COMPLETED, "", ""),
    ],
)
def test_an_end_is_told_once(world, owner, reason, told, sentence):
    job = world.submit(owner)
    world.run_loops()
    ended = replace(attempts(world, job)[0], reason=reason, detail=told, exit_code=None if "signal" in told else 3)
    assert tracker.describe(ended) == sentence
