"""Jobs over several nodes on a cluster that knows of its switches: they wait a while for nodes that are near each other."""

import pytest
from tests.centre.engines.slurm.clusters import ClusterUnderTest

from wutong.centre.engines.protocol import EndReason, Phase
from wutong.centre.engines.slurm.config import Placement
from wutong.centre.engines.slurm.lab.cluster import Lab

pytestmark = pytest.mark.needs_slurm
GRES = "gpu:ascend910b"


@pytest.fixture(scope="module")
def lab():
    with Lab.start(nodes=4, accelerators={"ascend910b": 1}, accounting=False, switch_size=2) as lab:
        yield lab


@pytest.fixture
def half_busy(lab):
    """Keep a node below each of the two switches busy."""
    line = ["sbatch", "--parsable", "--output=/dev/null", f"--gres={GRES}:1", "--mem=100M", "--wrap=sleep 600"]
    jobs = [lab.run(*line, f"--nodelist={lab.node_names[at]}").stdout.strip() for at in (0, 2)]
    yield jobs
    lab.run("scancel", *jobs, check=False)


def cluster_of(lab, switch_wait_s):
    return ClusterUnderTest(lab, place=lambda _spec: Placement(gres=GRES, switch_wait_s=switch_wait_s))


def nodes_of(cluster, name):
    return cluster.lab.run("squeue", "-h", "-t", "all", f"--name={name}", "-o", "%N").stdout.strip()


def test_a_job_waits_for_nodes_below_one_switch(lab, half_busy):
    cluster = cluster_of(lab, 240)
    try:
        cluster.until(lambda: not _pending(lab))
        name = cluster.submit("echo here", slots=1, nodes=2, time_limit_s=200)
        cluster.until(lambda: cluster.phase(name) is Phase.QUEUED and _pending(lab) == [name])
        single = cluster.submit("echo here", slots=1)
        assert cluster.ended(single).reason is EndReason.COMPLETED
        assert cluster.phase(name) is Phase.QUEUED
        lab.run("scancel", half_busy[0])
        assert cluster.ended(name, within=90).reason is EndReason.COMPLETED
        assert nodes_of(cluster, name) == f"{lab.name}n[1-2]"
    finally:
        cluster.close()


def test_a_job_that_need_not_wait_takes_what_is_free(lab, half_busy):
    cluster = cluster_of(lab, 0)
    try:
        cluster.until(lambda: not _pending(lab))
        name = cluster.submit("echo here", slots=1, nodes=2, time_limit_s=200)
        assert cluster.ended(name, within=90).reason is EndReason.COMPLETED
        assert nodes_of(cluster, name) == f"{lab.name}n[2,4]"
    finally:
        cluster.close()


def _pending(lab):
    """List the names of jobs that were released and wait."""
    lines = lab.run("squeue", "-h", "-t", "pending", "-o", "%j %r").stdout.splitlines()
    return [line.split()[0] for line in lines if "Held" not in line]
