"""What breaks on a cluster, done to a real one: nothing accepted is lost, nothing runs twice, nothing is billed that Slurm did not count."""

import contextlib
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.centre.engines.slurm.clusters import ClusterUnderTest

from wutong.centre.engines.protocol import Accepted, EndReason, Phase, Unknown
from wutong.centre.engines.slurm.config import Placement
from wutong.centre.engines.slurm.lab.cluster import Lab
from wutong.centre.engines.slurm.transport import Transport

pytestmark = pytest.mark.needs_slurm


class Cut(BaseException):
    """The adapter is killed here."""


class Trap(Transport):
    """Kills the adapter at its n-th call of a program: before it, or after the program was answered and before anybody heard of it."""

    def __init__(self, conf, at, *, after):
        super().__init__(conf, limit_s=10)
        self.left = at
        self.after = after

    def _start(self, argv, limit_s):
        self.left -= 1
        if self.left == 0 and not self.after:
            raise Cut
        running = super()._start(argv, limit_s)
        if self.left == 0:
            self._end(running)
            raise Cut
        return running


class Meddler(Transport):
    """Cancels the first job of the first release just before it goes out, and keeps the releases."""

    def __init__(self, conf):
        super().__init__(conf, limit_s=10)
        self.releases = []

    def _start(self, argv, limit_s):
        if list(argv[:2]) == ["scontrol", "release"]:
            self.releases.append(argv[2].split(","))
            if len(self.releases) == 1:
                self._end(super()._start(["scancel", self.releases[0][0]], limit_s))
        return super()._start(argv, limit_s)


@pytest.fixture(scope="module")
def small_lab():
    with Lab.start(nodes=2, accelerators={"ascend910b": 2}, accounting=False) as lab:
        yield lab


@pytest.fixture
def make(small_lab):
    made = []

    def make(lab=small_lab, **changes):
        made.append(ClusterUnderTest(lab, **changes))
        return made[-1]

    yield make
    for cluster in made:
        cluster.close()


@pytest.fixture
def cluster(make):
    return make()


def starts_of(lab, name):
    """Return the Slurm jobs of a name."""
    return lab.run("squeue", "-h", "-t", "all", f"--name={name}", "-o", "%A").stdout.split()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, 10))
def test_a_kill_between_any_two_actions_loses_and_doubles_nothing(make, small_lab, at, after):
    cluster = make()
    cluster.until(lambda: not isinstance(cluster.engine.capabilities(), Unknown))
    cluster.forget_everything(Trap(small_lab.slurm_conf, at, after=after))
    specs = [cluster.spec("printf x", name=f"cut-{at}-{after}-{number}") for number in range(3)]
    accepted = set()

    def all_over():
        for spec in specs:
            if spec.name not in accepted and cluster.engine.submit(spec) == Accepted():
                accepted.add(spec.name)
        return len(accepted) == 3 and all(cluster.phase(spec.name) is Phase.ENDED for spec in specs)

    with pytest.raises(Cut):
        cluster.until(all_over)
    cluster.forget_everything()
    cluster.until(all_over)
    for spec in specs:
        end = cluster.see(spec.name)
        assert (end.reason, end.restart, cluster.text(spec.name)) == (EndReason.COMPLETED, 0, "x")
        assert len(starts_of(small_lab, spec.name)) == 1


def test_submissions_that_the_controller_lost_are_made_again_though_their_ids_are_given_to_others(cluster, small_lab):
    blockers = [cluster.submit("sleep 600", slots=2, time_limit_s=900) for _node in range(2)]
    for name in blockers:
        cluster.running(name)
    time.sleep(6)  # so that this much is written down
    state, kept = small_lab.folder / "state", small_lab.folder / "state-kept"
    subprocess.run(["cp", "-a", state, kept], check=True)
    specs = [cluster.spec("sleep 0.2; printf x", slots=2) for _number in range(8)]
    names = [spec.name for spec in specs]
    cluster.until(lambda: set(cluster.engine.submit_many(specs)) == {Accepted()})
    jobs = cluster.until(lambda: cluster.see(names[-1]).position and small_lab.run("squeue", "-h", "-t", "PD", "-o", "%A").stdout.split())
    small_lab.kill("slurmctld")
    # It writes its state down every five seconds at most; which of them we met is not left to chance.
    subprocess.run(["cp", "-a", "--no-target-directory", kept, state], check=True)
    small_lab.restart_daemon("slurmctld")
    strangers = [small_lab.run("sbatch", "--parsable", "-H", "-J", "stranger", stdin="#!/bin/sh\ntrue\n").stdout.strip() for _number in range(4)]
    for name in blockers:
        cluster.until(lambda name=name: cluster.engine.cancel(name) == Accepted())
    ends = [cluster.ended(name, within=90) for name in names]
    assert [end.reason for end in ends] == [EndReason.COMPLETED] * 8, ends
    assert [cluster.text(name, cluster.see(name).restart) for name in names] == ["x"] * 8
    assert set(strangers) & set(jobs), "the controller was to give ids out again"
    held = small_lab.run("squeue", "-h", "--name=stranger", "-o", "%r").stdout.split()
    assert held == ["JobHeldUser"] * 4, "another's job was released"
    small_lab.run("scancel", "--name=stranger")


def test_a_controller_that_hangs_makes_everything_unknown_until_it_goes_on(make, small_lab):
    cluster = make(command_s=2.0)
    name = cluster.submit("sleep 3; printf x")
    cluster.running(name)
    small_lab.kill("slurmctld", signal.SIGSTOP)
    try:
        cluster.until(lambda: isinstance(cluster.engine.changes(""), Unknown))
        began = time.monotonic()
        answers = [cluster.engine.submit(cluster.spec("true")), cluster.engine.observe([name]), cluster.engine.cancel(name), cluster.engine.usage("")]
        assert all(isinstance(answer, Unknown) for answer in answers)
        assert time.monotonic() - began < 10
    finally:
        small_lab.kill("slurmctld", signal.SIGCONT)
    assert cluster.ended(name).reason is EndReason.COMPLETED


def test_a_submission_that_is_taken_without_an_answer_runs_once(make, small_lab):
    cluster = make(command_s=2.0, lost_s=0.3)
    cluster.until(lambda: not isinstance(cluster.engine.changes(""), Unknown) and not isinstance(cluster.engine.capabilities(), Unknown))
    spec = cluster.spec("printf x")
    small_lab.kill("slurmctld", signal.SIGSTOP)
    try:
        assert cluster.engine.submit(spec) == Accepted()
        cluster.until(lambda: isinstance(cluster.engine.changes(""), Unknown))
    finally:
        small_lab.kill("slurmctld", signal.SIGCONT)
    end = cluster.ended(spec.name)
    assert (end.reason, end.restart, cluster.text(spec.name)) == (EndReason.COMPLETED, 0, "x")
    cluster.until(lambda: small_lab.run("squeue", "-h", f"--name={spec.name}", "-o", "%A").stdout.split() == [])


def test_a_second_job_of_the_same_run_is_cancelled(cluster, small_lab):
    name = cluster.submit("sleep 2; printf x", slots=2)
    cluster.job(name)
    user = ("--uid=nobody", "--gid=nogroup")
    second = small_lab.run("sbatch", "--parsable", "-H", *user, "-o", "/dev/null", "-J", name, stdin="#!/bin/sh\ntrue\n").stdout.strip()
    cluster.ended(name)
    assert small_lab.run("squeue", "-h", "-t", "all", "-j", second, "-o", "%T").stdout.strip() == "CANCELLED"
    assert cluster.text(name) == "x"


@pytest.mark.parametrize("forgotten", [False, True], ids=["known", "forgotten"])
def test_a_job_that_comes_when_its_run_is_over_is_cancelled_and_a_strangers_is_not(cluster, small_lab, forgotten):
    name = cluster.submit("true")
    cluster.ended(name)
    if forgotten:
        cluster.until(lambda: cluster.engine.forget(name) == Accepted())
    script, held = "#!/bin/sh\ntrue\n", ("sbatch", "--parsable", "-H", "-o", "/dev/null", "-J", name)
    late = small_lab.run(*held, "--uid=nobody", "--gid=nogroup", stdin=script).stdout.strip()
    strangers = small_lab.run(*held, stdin=script).stdout.strip()

    def cancelled():
        cluster.engine.changes("")
        return small_lab.run("squeue", "-h", "-t", "all", "-j", late, "-o", "%T").stdout.strip() == "CANCELLED"

    cluster.until(cancelled)
    assert small_lab.run("squeue", "-h", "-j", strangers, "-o", "%r").stdout.strip() == "JobHeldUser"
    small_lab.run("scancel", strangers)


def test_a_job_of_another_user_with_a_runs_name_is_not_the_run(cluster, small_lab):
    spec = cluster.spec("printf mine", name="coveted")
    stranger = small_lab.run("sbatch", "--parsable", "-H", "-o", "/dev/null", "-J", spec.name, stdin="#!/bin/sh\ntrue\n").stdout.strip()
    cluster.until(lambda: cluster.engine.submit(spec) == Accepted())
    assert cluster.ended(spec.name).reason is EndReason.COMPLETED
    assert cluster.text(spec.name) == "mine"
    assert small_lab.run("squeue", "-h", "-j", stranger, "-o", "%r").stdout.strip() == "JobHeldUser"
    small_lab.run("scancel", stranger)


def test_a_requeued_run_has_its_own_log_and_goes_on_from_its_checkpoint(cluster, small_lab):
    script = 'n=$(cat $WUTONG_CHECKPOINT/n 2>/dev/null || echo 0); echo "from $n"; echo $((n+1)) > $WUTONG_CHECKPOINT/n; echo $n > $WUTONG_OUTPUTS/o'
    name = cluster.submit(f"{script}; [ $n = 1 ] || sleep 60")
    cluster.says(name, "from 0")
    small_lab.run("scontrol", "requeue", cluster.job(name))
    end = cluster.ended(name, within=60)
    assert (end.reason, end.restart) == (EndReason.COMPLETED, 1)
    assert cluster.text(name, 0).startswith("from 0\n")
    assert cluster.text(name, 1) == "from 1\n"
    assert Path(end.outputs_path, "o").read_text() == "1\n"
    cluster.until(lambda: {record.restart for record in cluster.usage(name) if record.final} == {0, 1})
    last = [record for record in cluster.usage(name) if record.restart == 1]
    assert sum(record.seconds for record in last) == end.ended_at - end.started_at


def test_an_operator_who_cancels_behind_our_back_is_named(cluster, small_lab):
    name = cluster.submit("sleep 60")
    cluster.running(name)
    small_lab.run("scancel", cluster.job(name))
    end = cluster.ended(name)
    assert end.reason is EndReason.CANCELLED
    assert "operator" in end.detail


def test_an_operator_who_holds_a_run_is_told_of_and_not_overruled(cluster, small_lab):
    blockers = [cluster.submit("sleep 60", slots=2) for _node in range(2)]
    for name in blockers:
        cluster.running(name)
    name = cluster.submit("printf x")
    cluster.until(lambda: cluster.see(name).position == 1)
    small_lab.run("scontrol", "hold", cluster.job(name))
    cluster.until(lambda: "operator holds" in (cluster.see(name).waiting_for or ""))
    for blocker in blockers:
        cluster.engine.cancel(blocker)
        cluster.ended(blocker)
    assert cluster.see(name).phase is Phase.QUEUED
    small_lab.run("scontrol", "release", cluster.job(name))
    assert cluster.ended(name).reason is EndReason.COMPLETED


@pytest.mark.slow
def test_what_runs_under_a_forgotten_start_is_read_by_nobody(cluster, small_lab):
    """The old copy lives on a node whose daemon died; the new one is what counts."""
    name = cluster.submit(
        'echo "start $WUTONG_RESTART"; i=0; while [ $i -lt 40 ]; do sleep 1; echo $WUTONG_RESTART > $WUTONG_OUTPUTS/o; i=$((i+1)); done'
    )
    cluster.says(name, "start 0")
    node = cluster.see(name).node
    small_lab.kill(f"slurmd:{node}")
    try:
        cluster.until(lambda: cluster.see(name).restart == 1 and cluster.phase(name) is Phase.RUNNING, within=60)
        cluster.says(name, "start 1", 1)
        assert cluster.see(name).node != node
        cluster.engine.cancel(name)
        end = cluster.ended(name)
        assert (end.reason, end.restart) == (EndReason.CANCELLED, 1)
        assert end.outputs_path.endswith("starts/1/outputs")
        assert cluster.text(name, 0).startswith("start 0")
    finally:
        small_lab.restart_daemon(f"slurmd:{node}")
        small_lab.wait_for_nodes()


def test_a_job_whose_release_was_forgotten_is_released_again(cluster, small_lab):
    nodes = ",".join(small_lab.node_names)
    small_lab.run("scontrol", "update", f"nodename={nodes}", "state=drain", "reason=test")
    try:
        name = cluster.submit("echo done")
        cluster.until(lambda: cluster.see(name).waiting_for not in {None, "It is being handed to the cluster."})
        (job,) = starts_of(small_lab, name)
        small_lab.run("scontrol", "uhold", job)
    finally:
        small_lab.run("scontrol", "update", f"nodename={nodes}", "state=resume")
    assert cluster.ended(name).reason is EndReason.COMPLETED
    assert starts_of(small_lab, name) == [job]


def test_one_job_that_cannot_be_released_holds_up_no_other_and_is_not_tried_without_end(make, small_lab):
    transport = Meddler(small_lab.slurm_conf)
    cluster = make(transport=transport)
    cluster.until(lambda: not isinstance(cluster.engine.capabilities(), Unknown))
    specs = [cluster.spec("printf x") for _number in range(4)]
    assert cluster.engine.submit_many(specs) == [Accepted()] * 4
    ends = [cluster.ended(spec.name).reason for spec in specs]
    assert sorted(ends) == [EndReason.CANCELLED] + [EndReason.COMPLETED] * 3
    tries = [job for jobs in transport.releases for job in jobs]
    assert sorted(tries) == sorted(set(tries))


def test_a_job_stuck_in_completing_ends_by_its_runners_word():
    """The node's daemon hangs when the job ends: the controller never hears that all is cleared away, and for long does not count the node lost."""
    with Lab.start(nodes=1, accelerators={"ascend910b": 2}, accounting=False, settings={"SlurmdTimeout": "600"}) as lab:
        cluster = ClusterUnderTest(lab, completing_s=1.0)
        daemon = f"slurmd:{lab.node_names[0]}"
        try:
            name = cluster.submit("echo begun; while [ ! -e $WUTONG_OUTPUTS/go ]; do sleep 0.1; done; echo done")
            cluster.running(name)
            cluster.says(name, "begun")  # the controller says that it runs before the node has begun
            go = cluster.engine._runs.spool.outputs("tenant", name, 0) / "go"
            lab.kill(daemon, signal.SIGSTOP)
            go.touch()
            end = cluster.ended(name, within=90)
            assert lab.run("squeue", "-h", "-a", f"--name={name}", "-o", "%T").stdout.strip() == "COMPLETING"
            assert (end.reason, end.exit_code, cluster.text(name)) == (EndReason.COMPLETED, 0, "begun\ndone\n")
            lab.kill(daemon, signal.SIGCONT)
            cluster.until(lambda: not lab.run("squeue", "-h", "-a").stdout.strip(), within=90)
            assert cluster.see(name) == end
        finally:
            lab.kill(daemon, signal.SIGCONT)
            cluster.close()


@pytest.fixture
def full_lab():
    """Two nodes, one of which has no room left where its daemon keeps what it needs to start jobs."""
    with Lab.start(nodes=2, accelerators={"ascend910b": 2}, accounting=False) as lab:
        node, spool = lab.node_names[0], lab.folder / "spool" / lab.node_names[0]
        lab.end_daemon(f"slurmd:{node}")
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(spool)], check=False, capture_output=True)
        if mounted.returncode:
            pytest.skip(f"nothing can be mounted here: {mounted.stderr.decode().strip()}")
        try:
            lab.restart_daemon(f"slurmd:{node}")
            lab.wait_for_nodes()
            with contextlib.suppress(OSError), (spool / "filler").open("wb", buffering=0) as filler:
                while True:
                    filler.write(bytes(4096))
            yield lab
        finally:
            subprocess.run(["umount", "--lazy", str(spool)], check=True)


@pytest.mark.slow
def test_a_node_with_a_full_disk_is_put_aside_and_its_runs_start_elsewhere(full_lab):
    cluster = ClusterUnderTest(full_lab)
    try:
        names = [cluster.submit("echo done", slots=2) for _number in range(3)]
        ends = [cluster.ended(name, within=90) for name in names]
        assert {end.reason for end in ends} == {EndReason.COMPLETED}
        assert {end.node for end in ends} == {full_lab.node_names[1]}
        assert [cluster.text(name) for name in names] == ["done\n"] * 3
        cluster.until(lambda: "drain" in full_lab.run("sinfo", "-h", "-n", full_lab.node_names[0], "-o", "%T").stdout)
    finally:
        cluster.close()


@pytest.mark.slow
def test_a_full_queue_is_waited_for(lab_accounting):
    lab = lab_accounting
    lab.run("sacctmgr", "-i", "add", "account", "crowded", "GrpSubmitJobs=1")
    lab.run("sacctmgr", "-i", "add", "user", "nobody", "account=crowded")
    cluster = ClusterUnderTest(lab, place=lambda spec: Placement(account="crowded", gres="gpu:ascend910b"))
    try:
        first = cluster.submit("sleep 300")
        cluster.running(first)
        second = cluster.submit("echo done")
        cluster.until(lambda: "stand in the cluster's queue" in (cluster.see(second).waiting_for or ""))
        cluster.engine.cancel(first)
        assert cluster.ended(second).reason is EndReason.COMPLETED
    finally:
        cluster.close()


def test_a_tenant_that_the_cluster_does_not_know_yet_is_waited_for(lab_accounting):
    lab = lab_accounting
    cluster = ClusterUnderTest(lab, place=lambda spec: Placement(account="newcomer", gres="gpu:ascend910b"))
    try:
        name = cluster.submit("echo done")
        cluster.until(lambda: cluster.engine.changes("") and name in cluster.engine._rounds.pump._not_before)
        assert cluster.see(name).phase is Phase.QUEUED
        lab.run("sacctmgr", "-i", "add", "account", "newcomer")
        lab.run("sacctmgr", "-i", "add", "user", "nobody", "account=newcomer")
        assert cluster.ended(name).reason is EndReason.COMPLETED
    finally:
        cluster.close()
