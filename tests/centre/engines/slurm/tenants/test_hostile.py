"""Two tenants on a real cluster, one of them hostile: each test names what it tries, and what stops it.

What only the runner's sandbox stops (ports, command lines, a few listings) succeeds here; doctor must say so of this very cluster, and
test_hostile_runs.py tries it from inside the sandbox.
"""

import shutil
import socket
import time

import pytest
from tests.centre.engines.slurm.tenants.cast import TENANTS, wait_for

from wutong.centre.engines.slurm.checkup import examine
from wutong.centre.engines.slurm.checkup.rules import Level
from wutong.centre.engines.slurm.tenants import names, tokens
from wutong.centre.engines.slurm.transport import Transport

pytestmark = pytest.mark.needs_slurm

WORK = "import os, time; open('/tmp/mark', 'w').write('here'); open('/dev/shm/mark', 'w').write('here'); print('ready', flush=True); time.sleep(300)"


class Stage:
    """A lab with the two tenants in place, and the good one at work on the first node."""

    def __init__(self, lab, steward, root):
        self.lab = lab
        self.node = lab.node_names[0]
        self.steward = steward
        self.home = {tenant: root / tenant / "home" for tenant in TENANTS}
        (self.home["good"] / "secret.txt").write_text("goods-file")
        self.job = self.submit("good", f'export SECRET=goods-secret; exec /usr/bin/python3 -c "{WORK}" goods-argument')
        wait_for(lambda: "ready" in self.output("good", self.job))

    def account(self, tenant):
        return names.tenant_account(self.steward.centre, tenant)

    def submit(self, tenant, script, *options):
        """Submit as the adapter does: root for the tenant's user, nothing of root's environment."""
        user = TENANTS[tenant]
        who = [f"--uid={user}", f"--gid={user}", f"--account={self.account(tenant)}", "--export=NONE", "--chdir=/"]
        where = [f"--nodelist={self.node}", f"--output={self.home[tenant]}/%j.out", "--job-name=goods-name", "--comment=goods-comment"]
        return self.lab.run("sbatch", "--parsable", *who, *where, "--mem=200M", *options, stdin=f"#!/bin/bash\n{script}\n").stdout.strip()

    def output(self, tenant, job):
        path = self.home[tenant] / f"{job}.out"
        return path.read_text() if path.exists() else ""

    def as_evil(self, *argv, stdin=None):
        """Run a program as the hostile tenant's user, as any code in its jobs can."""
        user = TENANTS["evil"]
        line = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--reset-env", "env", f"SLURM_CONF={self.lab.slurm_conf}", *argv]
        done = self.lab.run(*line, check=False, stdin=stdin)
        return done.stdout + done.stderr

    def evil_job(self, script, *options):
        """Run a script in a job of the hostile tenant, on the node where the good one works."""
        return self.as_evil(
            *("srun", "--quiet", f"--account={self.account('evil')}", f"--nodelist={self.node}", "--chdir=/", "--immediate=30"),
            *("--export=PATH=/usr/bin:/bin", "--mem=200M", *options, "/bin/bash", "-c", f"exec 2>&1; {script}"),
        )

    def is_at_work(self):
        return self.lab.run("squeue", "-h", "-j", self.job, "-o", "%T %l").stdout.strip() == "RUNNING 1:00:00"

    def close(self):
        self.lab.run("scancel", *(f"--user={user}" for user in list(TENANTS.values())[:1]), check=False)
        self.lab.run("scancel", f"--user={TENANTS['evil']}", check=False)


@pytest.fixture(scope="module")
def stage(tenants_lab, settled, shared_root):
    stage = Stage(tenants_lab, settled, shared_root)
    yield stage
    stage.close()


@pytest.fixture(scope="module")
def findings(stage, settled):
    """What doctor says of the node where both work, by the rule's name: whether it fails there."""
    witness = examine.Witness(settled.identities.ensure("evil"), stage.account("evil"), stage.home["evil"])
    transport = Transport(stage.lab.slurm_conf, limit_s=60)
    root, ours = stage.home["evil"].parent.parent, settled.identities.is_ours
    found = examine.examine(transport, root=root, is_tenants_user=ours, witness=witness, nodes=[stage.node])
    assert Level.UNKNOWN not in {finding.level for finding in found}, [str(finding) for finding in found]
    return {finding.what: finding.level is not Level.HOLDS for finding in found}


@pytest.fixture
def confined(stage):
    if not stage.lab.spec.cgroup:
        pytest.skip("this host has no control groups to confine jobs with; doctor says of a live cluster what is not confined")
    return stage


def test_files_are_closed_by_their_folders(stage):
    """Stopped by: the gate (root's, passed by the tenant only) and folders of 0700."""
    home, gate = stage.home["good"], stage.home["good"].parent
    for script in (
        f"cat {home}/secret.txt",
        f"ls {gate.parent}",
        f"ls {gate}",
        f"touch {home}/x",
        f"cd {gate}/runs",
        f"ln {home}/secret.txt /tmp/second",
    ):
        assert "Permission denied" in stage.evil_job(script)


def test_a_jobs_script_is_closed(stage):
    """Stopped by: slurmd's spool folders, which are the user's, and slurmctld, which gives a script to its owner only."""
    spool = stage.lab.folder / "spool" / stage.node
    assert "goods-secret" not in stage.evil_job(f"cat {spool}/job{int(stage.job):05d}/slurm_script; cat {spool}/*/*; ls -R {stage.lab.folder}/state")
    assert "Invalid user id" in stage.as_evil("scontrol", "write", "batch_script", stage.job, "-")


def test_processes_are_not_ended_and_their_environment_is_not_read(stage):
    """Stopped by: the UNIX user."""
    script = """
        for process in /proc/[0-9]*; do
            tr '\\0' '\\n' < $process/environ | grep -o goods-secret
            tr '\\0' '\\n' < $process/cmdline | grep -q ^goods-argument || continue
            kill -9 ${process#/proc/} && echo KILLED
            cat $process/mem && echo READ
        done 2> /dev/null; echo done
    """
    assert stage.evil_job(script).split() == ["done"]
    assert stage.is_at_work()


def test_command_lines_are_hidden_or_doctor_says_so(stage, findings):
    """Stopped by: hidepid of /proc, or the runner's own process name space."""
    seen = "goods-argument" in stage.evil_job("cat /proc/[0-9]*/cmdline 2> /dev/null | tr '\\0' '\\n'")
    assert seen == findings["other users' processes are hidden"]


def test_ports_are_within_reach_of_whoever_is_in_no_sandbox(stage, findings):
    """Stopped by: the runner's own network name space, which doctor finds can be made here. Slurm itself keeps no job from the network."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert "REACHED" in stage.evil_job(f"echo > /dev/tcp/127.0.0.1/{listener.getsockname()[1]} && echo REACHED")
    assert findings["jobs run in the sandbox"] == (shutil.which("bwrap") is None)


LISTINGS = [
    ("squeue", "-a", "-t", "all", "-o", "%i %u %a %j %k"),
    ("squeue", "--json"),
    ("squeue", "-s", "-a"),
    ("squeue", "--start", "-a"),
    ("scontrol", "-o", "show", "job"),
    ("scontrol", "show", "step"),
    ("scontrol", "show", "assoc_mgr", "flags=users,assoc"),
    ("sacct", "-a", "-P", "-o", "user,account,jobname,comment"),
    ("sacct", "-P", "-u", TENANTS["good"], "-o", "user,account,jobname"),
    ("sacct", "--json"),
    ("sacctmgr", "-P", "show", "assoc"),
    ("sacctmgr", "-P", "show", "user", "withassoc"),
    ("sacctmgr", "-P", "show", "account", "withassoc"),
    ("sshare", "-a", "-P"),
    ("sprio", "-l"),
    ("sreport", "-P", "cluster", "AccountUtilizationByUser"),
]


TELLING = (LISTINGS[0], LISTINGS[4], LISTINGS[7], LISTINGS[10])  # root is told, so they would have told


@pytest.mark.parametrize("listing", LISTINGS, ids=" ".join)
def test_nothing_of_the_other_is_listed(stage, listing):
    """Stopped by: PrivateData of slurmctld and of slurmdbd."""
    if listing in TELLING:
        assert stage.account("good") in stage.lab.run(*listing).stdout
    told = stage.as_evil(*listing)
    assert not [word for word in (stage.account("good"), "goods-name", "goods-comment") if word in told]


def test_the_others_job_is_not_told_of(stage):
    """Stopped by: PrivateData=jobs; the other's job looks as if there were none."""
    assert "Invalid job id specified" in stage.as_evil("scontrol", "show", "job", stage.job)
    assert stage.as_evil("sacct", "-n", "-P", "-j", stage.job, "-o", "jobid") == ""


HIDES_NOTHING = [("sacctmgr", "-n", "-P", "show", "transactions"), ("scontrol", "show", "assoc_mgr", "flags=qos")]


def test_listings_that_hide_nothing_are_named_by_doctor(stage, findings):
    """Stopped by: nothing of Slurm's (22.05). The runner's sandbox has no way to Slurm; a firewall keeps others from it."""
    shown = [listing for listing in HIDES_NOTHING if stage.account("good") in stage.as_evil(*listing)]
    assert bool(shown) == findings["Slurm's listings that hide nothing are out of reach"]


MEDDLING = [
    ("scancel", "{job}"),
    ("scancel", "--signal=KILL", "--batch", "{job}"),
    ("scancel", "--user={good}"),
    ("scontrol", "hold", "{job}"),
    ("scontrol", "requeue", "{job}"),
    ("scontrol", "suspend", "{job}"),
    ("scontrol", "update", "jobid={job}", "timelimit=1"),
    ("scontrol", "update", "jobid={job}", "account={evil}"),
    ("scontrol", "notify", "{job}", "hello"),
    ("srun", "--jobid={job}", "--overlap", "true"),
    ("sattach", "{job}.0"),
    ("sbcast", "--jobid={job}", "/etc/hostname", "/tmp/planted"),
]


@pytest.mark.parametrize("attempt", MEDDLING, ids=" ".join)
def test_the_others_job_is_not_meddled_with(stage, attempt):
    """Stopped by: slurmctld, which lets owners and operators only."""
    told = stage.as_evil(*(word.format(job=stage.job, good=TENANTS["good"], evil=stage.account("evil")) for word in attempt))
    assert told.count("denied") + told.count("Invalid") + told.count("error") + told.count("expired") >= 1 or attempt[1].startswith("--user")
    assert stage.is_at_work()


RISING = [
    ("scontrol", "update", "nodename={node}", "state=down", "reason=x"),
    ("scontrol", "update", "partitionname=ai", "state=down"),
    ("scontrol", "reconfigure"),
    ("scontrol", "shutdown"),
    ("scontrol", "create", "reservation", "starttime=now", "duration=10", "user={user}", "nodes={node}"),
    ("strigger", "--set", "--node", "--down", "--program=/bin/true"),
    ("sacctmgr", "-i", "add", "user", "name={user}", "account={good}"),
    ("sacctmgr", "-i", "modify", "account", "{evil}", "set", "fairshare=1000"),
    ("sacctmgr", "-i", "modify", "user", "{user}", "set", "adminlevel=admin"),
    ("sacctmgr", "-i", "modify", "user", "{user}", "set", "maxjobs=1000"),
    ("sacctmgr", "-i", "modify", "qos", "where", "name=normal", "set", "priority=9999"),
    ("sacctmgr", "-i", "remove", "account", "name={good}"),
    ("sacctmgr", "-i", "add", "coordinator", "account={good}", "names={user}"),
    ("scontrol", "token", "username={other}"),
]


def test_nobody_makes_himself_more_than_a_user(stage):
    """Stopped by: slurmctld and slurmdbd, which ask for an administrator."""
    words = {"user": TENANTS["evil"], "other": TENANTS["good"], "good": stage.account("good"), "evil": stage.account("evil"), "node": stage.node}
    before = stage.steward.look()
    for attempt in RISING:
        told = stage.as_evil(*(word.format(**words) for word in attempt))
        assert any(refusal in told for refusal in ("denied", "Invalid user id", "privilege", "nothing else")), (attempt, told)
    assert stage.steward.look() == before
    assert stage.is_at_work()


DIRECTIVES = {
    "#SBATCH --uid={other}": "only permitted by root",
    "#SBATCH --uid=0": "only permitted by root",
    "#SBATCH --account={good}": "Invalid account",
    "#SBATCH --account={centre}": "Invalid account",
    "#SBATCH --account=root": "Invalid account",
    "#SBATCH --qos=normal": "Invalid qos",
    "#SBATCH --nice=-1000": "Invalid --nice",
    "#SBATCH --reservation=any": "reservation is invalid",
}


@pytest.mark.parametrize("directive", DIRECTIVES)
def test_directives_of_a_script_give_nothing(stage, directive):
    """Stopped by: sbatch and slurmctld, with AccountingStorageEnforce=associations,limits,qos."""
    line = directive.format(other=TENANTS["good"], good=stage.account("good"), centre=stage.steward.centre)
    assert DIRECTIVES[directive] in stage.as_evil("sbatch", "--hold", stdin=f"#!/bin/sh\n{line}\nid\n")


def test_directives_do_not_outvote_the_adapter(stage):
    """Stopped by: options of the command line, which come before a script's; the adapter gives user, account and class there."""
    job = stage.submit("evil", f"#SBATCH --account={stage.account('good')}\n#SBATCH --job-name=other\n#SBATCH --uid=0\nid", "--hold")
    told = stage.lab.run("squeue", "-h", "-j", job, "-o", "%u %a %j").stdout.split()
    stage.lab.run("scancel", job)
    assert told == [TENANTS["evil"], stage.account("evil"), "goods-name"]


def test_secrets_of_the_cluster_are_closed(stage):
    """Stopped by: their modes. A token cannot be made without the key, and another key's is refused."""
    lab = stage.lab
    paths = [lab.jwt_key, lab.slurm_conf.with_name("slurmdbd.conf"), lab.folder / "munge" / "key", lab.folder / "log" / "slurmctld.log"]
    for path in paths:
        assert path.exists()
        assert "Permission denied" in stage.as_evil("cat", path)
    forged = tokens.mint(b"x" * 32, TENANTS["good"], now_s=4_000_000_000, lifetime_s=600)
    assert stage.account("good") not in stage.as_evil("env", f"SLURM_JWT={forged}", "squeue", "-a", "-o", "%a")


def test_a_token_of_ours_is_good(stage):
    """The other way round: the token we mint is the one Slurm takes, so the forged one failed for its key."""
    token = tokens.mint(tokens.read_key(stage.lab.jwt_key), TENANTS["good"], now_s=time.time())
    assert stage.account("good") in stage.as_evil("env", f"SLURM_JWT={token}", "squeue", "-h", "-o", "%a")


def test_what_the_submitter_had_in_its_environment_is_not_the_jobs(stage, monkeypatch):
    """Stopped by: --export=NONE. Without it root's whole environment is the tenant's."""
    monkeypatch.setenv("OPERATORS_SECRET", "operators-secret")
    job = stage.submit("evil", "env; id -u; echo end")
    wait_for(lambda: "end" in stage.output("evil", job))
    assert "operators-secret" not in stage.output("evil", job)
    assert "HOME=/root" not in stage.output("evil", job)


def test_memory_is_its_own(confined):
    """Stopped by: ConstrainRAMSpace. The good one works on."""
    told = confined.evil_job("/usr/bin/python3 -c 'bytearray(400_000_000)'; echo ended $?", "--mem=100M")
    assert "ended 137" in told
    assert confined.is_at_work()


def test_devices_of_others_do_not_open(confined):
    """Stopped by: ConstrainDevices."""
    devices = sorted((confined.lab.folder / "dev").glob("**/gpu*"))
    script = "; ".join(f"cat {device} > /dev/null && echo OPENED" for device in devices)
    assert len(devices) == 8
    assert confined.evil_job(script).count("Operation not permitted") == 8
    given = confined.evil_job(script, "--gres=gpu:ascend910b:2")
    assert given.count("Operation not permitted") == 6


def test_nothing_outlives_its_job(confined):
    """Stopped by: ProctrackType=proctrack/cgroup."""
    escape = "import os, time\nif os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)\ntime.sleep(300)"
    assert "left" in confined.evil_job(f"/usr/bin/python3 -c '{escape}' escaped-argument; echo left", "--job-name=escape")
    wait_for(lambda: confined.lab.run("squeue", "-h", "--name=escape").stdout == "")
    assert "escaped" not in confined.evil_job("cat /proc/[0-9]*/cmdline 2> /dev/null | tr '\\0' '\\n' | grep '^escaped-'")


def test_tmp_and_shared_memory_are_its_own(confined):
    """Stopped by: job_container/tmpfs."""
    assert "here" not in confined.evil_job("cat /tmp/mark /dev/shm/mark; ls /tmp /dev/shm")
    confined.evil_job("echo left > /tmp/left; echo left > /dev/shm/left")
    assert "left" not in confined.evil_job("cat /tmp/left /dev/shm/left 2> /dev/null")
