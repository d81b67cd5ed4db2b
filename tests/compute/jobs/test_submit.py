"""Accepted means kept, once; impossible means refused at once, with what would work."""

import threading

import pytest
from sqlalchemy import event, func, select

from wutong.centre import service as centre
from wutong.centre.rules import Impossible, NoSuchFlavour
from wutong.compute.environments import service as environments
from wutong.compute.environments import store as environment_store
from wutong.compute.environments.rules import EnvironmentBroken, EnvironmentState, NoSuchEnvironment
from wutong.compute.jobs import moves, service, store
from wutong.compute.jobs.requests import Checkpoint, DataMount, JobRequest, OutputSpec
from wutong.compute.jobs.rules import JobState, KeyReused, NoSuchInput, NoSuchSecret, TooManyJobs, WaitReason
from wutong.compute.jobs.tables import JobKeyRow, JobRow
from wutong.hub.rules import RepoKind
from wutong.identity.rules import Role
from wutong.kit.errors import Forbidden, Invalid, NotFound, Problem


def count_jobs(world):
    with world.database.session() as session:
        return session.scalar(select(func.count()).select_from(JobRow))


def in_threads(*calls):
    results = [None] * len(calls)

    def run(index, call):
        try:
            results[index] = call()
        except Problem as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=item) for item in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_a_repeat_with_the_same_key_is_the_first_job(world, owner):
    first = world.submit(owner, key="once")
    assert world.submit(owner, key="once").id == first.id
    assert count_jobs(world) == 1
    assert world.balance(owner).held_fen == 3600


def test_the_same_key_with_another_request_is_refused(world, owner):
    first = world.submit(owner, key="once")
    with pytest.raises(KeyReused, match=first.id):
        world.submit(owner, key="once", command="false")


def test_keys_of_two_tenants_do_not_meet(world, owner, stranger):
    assert world.submit(owner, key="once").id != world.submit(stranger, key="once").id


def test_many_repeats_at_once_are_one_job(world, owner):
    jobs = in_threads(*[lambda: world.submit(owner, key="once") for _ in range(8)])
    assert len({job.id for job in jobs}) == 1
    assert count_jobs(world) == 1


def test_a_refused_request_leaves_nothing_and_frees_its_key(world):
    poor = world.tenant("poor", yuan=0)
    with pytest.raises(Problem) as caught:
        world.submit(poor, key="once")
    assert caught.value.status == 402
    assert count_jobs(world) == 0
    with world.database.session() as session:
        assert session.scalar(select(func.count()).select_from(JobKeyRow)) == 0


def test_of_two_submissions_for_the_last_fen_one_is_accepted(world):
    poor = world.tenant("poor", yuan=36)
    results = in_threads(*[lambda: world.submit(poor) for _ in range(4)])
    assert sorted(type(result).__name__ == "Job" for result in results) == [False, False, False, True]
    assert {result.status for result in results if isinstance(result, Problem)} == {402}
    assert count_jobs(world) == 1
    assert world.balance(poor).cash_fen == 0


@pytest.mark.parametrize(
    ("more", "error", "says"),
    [
        ({"flavour": "npu.64"}, NoSuchFlavour, "npu.8"),
        ({"nodes": 2}, Impossible, "1"),
        ({"environment": "cobol"}, NoSuchEnvironment, "python-3.11"),
        ({"datasets": (DataMount("nowhere"),)}, NoSuchInput, "nowhere"),
        ({"code": "nowhere@4"}, NoSuchInput, "nowhere@4"),
        ({"secrets": ("PASSWORD",)}, NoSuchSecret, "PASSWORD"),
        ({"after": ("job_00000000000000000000",)}, NotFound, "job_0"),
        ({"array": "9-0"}, Invalid, "0-9"),
        ({"array": "0-5000"}, Invalid, "1000"),
        ({"env": {"WUTONG_TOKEN": "x"}}, Invalid, "WUTONG_TOKEN"),
        ({"env": {"LD_PRELOAD": "x"}}, Invalid, "LD_PRELOAD"),
        ({"tries": 0}, Invalid, "1 to 20"),
        ({"command": "  "}, Invalid, "python train.py"),
        ({"command": "a\0b"}, Invalid, "command"),
        ({"name": "a\nb"}, Invalid, "visible"),
        ({"checkpoint": Checkpoint("SIGKILL", 5)}, Invalid, "SIGUSR1"),
        ({"outputs": OutputSpec(folder="../etc")}, Invalid, "folder"),
        ({"datasets": (DataMount("a", "x-y"), DataMount("b", "x_y"))}, Invalid, "name of its own"),
        ({"time_limit_s": 10**9}, Invalid, "time_limit_s"),
    ],
)
def test_the_impossible_is_refused_with_what_would_work(world, owner, more, error, says):
    with pytest.raises(error, match=says):
        world.submit(owner, **more)
    assert count_jobs(world) == 0


def test_a_broken_environment_is_refused_with_the_reason(world, owner):
    with world.database.session() as session:
        found = environments.get_environment(session, owner, "sklearn")
        environment_store.move(session, found, {"state": EnvironmentState.FAILED, "log_tail": "no such wheel\n"})
    with pytest.raises(EnvironmentBroken, match="no such wheel"):
        world.submit(owner, environment="sklearn")


def test_a_job_that_ended_badly_cannot_be_waited_for(world, owner):
    first = world.submit(owner)
    world.cancel(owner, first)
    world.run_loops()
    with pytest.raises(Invalid, match="never run"):
        world.submit(owner, after=(first.id,))


def test_a_strangers_data_and_jobs_do_not_exist(world, owner, stranger):
    world.data(owner, "tiles", {"a": b"a"})
    job = world.submit(owner)
    with pytest.raises(NoSuchInput):
        world.submit(stranger, datasets=(DataMount("tiles"),))
    with pytest.raises(NotFound):
        world.submit(stranger, after=(job.id,))
    with pytest.raises(NotFound):
        world.cancel(stranger, job)
    with world.database.session() as session:
        for read in (service.get_job, service.list_attempts, service.job_events, service.log_source, service.queue_place, service.current_run):
            with pytest.raises(NotFound):
                read(session, stranger, job.id)
        assert service.list_jobs(session, stranger).items == []


def test_who_may_submit_and_cancel(world, owner):
    viewer, member = world.colleague(owner, Role.VIEWER), world.colleague(owner, Role.MEMBER)
    with pytest.raises(Forbidden):
        world.submit(viewer)
    job = world.submit(owner)
    with pytest.raises(Forbidden):
        world.cancel(member, job)
    own = world.submit(member)
    assert world.cancel(member, own).stop_asked_at is not None
    assert world.cancel(owner, job).stop_asked_at is not None


def test_a_waiting_job_is_cancelled_at_once_and_its_money_is_free(world, owner):
    first = world.submit(owner)
    job = world.submit(owner, after=(first.id,))
    assert world.balance(owner).held_fen == 7200
    assert world.cancel(owner, job).state is JobState.CANCELLED
    assert world.balance(owner).held_fen == 3600
    assert world.cancel(owner, job).state is JobState.CANCELLED


def test_a_running_job_is_stopped_and_ends_cancelled_without_another_try(world, owner):
    job = world.submit(owner, tries=3)
    world.advance(1)
    world.cancel(owner, job)
    world.advance(5)
    world.advance(5)
    assert world.job(job).state is JobState.CANCELLED
    assert [event.what for event in world.history(job)].count("cancel_asked") == 1


def test_cancelling_an_array_releases_nothing_more(world, owner):
    parent = world.submit(owner, array="0-9%2")
    world.advance(1)
    world.cancel(owner, parent)
    world.advance(5)
    world.advance(5)
    assert {child.state for child in world.children(parent)} == {JobState.CANCELLED}
    assert world.job(parent).state is JobState.CANCELLED
    assert len(world.engine.submissions) == 2
    world.advance(60)
    assert world.balance(owner).held_fen == 0


def test_too_many_unfinished_jobs_are_refused(world, owner):
    world.limits = type(world.limits)(**{**{name: getattr(world.limits, name) for name in world.limits.__slots__}, "open_jobs": 2})
    world.submit(owner)
    world.submit(owner)
    with pytest.raises(TooManyJobs, match="2 unfinished"):
        world.submit(owner)


def test_a_request_survives_storage(world, owner):
    with world.database.session() as session:
        service.put_secret(session, owner, world.limits.key_file, name="KEY", value="v")
    world.data(owner, "tiles", {"a": b"a"})
    request = {
        "command": ("python", "-c", "print(1)"),
        "datasets": (DataMount("tiles", "in"),),
        "checkpoint": Checkpoint("SIGUSR1", 5),
        "secrets": ("KEY",),
        "env": {"A": "é\t"},
        "outputs": OutputSpec("m", "out", keep_on_failure=True),
        "labels": {"project": "x"},
    }
    job = world.submit(owner, **request)
    assert world.job(job).request == JobRequest(name="train", flavour="npu.1", **request)
    with world.database.session() as session:
        label = service.JobFilters(label=("project", "x"))
        assert [found.id for found in service.list_jobs(session, owner, label).items] == [job.id]
        assert service.list_jobs(session, owner, service.JobFilters(text="TRA%")).items == []
        assert [found.id for found in service.list_jobs(session, owner, service.JobFilters(text="TRA")).items] == [job.id]


def test_a_plain_submission_takes_few_statements(world, owner):
    world.submit(owner)
    seen = []
    with world.database.session() as session:
        connection = session.connection()
        event.listen(connection, "before_cursor_execute", lambda *args: seen.append(args[2]))
        job = service.submit_job(session, owner, JobRequest("n", "true", "npu.1"), limits=world.limits, idempotency_key="k")
    assert job.state is JobState.QUEUED
    assert len(seen) <= 26, "\n".join(seen)


def test_the_history_cannot_be_changed(world, owner):
    job = world.submit(owner)
    with pytest.raises(Exception, match="appended"), world.database.session() as session:
        session.execute(store.EVENT.delete().where(store.EVENT.c.job_id == job.id))


def test_what_it_waits_for_is_said(world, owner):
    world.data(owner, "tiles", {"a": b"a"})
    job = world.submit(owner, datasets=(DataMount("tiles"),))
    assert job.wait_reason is WaitReason.PREPARING
    world.engine.hold()
    other = world.submit(owner)
    world.run_loops()
    with world.database.session() as session:
        place = service.queue_place(session, owner, other.id)
        assert "ahead" in place.waiting_for
        assert centre.get_run(session, f"wt-{other.id}-1").phase == "queued"
    assert moves.MOVES[JobState.SUCCEEDED] == frozenset()
    assert RepoKind.DATASET == "dataset"
