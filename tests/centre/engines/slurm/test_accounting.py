"""What is billed is what Slurm's accounting says, to the second, also where it comes late and where the queue has forgotten."""

import contextlib
import os
import signal
import time
from pathlib import Path

import pytest
from tests.centre.engines.slurm.clusters import ClusterUnderTest, SlurmRig

from wutong.centre.engines.conformance import Conformance
from wutong.centre.engines.protocol import EndReason, Phase
from wutong.centre.engines.slurm.lab import leftovers
from wutong.centre.engines.slurm.lab.cluster import Lab

pytestmark = pytest.mark.needs_slurm


@pytest.fixture(scope="module")
def books():
    """A cluster whose queue forgets what ended after two seconds."""
    with Lab.start(nodes=2, accelerators={"ascend910b": 2}, enforce=False, settings={"MinJobAge": "2"}) as lab:
        yield lab


@pytest.fixture
def cluster(books):
    cluster = ClusterUnderTest(books)
    yield cluster
    cluster.close()


def counted(books, name):
    """Return (start, end) of each start that began, as sacct has them."""
    line = ["sacct", "-a", "-D", "-X", "-n", "-P", f"--name={name}", "-S", "now-1hour", "-o", "Start,End"]
    rows = [row.split("|") for row in books.run("env", "SLURM_TIME_FORMAT=%s", *line).stdout.split()]
    return [(int(start), int(end)) for start, end in rows if start.isdigit() and end.isdigit()]


def billed(cluster, name):
    """Return the seconds billed for each start, in order."""
    seconds = {}
    for record in cluster.usage(name):
        seconds[record.restart] = seconds.get(record.restart, 0) + record.seconds
    return [seconds[restart] for restart in sorted(seconds)]


def test_each_start_is_billed_as_it_is_counted(cluster, books):
    name = cluster.submit('[ "$WUTONG_RESTART" = 1 ] && sleep 2 || sleep 60')
    cluster.running(name)
    time.sleep(2)
    books.run("scontrol", "requeue", cluster.job(name))
    assert cluster.ended(name, within=60).restart == 1
    cluster.until(lambda: len([record for record in cluster.usage(name) if record.final]) == 2)
    cluster.until(lambda: len(counted(books, name)) == 2)
    assert billed(cluster, name) == [end - start for start, end in counted(books, name)]


def faults(cluster, name):
    """Return the fault told of each start that is over, in order."""
    last = {record.restart: record.fault for record in cluster.usage(name) if record.final}
    return [last[restart] for restart in sorted(last)]


@pytest.mark.slow
def test_a_start_that_a_lost_node_cut_short_is_told_as_the_centres_fault_and_a_requeue_is_not(cluster, books):
    name = cluster.submit('[ "$WUTONG_RESTART" = 2 ] || sleep 60')
    cluster.running(name)
    books.run("scontrol", "requeue", cluster.job(name))
    cluster.until(lambda: cluster.see(name).restart == 1 and cluster.phase(name) is Phase.RUNNING, within=90)
    node = cluster.see(name).node
    books.run("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
    try:
        assert cluster.ended(name, within=90).restart == 2
        cluster.until(lambda: len(faults(cluster, name)) == 3, within=90)
        assert faults(cluster, name) == ["", EndReason.NODE_LOST, ""]
        cluster.until(lambda: len(counted(books, name)) == 3)
        assert billed(cluster, name) == [end - start for start, end in counted(books, name)]
    finally:
        books.run("scontrol", "update", f"nodename={node}", "state=resume", check=False)
        books.wait_for_nodes()


@pytest.mark.slow
def test_a_node_that_hangs_is_replaced_and_what_it_does_when_it_wakes_counts_for_nothing(cluster, books):
    """Its daemon, the job's steps and the job itself stop at once, as in a machine that is suspended, and go on later."""
    name = cluster.submit(
        'echo "start $WUTONG_RESTART"; i=0; while [ $i -lt 30 ]; do sleep 1; echo $WUTONG_RESTART > $WUTONG_OUTPUTS/o; i=$((i+1)); done'
    )
    cluster.says(name, "start 0")
    node = cluster.see(name).node
    asleep = [books.pid(f"slurmd:{node}"), *leftovers.of_node(books.spec, node)]
    for pid in asleep:
        os.kill(pid, signal.SIGSTOP)
    try:
        cluster.until(lambda: cluster.see(name).restart == 1 and cluster.phase(name) is Phase.RUNNING, within=90)
        assert cluster.see(name).node != node
    finally:
        for pid in asleep:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
    end = cluster.ended(name, within=90)
    assert (end.reason, end.restart) == (EndReason.COMPLETED, 1)
    assert Path(end.outputs_path, "o").read_text() == "1\n"
    cluster.until(lambda: faults(cluster, name) == [EndReason.NODE_LOST, ""], within=90)
    cluster.until(lambda: len(counted(books, name)) == 2)
    assert billed(cluster, name) == [end - start for start, end in counted(books, name)]
    books.wait_for_nodes(90)


@pytest.mark.slow
def test_an_end_that_the_queue_has_forgotten_is_found_in_the_accounting(cluster, books):
    names = [cluster.submit("sleep 1; exit 3"), cluster.submit("sleep 1")]
    for name in names:
        cluster.running(name)
    cluster.engine.close()
    for name in names:
        _until(lambda name=name: not books.run("squeue", "-h", "-t", "all", f"--name={name}").stdout.strip() and counted(books, name))
    cluster.forget_everything()
    ends = [cluster.ended(name) for name in names]
    assert [(end.reason, end.exit_code, end.restart) for end in ends] == [(EndReason.FAILED, 3, 0), (EndReason.COMPLETED, 0, 0)]
    for name, end in zip(names, ends, strict=True):
        assert [(end.started_at, end.ended_at)] == counted(books, name)
        assert billed(cluster, name) == [end.ended_at - end.started_at]


@pytest.mark.slow
def test_while_the_accounting_is_away_runs_go_on_and_are_billed_later(cluster, books):
    name = cluster.submit('[ "$WUTONG_RESTART" = 1 ] || sleep 60')
    cluster.running(name)
    books.end_daemon("slurmdbd")
    try:
        books.run("scontrol", "requeue", cluster.job(name))
        assert cluster.ended(name, within=60).reason is EndReason.COMPLETED
        assert [record.restart for record in cluster.usage(name) if record.final] == [1]
        assert "still" in cluster.engine.forget(name).why
    finally:
        books.restart_daemon("slurmdbd")
    cluster.until(lambda: {record.restart for record in cluster.usage(name) if record.final} == {0, 1}, within=60)
    cluster.until(lambda: len(counted(books, name)) == 2)
    assert billed(cluster, name) == [end - start for start, end in counted(books, name)]


def test_what_others_bring_to_the_cluster_is_told_apart_even_under_a_runs_name(cluster, books):
    since = int(time.time()) - 1
    ours = cluster.submit("true")
    cluster.ended(ours)
    mine = cluster.job(ours)
    script = "#!/bin/sh\ntrue\n"
    theirs = [
        books.run("sbatch", "--parsable", "-o", "/dev/null", "-J", name, "--gres=gpu:1", stdin=script).stdout.strip()
        for name in (ours, "by hand | with\nlines")
    ]

    expected = {mine, *theirs}

    def ended():
        # Jobs of an earlier test may have ended within the window: only these three are looked at.
        found = {each.job: each for each in cluster.engine.accounted(since, int(time.time()) + 60) if each.job in expected}
        return found if len(found) == 3 and all(each.ended is not None for each in found.values()) else None

    found = cluster.until(ended)
    assert [found[job].ours for job in theirs] == [False, False]
    assert [found[job].cards for job in theirs] == [1, 1]
    assert [each.name for each in found.values() if each.ours] == [ours]


def _until(condition, within=40):
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.slow
class TestSlurmWithAccounting(Conformance):
    @pytest.fixture(autouse=True)
    def _rig(self, books):
        cluster = ClusterUnderTest(books)
        self.rig = SlurmRig(cluster)
        yield
        cluster.close()
