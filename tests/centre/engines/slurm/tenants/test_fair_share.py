"""Shares instead of fences: a tenant that floods the queue may use the whole machine, and yet hardly delays another's single job."""

import pytest
from tests.centre.engines.slurm.tenants.cast import TENANTS, a_steward, wait_for

from wutong.centre.engines.slurm.tenants import names
from wutong.centre.engines.slurm.tenants.rules import TenantWish

pytestmark = pytest.mark.needs_slurm


class Cluster:
    """Submissions of whole nodes, and what became of them."""

    def __init__(self, lab, steward):
        self.lab = lab
        self.steward = steward

    def account(self, tenant):
        return names.tenant_account(self.steward.centre, tenant)

    def submit(self, tenant, count, script, *options):
        """Submit so many jobs in one go of a shell, which is much quicker than one by one from here."""
        user = TENANTS[tenant]
        who = f"--uid={user} --gid={user} --account={self.account(tenant)} --export=NONE --chdir=/ --output=/dev/null"
        line = f"sbatch --parsable {who} --nodes=1 --ntasks=32 --time=1 {' '.join(options)} --wrap '{script}'"
        return self.lab.run("bash", "-c", f"for number in $(seq {count}); do {line} || exit 1; done", timeout_s=100).stdout.split()

    def column(self, jobs, what):
        """Ask for one column of jobs, in the order of the jobs."""
        told = self.lab.run("squeue", "-h", "-a", "-t", "all", "-o", f"%i {what}").stdout.splitlines()
        found = dict(line.split(maxsplit=1) for line in told)
        return [found[job] for job in jobs]

    def share(self, tenant):
        """Return the factor by which a tenant's user is preferred now, 0 to 1."""
        told = self.lab.run("sshare", "-n", "-P", "-a", "-A", self.account(tenant), "-o", "user,fairshare").stdout.splitlines()
        return next(float(line.split("|")[1]) for line in told if line.split("|")[0].strip() == TENANTS[tenant])


@pytest.fixture
def cluster(tenants_lab):
    steward = a_steward(tenants_lab)
    assert steward.step([TenantWish(tenant) for tenant in TENANTS]).failures == ()
    yield Cluster(tenants_lab, steward)
    for user in TENANTS.values():
        tenants_lab.run("scancel", f"--user={user}", check=False)


@pytest.mark.parametrize("size", [50, pytest.param(400, marks=pytest.mark.slow)])
def test_a_flood_delays_another_by_a_round_and_a_jobs_end(cluster, size):
    """Alone, the flooder has the whole machine. Once its use was counted, none of its jobs starts before the other's but in that round."""
    lab = cluster.lab
    flood = cluster.submit("evil", size, "sleep 2", "--hold")
    lab.run("scontrol", "release", ",".join(flood))
    wait_for(lambda: cluster.column(flood, "%T").count("RUNNING") == len(lab.node_names))
    wait_for(lambda: "COMPLETED" in cluster.column(flood, "%T"))
    # Slurm counts shares again each minute, and when its daemon starts.
    lab.restart_daemon("slurmctld")
    wait_for(lambda: cluster.share("good") > cluster.share("evil"))

    [single] = cluster.submit("good", 1, "true")
    wait_for(lambda: cluster.column([single], "%T") not in (["PENDING"], ["CONFIGURING"]))
    submitted, started = cluster.column([single], "%V %S")[0].split()
    before_it = [each for each in cluster.column(flood, "%S") if submitted < each < started]
    still = cluster.column(flood, "%T").count("PENDING")
    assert still >= size // 4
    assert len(before_it) <= len(lab.node_names)
