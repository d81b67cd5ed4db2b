"""Jobs of several ranks: what may be asked for, what the engine is told, and a log for each rank that outlives the engine."""

import pytest
from tests.compute.jobs.jobskit import run_of

from wutong.centre import service as centre
from wutong.centre.engines.fake import Script
from wutong.centre.rules import Launch
from wutong.compute.jobs import requests, service
from wutong.compute.jobs.rules import JobRequest, JobState, OnRankFailure
from wutong.kit.errors import Invalid, NotFound

RANKS = {"launch": Launch.RANK, "processes": 3}


def read(world, who, job, rank):
    with world.database.session() as session:
        source = service.log_source(session, who, job.id, rank=rank)
    return service.read_log(world.engines, world.limits, source, offset=0)


def test_the_engine_is_told_how_often_to_start_the_command(world, owner):
    job = world.submit(owner, **RANKS, on_rank_failure=OnRankFailure.RESTART, rank_restarts=2)
    world.run_loops()
    with world.database.session() as session:
        spec = centre.get_spec(session, run_of(job))
    assert (spec.launch, spec.processes, spec.rank_restarts, spec.ranks) == (Launch.RANK, 3, 2, 3)


def test_each_rank_has_a_log_while_it_runs_and_after_the_engine_forgot_it(world, owner):
    world.engine.default = Script(seconds=2, output=b"main\n")
    job = world.submit(owner, **RANKS)
    world.advance(1)
    assert [read(world, owner, job, rank).data for rank in range(3)] == [b"main\n", b"rank 1\n", b"rank 2\n"]
    for _ in range(5):
        world.advance(10)
    assert world.job(job).state is JobState.SUCCEEDED
    assert run_of(job) not in {run.spec.name for run in world.engine._runs.values()}
    assert [read(world, owner, job, rank).data for rank in range(3)] == [b"main\n", b"rank 1\n", b"rank 2\n"]
    with pytest.raises(NotFound):
        read(world, owner, job, 3)


@pytest.mark.parametrize(
    ("changes", "ranks"),
    [({}, 1), ({"nodes": 4, "processes": 8}, 1), ({"nodes": 4, "processes": 8, "launch": Launch.NODE}, 4), ({"nodes": 4, **RANKS}, 12)],
)
def test_a_request_counts_its_ranks_and_survives_being_written_down(changes, ranks):
    request = JobRequest("train", "python train.py", "npu.8", **changes)
    requests.check(request)
    again = requests.from_json(requests.to_json(request))
    assert again == request
    assert isinstance(again.launch, Launch)
    assert request.ranks == ranks


def test_a_request_written_before_there_were_ranks_is_read_as_ever():
    plain = requests.to_json(JobRequest("train", "python train.py", "npu.8"))
    for name in ("processes", "launch", "on_rank_failure", "rank_restarts"):
        del plain[name]
    assert requests.from_json(plain) == JobRequest("train", "python train.py", "npu.8")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"processes": 0}, "processes"),
        ({"processes": 65, "launch": Launch.RANK}, "processes"),
        ({"on_rank_failure": OnRankFailure.RESTART}, "on_rank_failure"),
        ({**RANKS, "on_rank_failure": OnRankFailure.RESTART, "rank_restarts": 21}, "rank_restarts"),
    ],
)
def test_what_makes_no_sense_is_refused(changes, field):
    with pytest.raises(Invalid) as caught:
        requests.check(JobRequest("train", "python train.py", "npu.8", **changes))
    assert caught.value.params["field"] == field
