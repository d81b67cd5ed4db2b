"""A lab comes up, runs jobs, survives what is done to it, and goes without a trace."""

import os
import pwd
import signal
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.centre.engines.slurm.jobs import hold, output_of, state, submit, wait_until

from wutong.centre.engines.slurm.lab import leftovers, processes
from wutong.centre.engines.slurm.lab.checks import why_no_cgroup, why_no_devices
from wutong.centre.engines.slurm.lab.cluster import Lab
from wutong.centre.engines.slurm.lab.ports import is_listening
from wutong.centre.engines.slurm.lab.problems import DaemonFailed, LabRunning, NoLab, NoSuchDaemon
from wutong.centre.engines.slurm.lab.spec import Pool

pytestmark = pytest.mark.needs_slurm


@pytest.fixture
def folder():
    """A folder that users can reach, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="labtest-", dir="/var/tmp") as path:
        Path(path).chmod(0o755)
        yield Path(path) / "lab"


def of_this_lab(spec):
    return processes.ours(spec.folder) + [pid for pid in leftovers._pids() if leftovers._belongs(pid, spec)]


@contextmanager
def step(lab, script):
    """A script that runs under srun, from when it says that it is on; srun is killed at the end, and what it started is not."""
    with subprocess.Popen(["srun", "sh", "-c", script], env={**os.environ, **lab.environment}, stdout=subprocess.PIPE) as job:
        assert job.stdout.readline() == b"on\n"
        yield
        job.kill()


def test_everything_comes_up_and_goes_again():
    lab = Lab.start(nodes=2, rest=True, enforce=False)
    with lab:
        assert set(lab.running()) == {"munged", "mariadbd", "slurmdbd", "slurmctld", "slurmrestd", *(f"slurmd:{node}" for node in lab.node_names)}
        assert output_of(lab, "echo $SLURM_CLUSTER_NAME").strip() == lab.name
        assert lab.run("sacct", "-n", "-X", "-o", "State", "-j", "1").returncode == 0
        assert lab.rest_url.endswith(str(lab.spec.rest_port))
        assert is_listening(lab.spec.rest_port)
        job = submit(lab, "sleep 600")
        wait_until(lab, job, "RUNNING")
    assert of_this_lab(lab.spec) == []
    assert not lab.folder.exists()
    assert not is_listening(lab.spec.controller_port)
    lab.stop()  # twice does no harm


def test_a_job_is_given_the_accelerators_it_asks_for(lab):
    numbers, node = output_of(lab, "echo $SLURM_JOB_GPUS $SLURMD_NODENAME", "--gres=gpu:ascend910b:2").split()
    assert len(set(numbers.split(","))) == 2
    assert node in lab.node_names


def test_labs_live_side_by_side():
    with ThreadPoolExecutor(3) as starters:
        labs = list(starters.map(lambda _: Lab.start(nodes=1, accounting=False), range(3)))
    try:
        assert len({lab.name for lab in labs}) == len({lab.spec.base_port for lab in labs}) == 3
        for lab in labs:
            assert lab.run("srun", "printenv", "SLURM_CLUSTER_NAME").stdout.strip() == lab.name
        jobs = [hold(lab) for lab in labs]
        labs[0].stop()
        assert [state(lab, job) for lab, job in zip(labs[1:], jobs[1:], strict=True)] == ["RUNNING", "RUNNING"]
    finally:
        for lab in labs:
            lab.stop()


OWNER = """
import sys
from pathlib import Path
from wutong.centre.engines.slurm.lab.cluster import Lab
Lab.start(Path(sys.argv[1]), nodes=1, accounting=False)
print("up", flush=True)
sys.stdin.read()
"""


def test_a_lab_whose_owner_was_killed_can_be_stopped(folder):
    with subprocess.Popen([sys.executable, "-c", OWNER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout.readline() == b"up\n"
        lab = Lab.attach(folder)
        with pytest.raises(LabRunning, match=str(owner.pid)):
            Lab.start(folder, nodes=1, accounting=False)
        with step(lab, "trap '' TERM; setsid sleep 600 & env -i sleep 600 & echo on; wait"):
            owner.kill()
            lab.kill("slurmctld")  # so that nobody can end the job in good order
            lab.kill(f"slurmd:{lab.node_names[0]}")
    assert len(of_this_lab(lab.spec)) > 2
    Lab.attach(folder).stop()
    assert of_this_lab(lab.spec) == []
    with pytest.raises(NoLab):
        Lab.attach(folder)


def test_a_new_lab_takes_the_place_of_one_that_was_left(folder):
    with subprocess.Popen([sys.executable, "-c", OWNER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout.readline() == b"up\n"
        owner.kill()
    left = Lab.attach(folder)
    (folder / "mine").touch()
    with Lab.start(folder, nodes=1, accounting=False) as lab:
        assert of_this_lab(left.spec) == processes.ours(folder)
        left.stop()  # is no longer what it was, and harms nobody
        assert "slurmctld" in lab.running()
    assert [path.name for path in folder.iterdir()] == ["mine"]


def test_a_job_is_requeued_when_its_node_goes(lab):
    job = submit(lab, "sleep 600")
    wait_until(lab, job, "RUNNING")
    node = lab.run("squeue", "-h", "-j", job, "-o", "%N").stdout.strip()
    lab.kill(f"slurmd:{node}")
    lab.run("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=killed")
    wait_until(lab, job, "PENDING")
    assert "Restarts=1" in lab.run("scontrol", "show", "job", job).stdout
    lab.run("scancel", job)
    leftovers.sweep(lab.spec)  # its first copy runs on: nobody told it
    lab.restart_daemon(f"slurmd:{node}")
    lab.wait_for_nodes()


def test_a_node_that_is_killed_takes_its_jobs_with_it_and_no_others():
    with Lab.start(nodes=2, accounting=False) as lab:
        jobs, pids = [], []
        for node in lab.node_names:
            told = lab.folder / "log" / f"{node}.pid"
            jobs.append(submit(lab, f"echo $$ > {told}; exec sleep 1000", f"--nodelist={node}", "--uid=0"))
            wait_until(lab, jobs[-1], "RUNNING")
            processes.wait_for(lambda told=told: told.exists() and told.read_text().strip(), limit_s=10)
            pids.append(int(told.read_text()))
        lab.kill_node(lab.node_names[0])
        assert processes.is_gone(pids[0])
        assert not processes.is_gone(pids[1])
        assert state(lab, jobs[0]) == "RUNNING"  # nobody is left to tell the controller; it finds out by itself
        lab.restart_daemon(f"slurmd:{lab.node_names[0]}")


@pytest.mark.slow
def test_a_job_runs_elsewhere_when_slurm_finds_its_node_gone(lab):
    job = submit(lab, "sleep 600")
    wait_until(lab, job, "RUNNING")
    node = lab.run("squeue", "-h", "-j", job, "-o", "%N").stdout.strip()
    lab.kill(f"slurmd:{node}")
    wait_until(lab, job, "PENDING")
    wait_until(lab, job, "RUNNING")
    assert lab.run("squeue", "-h", "-j", job, "-o", "%N").stdout.strip() != node
    lab.run("scancel", job)
    leftovers.sweep(lab.spec)
    lab.restart_daemon(f"slurmd:{node}")
    lab.wait_for_nodes()


def test_daemons_are_killed_and_come_back():
    with Lab.start(nodes=1, accounting=False) as lab:
        before = lab.pid("slurmctld")
        lab.kill("slurmctld")
        with pytest.raises(NoSuchDaemon, match="munged"):
            lab.pid("slurmctld")
        lab.restart_daemon("slurmctld")
        assert lab.pid("slurmctld") != before
        assert lab.run("scontrol", "ping").stdout.endswith("is UP\n")
        with pytest.raises(NoSuchDaemon, match="slurmdbd"):
            lab.restart_daemon("slurmdbd")


def test_nodes_may_differ():
    pools = (
        Pool(nodes=2, accelerators={"ascend910b": 8}),
        Pool(nodes=1, accelerators={"a100": 4, "l40s": 2}, cpus=16),
        Pool(nodes=1, partition="hpc"),
    )
    with Lab.start(pools=pools, accounting=False) as lab:
        lines = lab.run("sinfo", "-h", "-N", "-o", "%N %R %G %c").stdout.split("\n")
        first, second, third, fourth = lab.node_names
        assert {line.split()[0]: line.split()[1:] for line in lines if line} == {
            first: ["ai", "gpu:ascend910b:8", "32"],
            second: ["ai", "gpu:ascend910b:8", "32"],
            third: ["ai", "gpu:a100:4,gpu:l40s:2", "16"],
            fourth: ["hpc", "(null)", "32"],
        }


def test_tenants_have_users_for_as_long_as_a_lab_wants_them():
    name, uid = f"labt{os.getpid()}", 290000 + os.getpid() % 10000
    with Lab.start(nodes=1, accounting=False) as lab:
        lab.make_user(name, uid)
        with Lab.start(nodes=1, accounting=False) as other:
            other.make_user(name, uid)
        assert pwd.getpwnam(name).pw_uid == uid
        assert lab.run("srun", f"--uid={uid}", f"--gid={uid}", "--chdir=/", "id").stdout.startswith(f"uid={uid}({name}) gid={uid}({name})")
    with pytest.raises(KeyError):
        pwd.getpwnam(name)


@pytest.mark.skipif(bool(why_no_cgroup()), reason=f"needs control groups: {why_no_cgroup()}")
@pytest.mark.skipif(bool(why_no_devices(Path("/var/tmp"))), reason=f"needs device files: {why_no_devices(Path('/var/tmp'))}")
def test_control_groups_confine_a_job_to_its_devices():
    with Lab.start(nodes=1, accounting=False, cgroup=True, devices="own", accelerators={"ascend910b": 4}) as lab:
        script = f"for n in 0 1 2 3; do cat {lab.folder}/dev/gpu$n; done 2>&1; setsid env -i sleep 600 >/dev/null 2>&1 &"
        answer = lab.run("srun", "--gres=gpu:1", "sh", "-c", script).stdout
        assert [line.endswith("not permitted") for line in answer.splitlines()] == [False, True, True, True]
    assert list(leftovers._groups(lab.spec)) == []


def test_a_job_has_a_tmp_of_its_own():
    with Lab.start(nodes=1, accounting=False, private_tmp=True) as lab:
        assert lab.run("srun", "ls", "-A", "/tmp").stdout == ""
        with step(lab, "echo on; sleep 600"):
            lab.kill(f"slurmd:{lab.node_names[0]}")
    assert str(lab.folder) not in Path("/proc/self/mounts").read_text()
    assert not lab.folder.exists()


def test_a_daemon_that_fails_says_why():
    with pytest.raises(DaemonFailed, match=r"(?s)slurmctld ended at once.*NoSuchSetting") as caught:
        Lab.start(nodes=1, accounting=False, settings={"NoSuchSetting": "1"})
    kept = Path(caught.value.params["folder"])
    assert kept.is_dir()
    assert [path.name for path in kept.parent.iterdir()] == ["log"]
    subprocess.run(["rm", "-r", str(kept.parent)], check=True)


def test_the_command_stops_with_ctrl_c_and_leaves_nothing(folder):
    argv = [sys.executable, "-m", "wutong.app", "lab", "slurm", "--nodes", "1", "--no-accounting", "--folder", str(folder)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as command:
        watch = threading.Timer(100, command.kill)
        watch.start()
        text = ""
        while "--stop" not in text:
            line = command.stdout.readline()
            assert line, text
            text += line
        assert f"export SLURM_CONF={folder}/etc/slurm.conf" in text
        spec = Lab.attach(folder).spec
        command.send_signal(signal.SIGINT)
        assert command.stdout.read() == "Stopping.\n"
        watch.cancel()
    assert command.returncode == 0
    assert of_this_lab(spec) == []
    assert list(folder.iterdir()) == []


def test_the_command_stops_a_lab_of_someone_else(folder):
    with Lab.start(folder, nodes=1, accounting=False) as lab:
        argv = [sys.executable, "-m", "wutong.app", "lab", "slurm", "--stop", str(folder)]
        assert subprocess.run(argv, check=True, capture_output=True, text=True).stdout == f"The lab in {folder} is stopped.\n"
        assert of_this_lab(lab.spec) == []
        again = subprocess.run(argv, check=False, capture_output=True, text=True)
        assert (again.returncode, again.stderr) == (1, f"There is no lab in {folder}.\n")
