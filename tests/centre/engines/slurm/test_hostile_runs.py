"""A hostile job inside the runner's sandbox: what it tries, and that it comes to nothing. What it could do without one is tried in `tenants`."""

import shutil
from pathlib import Path

import pytest
from tests.centre.engines.slurm.clusters import ClusterUnderTest

from wutong.centre.engines.protocol import EndReason
from wutong.centre.engines.slurm.lab.cluster import Lab

pytestmark = [
    pytest.mark.needs_slurm,
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="there is no bubblewrap to confine jobs with; doctor says so of a live cluster"),
]


@pytest.fixture(scope="module")
def lab():
    with Lab.start(nodes=1, accelerators={"ascend910b": 4}, accounting=False) as lab:
        yield lab


@pytest.fixture
def cluster(lab):
    cluster = ClusterUnderTest(lab)
    yield cluster
    cluster.close()


def output(cluster, script, **changes):
    """Return what a script in a run of the hostile tenant printed."""
    name = cluster.submit(script, tenant="evil", **changes)
    assert cluster.ended(name, within=90).reason is EndReason.COMPLETED, cluster.see(name)
    return cluster.text(name)


@pytest.fixture
def neighbour(cluster):
    """A run of another tenant, at work on the same node under the same UNIX user, with a secret in its environment."""
    name = cluster.submit("export SECRET=goods-secret; printf goods-file > $WUTONG_OUTPUTS/f; echo ready; sleep 300", tenant="good")
    cluster.says(name, "ready")
    return name


def test_another_tenants_run_is_out_of_sight_though_both_have_one_user(cluster, neighbour):
    spool = cluster.engine._runs.spool
    places = [spool.folder("good", neighbour), spool.told("good", neighbour), cluster.config.root / "good", cluster.config.root, cluster.config.home]
    script = [f"ls {place} 2>&1; cat {place}/plan {place}/secrets 2>&1" for place in places]
    script += ["cat /proc/[0-9]*/environ | tr '\\0' '\\n' | grep -c goods-secret", "grep -la 'sleep.300' /proc/[0-9]*/cmdline", "ps -e 2>/dev/null"]
    said = output(cluster, "; ".join(script) + "; true")
    assert "goods" not in said
    assert said.count("No such file or directory") >= 2 * len(places)
    assert "sleep" not in said
    assert Path(spool.outputs("good", neighbour, 0), "f").read_text() == "goods-file"


def test_the_clusters_secrets_and_daemons_are_out_of_reach(cluster, lab):
    closed = [lab.slurm_conf, lab.jwt_key, lab.folder / "munge" / "sock", lab.folder / "etc", lab.folder / "spool", Path("/run/munge")]
    script = [f"test -e {place} && echo FOUND {place}" for place in closed]
    script += [
        f"SLURM_CONF={lab.slurm_conf} timeout 2 {line} >/dev/null 2>&1 && echo DONE {line}" for line in ("squeue", "scancel -u nobody", "sinfo")
    ]
    script += [
        "env | grep -i -E 'jwt|munge|slurm_conf' && echo TOLD",
        f"(echo > /dev/tcp/127.0.0.1/{lab.spec.controller_port}) 2>/dev/null && echo REACHED",
    ]
    assert output(cluster, ["bash", "-c", "; ".join(script) + "; true"]) == ""


def test_a_job_inherits_its_limits_and_nothing_else(cluster):
    said = output(
        cluster, "cat /proc/self/oom_score_adj /proc/self/limits; nice; umask; grep SigIgn /proc/self/status; ls /proc/self/fd", disk_limit_mb=3
    )
    limits = {line[:26].strip(): line[26:].split()[:2] for line in said.splitlines() if line.startswith("Max ")}
    assert [limits[name] for name in ("Max file size", "Max processes", "Max core file size")] == [["3145728"] * 2, ["4096"] * 2, ["0", "0"]]
    nice, mask, ignored, *descriptors = said.split("Max realtime timeout")[1].splitlines()[1:]
    assert (said.splitlines()[0], int(nice) >= 5, mask) == ("500", True, "0022")
    assert int(ignored.split()[1], 16) & ~(1 << 31 | 1 << 32) == 0  # 32 and 33 are the C library's own
    assert descriptors == ["0", "1", "2", "3"]


def test_who_fills_the_disk_is_stopped(cluster):
    one = cluster.submit("head -c 200M /dev/zero > $WUTONG_WORK/big", tenant="evil", disk_limit_mb=20)
    many = cluster.submit("i=0; while [ $i -lt 60 ]; do head -c 5M /dev/zero > /tmp/$i; i=$((i+1)); done; sleep 60", tenant="evil", disk_limit_mb=20)
    ends = [cluster.ended(name, within=90) for name in (one, many)]
    assert ends[0].reason is not EndReason.COMPLETED
    assert ends[1].reason is EndReason.DISK_FULL
