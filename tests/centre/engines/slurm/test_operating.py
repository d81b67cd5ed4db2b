"""What operators ask, against a real cluster: its accounts, its machines, its reservations."""

import subprocess
import time

import pytest
from tests.centre.engines.slurm.clusters import ClusterUnderTest

from wutong.centre.engines.operations import KeepsAccounts, Reserved, Reserves, SetsMachines
from wutong.centre.engines.protocol import Absent, Accepted, Refused
from wutong.centre.engines.slurm.config import Placement

pytestmark = pytest.mark.needs_slurm


@pytest.fixture(scope="module")
def cluster(lab_accounting):
    lab = lab_accounting
    for line in (["account", "ops"], ["user", "nobody", "account=ops"], ["user", "root", "account=ops"]):
        lab.run("sacctmgr", "-i", "add", *line)
    cluster = ClusterUnderTest(lab, place=lambda spec: Placement(account="ops", gres="gpu:ascend910b"))
    yield cluster
    cluster.close()


def states(cluster):
    return {each.name: (each.state, each.reason) for each in cluster.engine.machines()}


def test_the_engine_offers_all_of_it(cluster):
    assert isinstance(cluster.engine, KeepsAccounts)
    assert isinstance(cluster.engine, SetsMachines)
    assert isinstance(cluster.engine, Reserves)


def test_accounts_tell_ours_from_what_others_brought(cluster):
    since = round(time.time()) - 5
    name = cluster.submit("true", slots=3)
    other = subprocess.run(
        ["sbatch", "--parsable", "--wait", "-A", "ops", "-o", "/dev/null", "--gres=gpu:ascend910b:2", f"--job-name={name}", "--wrap", "true"],
        env=cluster.lab.environment | {"PATH": "/usr/bin:/bin"}, cwd="/", check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    cluster.ended(name)

    def both():
        found = [each for each in cluster.engine.accounted(since, round(time.time()) + 1) if each.name == name]
        return found if len(found) == 2 and all(each.ended for each in found) else None

    found = {each.job == other: each for each in cluster.until(both)}
    assert (found[True].ours, found[True].cards, found[True].account, found[True].accelerator) == (False, 2, "ops", "ascend910b")
    assert (found[False].ours, found[False].cards, found[False].partition) == (True, 3, "ai")
    assert sum(record.seconds for record in cluster.usage(name)) == found[False].seconds
    earlier = cluster.engine.accounted(since - 1000, since - 900, [name])
    assert [each.job for each in earlier] == [found[False].job], "a run that is asked for is told however early, and nothing of others"


def test_a_machine_is_drained_taken_down_and_put_back(cluster):
    node = cluster.lab.node_names[-1]
    assert cluster.engine.set_machine(node, "draining", "new fans | a=b\n风扇") == Accepted()
    assert states(cluster)[node] == ("draining", "new fans | a=b 风扇")
    assert cluster.engine.set_machine(node, "down", "gone") == Accepted()
    assert states(cluster)[node] == ("draining", "gone"), "drained as well, so that it does not come back by itself"
    assert cluster.engine.set_machine(node, "up", "") == Accepted()
    assert cluster.engine.set_machine(node, "up", "") == Accepted()
    cluster.until(lambda: states(cluster)[node] == ("up", ""))
    assert cluster.engine.set_machine("nobody-knows", "draining", "x") == Absent()


def test_reservations_are_made_changed_and_ended(cluster):
    nodes = cluster.lab.node_names
    start = round(time.time()) + 7200
    wish = Reserved("ops-maint-1", start, start + 3600, tuple(sorted(nodes[:2])))
    assert cluster.engine.reserve(wish) == Accepted()
    assert cluster.engine.reserve(wish) == Accepted()
    assert cluster.engine.reservations("ops-maint-") == [wish]
    longer = Reserved("ops-maint-1", start + 600, start + 7200, tuple(sorted(nodes[1:4])))
    assert cluster.engine.reserve(longer) == Accepted()
    assert cluster.engine.reservations("ops-maint-") == [longer]
    assert cluster.engine.reservations("someone-") == []
    assert isinstance(cluster.engine.reserve(Reserved("ops-maint-2", start, start + 60, ("nobody-knows",))), Refused)
    assert cluster.engine.release("ops-maint-1") == Accepted()
    assert cluster.engine.release("ops-maint-1") == Absent()
    assert cluster.engine.reservations("ops-maint-") == []


def test_a_job_that_would_run_into_a_reservation_waits_for_its_end(cluster):
    start = round(time.time()) + 300
    assert cluster.engine.reserve(Reserved("ops-maint-3", start, start + 3600, tuple(sorted(cluster.lab.node_names)))) == Accepted()
    try:
        late, early = cluster.submit("true", time_limit_s=3600), cluster.submit("true", time_limit_s=60)
        cluster.ended(early)
        assert cluster.until(lambda: cluster.see(late).waiting_for == "The nodes it needs are not available now, for example for maintenance.")
    finally:
        cluster.engine.release("ops-maint-3")
    cluster.ended(late)
