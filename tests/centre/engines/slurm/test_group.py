"""Trainings over several nodes of a real cluster: gang start, ranks that meet, one that fails, being cancelled, a node that dies; nothing is left."""

import itertools
import os
import signal
from pathlib import Path

import pytest
from tests.centre.engines import trainings
from tests.centre.engines.slurm.clusters import ClusterUnderTest
from tests.centre.engines.trainings import python

from wutong.centre.engines.local import processes
from wutong.centre.engines.protocol import EndReason, Launch, LogChunk
from wutong.centre.engines.slurm.lab.cluster import Lab

pytestmark = pytest.mark.needs_slurm
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def small_lab():
    with Lab.start(nodes=3, accelerators={"ascend910b": 2}, accounting=False) as lab:
        yield lab


@pytest.fixture(scope="module")
def cluster(small_lab):
    cluster = ClusterUnderTest(small_lab)
    yield cluster
    cluster.close()


def train(cluster, program, **changes):
    given = {"nodes": 2, "processes": 2, "launch": Launch.RANK, "slots": 2, "memory_mb": 300, "checkpoint_signal": "SIGUSR1", **changes}
    return cluster.submit(python(program) if "\n" in program else program, name=f"group-{os.getpid()}-{next(numbers)}", **given)


def log(cluster, name, rank, restart=None):
    chunk = cluster.engine.logs(name, 0, 100_000, restart, rank)
    return chunk.data.decode() if isinstance(chunk, LogChunk) else ""


def left(name):
    """List what still runs of a run, on whatever node: all nodes of a lab are this host."""
    return processes.marked(f"WUTONG_RUN={name}".encode())


def test_ranks_of_two_nodes_meet_and_have_a_log_each(cluster):
    name = train(cluster, trainings.SUM)
    end = cluster.ended(name)
    assert end.reason is EndReason.COMPLETED, (end, [log(cluster, name, rank) for rank in range(4)])
    assert [log(cluster, name, rank) for rank in range(4)] == [f"sum 1111 devices {rank % 2}\n" for rank in range(4)]
    assert cluster.engine.logs(name, 0, 10).ranks == 4
    assert end.max_memory_mb
    assert end.cpu_seconds


def test_ranks_of_one_node_meet_on_a_loopback_of_their_own(cluster):
    several = [train(cluster, trainings.SUM, nodes=1) for _number in range(2)]
    for name in several:
        end = cluster.ended(name)
        assert end.reason is EndReason.COMPLETED, (end, log(cluster, name, 0))
        assert [log(cluster, name, rank) for rank in range(2)] == [f"sum 11 devices {rank}\n" for rank in range(2)]


def test_a_rank_that_fails_ends_all_at_once_and_is_named_with_its_node(cluster):
    name = train(cluster, trainings.FAILS)
    end = cluster.ended(name)
    assert (end.reason, end.exit_code) == (EndReason.FAILED, 7)
    assert end.detail.startswith("Rank 3 on node ")
    assert end.detail.endswith(": It ended with exit code 7.")
    assert end.ended_at - end.started_at < 20
    assert not left(name)


def test_all_ranks_begin_again_from_the_checkpoint(cluster):
    name = train(cluster, trainings.FAILS_ONCE, rank_restarts=1)
    end = cluster.ended(name)
    assert (end.reason, end.restart) == (EndReason.COMPLETED, 0), end
    assert [log(cluster, name, rank).endswith("goes on from step 5\n") for rank in range(4)] == [True] * 4
    assert "All ranks begin again; 0 more restarts are left." in log(cluster, name, 0)


def test_cancelling_lets_every_rank_save_first(cluster):
    name = train(cluster, trainings.SAVES, grace_s=15)
    for rank in range(4):
        cluster.until(lambda rank=rank: "ready" in log(cluster, name, rank))
    cluster.engine.cancel(name)
    end = cluster.ended(name)
    assert end.reason is EndReason.CANCELLED
    assert [f"saved {rank}" in log(cluster, name, rank) for rank in range(4)] == [True] * 4
    assert not left(name)


def test_what_slurm_wants_to_end_hears_of_it_on_every_node(cluster, small_lab):
    name = train(cluster, trainings.SAVES, grace_s=15)
    for rank in range(4):
        cluster.until(lambda rank=rank: "ready" in log(cluster, name, rank))
    small_lab.run("scancel", "--signal=TERM", "--batch", cluster.job(name))
    end = cluster.ended(name)
    assert end.reason is EndReason.PREEMPTED
    assert [f"saved {rank}" in log(cluster, name, rank) for rank in range(4)] == [True] * 4
    assert not left(name)


def test_what_ignores_its_end_is_killed_on_every_node_after_the_grace(cluster):
    name = train(cluster, "trap '' USR1 TERM; echo ready; sleep 60 & wait; sleep 60", grace_s=1)
    for rank in range(4):
        cluster.until(lambda rank=rank: "ready" in log(cluster, name, rank))
    cluster.engine.cancel(name)
    assert cluster.ended(name).reason is EndReason.CANCELLED
    assert not left(name)


def test_the_time_limit_holds_for_all_ranks(cluster):
    name = train(cluster, trainings.SAVES, time_limit_s=3, grace_s=10)
    end = cluster.ended(name)
    assert end.reason is EndReason.TIME_LIMIT, end
    assert [f"saved {rank}" in log(cluster, name, rank) for rank in range(4)] == [True] * 4


def test_a_launcher_on_each_node_finds_what_torchrun_reads(cluster):
    name = train(cluster, "env | grep -E '^PET_|^MASTER|^RANK=|^WORLD_SIZE=' | sort; cat $WUTONG_HOSTFILE", launch=Launch.NODE)
    assert cluster.ended(name).reason is EndReason.COMPLETED
    said = [dict(line.partition("=")[::2] for line in log(cluster, name, node).splitlines()) for node in range(2)]
    for node, told in enumerate(said):
        assert {"PET_NNODES": "2", "PET_NPROC_PER_NODE": "2", "PET_NODE_RANK": str(node), "PET_RDZV_BACKEND": "c10d"}.items() <= told.items()
        assert told["PET_RDZV_ENDPOINT"] == f"127.0.0.1:{told['MASTER_PORT']}"
        assert (told["RANK"], told["WORLD_SIZE"]) == (str(node), "2")
    assert said[0]["PET_RDZV_ID"] == said[1]["PET_RDZV_ID"] == name
    assert said[0]["127.0.0.1 slots"] == "2"


def test_memory_is_limited_on_each_node(cluster):
    hungry = "import os, time\nhold = bytearray(400 << 20) if os.environ['RANK'] == '2' else b''\ntime.sleep(60)\n"
    end = cluster.ended(train(cluster, hungry))
    assert end.reason is EndReason.OUT_OF_MEMORY, end
    assert "Rank 2 on node" in end.detail


def test_what_cannot_be_started_is_said_to_be_so(cluster):
    end = cluster.ended(cluster.submit(("no-such-program",), nodes=2, processes=2, launch=Launch.RANK, slots=1))
    assert end.reason is EndReason.START_FAILED
    assert "'no-such-program' was not found" in end.detail


@pytest.mark.slow
def test_after_the_death_of_a_node_it_goes_on_from_the_checkpoint_elsewhere(cluster, small_lab):
    name = train(cluster, trainings.SAVES, time_limit_s=120, grace_s=5)
    for rank in range(4):
        cluster.until(lambda rank=rank: "ready" in log(cluster, name, rank))
    listed = small_lab.run("squeue", "-h", f"--name={name}", "-o", "%N").stdout.strip()
    nodes = small_lab.run("scontrol", "show", "hostnames", listed).stdout.split()
    small_lab.kill_node(nodes[1])
    try:
        cluster.until(lambda: cluster.see(name).restart == 1 and all("ready" in log(cluster, name, rank, 1) for rank in range(4)), within=70)
        assert [f"ready {rank} earlier {bool(restart)}" in log(cluster, name, rank, restart) for restart in range(2) for rank in range(4)] == [
            True
        ] * 8
        cluster.engine.cancel(name)
        assert cluster.ended(name).reason is EndReason.CANCELLED
        assert not left(name)
    finally:
        small_lab.restart_daemon(f"slurmd:{nodes[1]}")


@pytest.mark.slow
def test_a_keeper_that_is_lost_unseen_by_slurm_has_the_run_start_again(cluster):
    name = train(cluster, trainings.SAVES, time_limit_s=300, grace_s=5)
    for rank in range(4):
        cluster.until(lambda rank=rank: "ready" in log(cluster, name, rank))
    [keeper, *_others] = keepers(name)
    os.kill(keeper, signal.SIGKILL)
    cluster.until(lambda: cluster.see(name).restart == 1 and all("ready" in log(cluster, name, rank, 1) for rank in range(4)), within=100)
    assert [f"ready {rank} earlier True" in log(cluster, name, rank, 1) for rank in range(4)] == [True] * 4
    cluster.engine.cancel(name)
    assert cluster.ended(name).reason is EndReason.CANCELLED


def keepers(name):
    """List the processes that keep a run's nodes."""
    lines = {path.parent.name: path.read_bytes().split(b"\0") for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()}
    return [
        int(pid)
        for pid, words in lines.items()
        if any(b"runner.member" in word for word in words[:6]) and words[0] != b"srun" and any(word.endswith(b"/" + name.encode()) for word in words)
    ]
