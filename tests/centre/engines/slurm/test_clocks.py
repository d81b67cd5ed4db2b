"""A node whose clock is wrong, or jumps while a run is there: what is billed is what the controller's accounting says."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.centre.engines.slurm.clusters import ClusterUnderTest

from wutong.centre.engines.protocol import EndReason
from wutong.centre.engines.slurm.lab import checks
from wutong.centre.engines.slurm.lab.cluster import Lab

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs_slurm,
    pytest.mark.skipif(LIBRARY is None, reason="There is no faketime; make setup-slurm installs it."),
]


@pytest.fixture(scope="module")
def lab():
    with Lab.start(nodes=1, accelerators={"ascend910b": 2}, accounting=True, enforce=False) as lab:
        yield lab


@pytest.fixture
def wrong_node(lab, tmp_path_factory):
    """Give the node's daemon, and the runners it starts, a clock that a file sets: munge allows for five minutes of difference."""
    folder = tmp_path_factory.mktemp("clock")
    for path in (folder, *folder.parents[:2]):
        path.chmod(0o755)
    clock = folder / "clock"
    clock.write_text("+0")
    fake = {"LD_PRELOAD": str(LIBRARY), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    python = folder / "python3"
    python.write_text("\n".join(["#!/bin/sh", *(f"export {name}={value}" for name, value in fake.items()), 'exec /usr/bin/python3 "$@"\n']))
    python.chmod(0o755)
    (node,) = lab.node_names
    lab.end_daemon(f"slurmd:{node}")
    environment = {**os.environ, "PATH": checks.search_path(), **lab.environment, **fake}
    line = [shutil.which("slurmd", path=checks.search_path()), "-D", "-N", node, "-f", str(lab.slurm_conf)]
    daemon = subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    cluster = ClusterUnderTest(lab, python=str(python))
    try:
        cluster.until(lambda: lab.run("sinfo", "-h", "-o", "%T").stdout.split() == ["idle"])
        yield cluster, clock
    finally:
        cluster.close()
        daemon.send_signal(signal.SIGTERM)
        daemon.wait()
        lab.restart_daemon(f"slurmd:{node}")


@pytest.mark.parametrize("jump_s", [150, -150])
def test_what_a_nodes_clock_says_is_not_billed(wrong_node, lab, jump_s):
    cluster, clock = wrong_node
    name = cluster.submit("echo begun; sleep 2", time_limit_s=100, slots=1)
    cluster.says(name, "begun")
    clock.write_text(f"{jump_s:+d}")
    end = cluster.ended(name)
    assert (end.reason, end.restart) == (EndReason.COMPLETED, 0)
    told = cluster.submit("sleep 2", time_limit_s=100, slots=1)
    assert cluster.ended(told).reason is EndReason.COMPLETED
    assert abs(runners_end(cluster, told) - time.time() - jump_s) < 60
    for each in (name, told):
        (job,) = {cluster.job(each)}
        cluster.until(lambda job=job: elapsed(lab, job) is not None)
        used = sum(record.seconds for record in cluster.usage(each))
        assert used == elapsed(lab, job)
        assert 2 <= used < 60


def elapsed(lab, job):
    """Return the seconds of a job as the accounting has them, None before it has."""
    said = lab.run("sacct", "-n", "-X", "-P", "-j", job, "-o", "ElapsedRaw,State").stdout.split("|")
    return int(said[0]) if len(said) == 2 and said[1].strip() == "COMPLETED" else None


def runners_end(cluster, name):
    """Return the end of a run as its runner wrote it down, by the node's clock."""
    (path,) = cluster.home.glob(f"shared/*/runs/{name}/result-*.json")
    return json.loads(path.read_text())["ended_ms"] / 1000
