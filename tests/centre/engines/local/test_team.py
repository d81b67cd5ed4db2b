"""Several ranks on one machine: they meet, each has a log, one that fails takes the others along or has all begin again, and nothing is left."""

import shutil

import pytest
from tests.centre.engines import trainings
from tests.centre.engines.agents import AgentUnderTest
from tests.centre.engines.trainings import python

from wutong.centre.engines.protocol import Absent, EndReason, Launch, Unknown

SANDBOXES = ["none", pytest.param("bubblewrap", marks=pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed"))]


@pytest.fixture(scope="module", params=SANDBOXES)
def agent(request, tmp_path_factory):
    agent = AgentUnderTest(tmp_path_factory.mktemp("agent") / "home", slots=4, sandbox=request.param)
    yield agent
    agent.close()


def start(agent, name, program, processes=2, **changes):
    given = {"launch": Launch.RANK, "processes": processes, "slots": processes, "memory_mb": 256, "checkpoint_signal": "SIGUSR1", **changes}
    agent.submit(name, python(program), **given)
    return name


def log(agent, name, rank):
    chunk = agent.engine.logs(name, 0, 100_000, None, rank)
    assert not isinstance(chunk, Unknown | Absent), chunk
    return chunk.data.decode()


def test_ranks_meet_share_the_devices_and_have_a_log_each(agent):
    name = start(agent, "sum", trainings.SUM, 4)
    assert agent.ended(name).reason is EndReason.COMPLETED, agent.text(name)
    assert [log(agent, name, rank) for rank in range(4)] == [f"sum 1111 devices {rank}\n" for rank in range(4)]
    assert agent.engine.logs(name, 0, 10).ranks == 4
    assert agent.engine.logs(name, 0, 10, None, 4) == Absent()


def test_a_rank_that_fails_ends_the_others_and_is_named(agent):
    name = start(agent, "fails", trainings.FAILS, 4)
    end = agent.ended(name)
    assert (end.reason, end.exit_code, end.detail) == (EndReason.FAILED, 7, "Rank 3: It ended with exit code 7.")


def test_all_ranks_begin_again_from_the_checkpoint(agent):
    name = start(agent, "again", trainings.FAILS_ONCE, rank_restarts=1)
    end = agent.ended(name)
    assert end.reason is EndReason.COMPLETED, end
    assert log(agent, name, 1) == "goes on from step 5\n"
    assert "Rank 1: It ended with exit code 9. All ranks begin again; 0 more restarts are left." in log(agent, name, 0)
    assert log(agent, name, 0).endswith("goes on from step 5\n")


def test_ranks_that_may_not_begin_again_any_more_fail(agent):
    name = start(agent, "often", trainings.FAILS, rank_restarts=2, environment={"FAULTY": "0"})
    end = agent.ended(name)
    assert (end.reason, end.exit_code) == (EndReason.FAILED, 7)
    assert log(agent, name, 0).count("All ranks begin again") == 2


def test_cancelling_lets_every_rank_save(agent):
    name = start(agent, "saves", trainings.SAVES, grace_s=10)
    for rank in range(2):
        agent.until(lambda rank=rank: "ready" in log(agent, name, rank))
    agent.engine.cancel(name)
    end = agent.ended(name)
    assert end.reason is EndReason.CANCELLED
    assert [log(agent, name, rank) for rank in range(2)] == [f"ready {rank} earlier False\nsaved {rank}\n" for rank in range(2)]


def test_a_command_that_is_not_there_is_said_to_be_so(agent):
    agent.submit("nothing", ("no-such-program",), launch=Launch.RANK, processes=2, slots=2)
    end = agent.ended("nothing")
    assert end.reason is EndReason.START_FAILED
    assert "'no-such-program' was not found" in end.detail


def test_a_launcher_of_its_own_finds_what_torchrun_reads(agent):
    agent.submit("torchrun", "env | grep -E '^(PET_|RANK|WORLD_SIZE|OMPI)' | sort; cat $WUTONG_HOSTFILE", launch=Launch.NODE, processes=2, slots=2)
    assert agent.ended("torchrun").reason is EndReason.COMPLETED
    said = agent.text("torchrun").splitlines()
    assert {"PET_NNODES=1", "PET_NPROC_PER_NODE=2", "RANK=0", "WORLD_SIZE=1", "127.0.0.1 slots=2"} <= set(said)
    assert not any(line.startswith("OMPI") for line in said)


def test_a_plain_run_is_told_nothing(agent):
    agent.submit("plain", "env | grep -cE '^(PET_|RANK|MASTER_|OMPI)'; true")
    agent.ended("plain")
    assert agent.text("plain") == "0\n"
