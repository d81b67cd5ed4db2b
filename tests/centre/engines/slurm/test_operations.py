"""The loops of operations over a real cluster with accounting: accounts that agree, what others brought, drained nodes, maintenance."""

import os
import subprocess
from datetime import timedelta

import pytest
from tests.centre.engines.slurm.clusters import ClusterUnderTest
from tests.tables import empty

from wutong.centre import service
from wutong.centre.catalogue.operate import set_node_state
from wutong.centre.comparison.comparer import Comparer
from wutong.centre.engines.protocol import RunSpec
from wutong.centre.engines.slurm.config import Placement
from wutong.centre.foreign.registrar import Registrar
from wutong.centre.inventory import Inventory
from wutong.centre.maintenance.keeper import MaintenanceKeeper
from wutong.centre.meter import Meter
from wutong.centre.reconciler import Reconciler
from wutong.centre.registry import Engines
from wutong.centre.rules import NodeState
from wutong.centre.utilisation.tally import Tally
from wutong.identity.rules import CentreRole, Principal
from wutong.kit import clock

WHO = Principal("per_1", "Operator", None, None, frozenset({CentreRole.OPERATOR}), None, "session", "127.0.0.1")
POOL = "ai-ascend910b"
NOW = timedelta()

pytestmark = pytest.mark.needs_slurm


class Centre:
    """The centre's loops over a lab, stepped by hand."""

    def __init__(self, lab, database):
        self.lab, self.database = lab, database
        for line in (["account", "c-ten_a"], ["user", "nobody", "account=c-ten_a"], ["user", "root", "account=c-ten_a"]):
            lab.run("sacctmgr", "-i", "add", *line)
        self.cluster = ClusterUnderTest(lab, place=lambda spec: Placement(account="c-ten_a", gres="gpu:ascend910b"))
        engines = Engines([self.cluster.engine])
        self.comparer = Comparer(database, engines, lag=NOW)
        self.registrar = Registrar(database, engines, tenant_of=lambda _, __, account: "ten_a" if account == "c-ten_a" else None, lag=NOW)
        self.inventory, self.keeper = Inventory(database, engines), MaintenanceKeeper(database, engines, centre="c")
        self.loops = [Reconciler(database, engines), Meter(database, engines), Tally(database)]
        self.inventory.step()
        self.registrar.step()

    def run(self, name, script="true", slots=2):
        with self.database.session() as session:
            spec = RunSpec(name, "ten_a", ("sh", "-c", script), slots=slots, memory_mb=64, time_limit_s=60, accelerator="ascend910b", partition="ai")
            service.request_run(session, spec, pool=POOL)

    def step(self):
        for loop in self.loops:
            loop.step()

    def until(self, condition):
        def stepped():
            self.step()
            return condition()

        return self.cluster.until(stepped)

    def ended(self, *names):
        def all_metered():
            with self.database.session() as session:
                runs = [service.get_run(session, name) for name in names]
                return all(run.phase == "ended" and any(use.final for use in service.list_run_usage(session, run.name)) for run in runs)

        self.until(all_metered)

    def node(self, name):
        self.inventory._due.clear()
        self.inventory.step()
        with self.database.session() as session:
            return next((node.state, node.reason) for node in service.list_nodes(session, POOL) if node.name == name)


@pytest.fixture(scope="module")
def centre(lab_accounting, migrated):
    empty(migrated)
    centre = Centre(lab_accounting, migrated)
    yield centre
    centre.cluster.close()


@pytest.mark.slow
def test_our_journal_and_slurms_accounts_agree_requeues_included(centre):
    for number in range(4):
        centre.run(f"c-{number}", "sleep 1.1")
    centre.run("c-again", '[ "$WUTONG_RESTART" ] && [ "$WUTONG_RESTART" != 0 ] || sleep 30')
    job = centre.until(lambda: getattr(centre.cluster.see("c-again"), "started_at", None) and centre.cluster.job("c-again"))
    centre.lab.run("scontrol", "requeue", job)
    centre.lab.run("scancel", "--signal=TERM", job, check=False)
    centre.ended(*(f"c-{number}" for number in range(4)), "c-again")

    def agree():
        (made,) = centre.comparer.compare_day()  # an earlier start is metered when the accounting tells of it, which may take a moment
        return made.differences == 0 and made

    made = centre.until(agree)
    assert made.runs == 5
    assert made.our_card_ms == made.their_card_ms > 0


def test_what_was_brought_directly_is_found_and_known_to_be_a_tenants(centre):
    line = [
        "sbatch",
        "--parsable",
        "--wait",
        "-A",
        "c-ten_a",
        "-o",
        "/dev/null",
        "--gres=gpu:ascend910b:3",
        "--job-name=by hand",
        "--wrap",
        "sleep 1",
    ]
    job = subprocess.run(line, env={**os.environ, **centre.lab.environment}, cwd="/", check=True, capture_output=True, text=True).stdout.strip()

    def registered():
        centre.registrar._due.clear()
        centre.registrar.step()
        with centre.database.session() as session:
            return [each for each in service.list_foreign(session) if each.job_name == "by hand"]

    (start,) = centre.until(registered)
    assert (start.job, start.job_name, start.tenant, start.pool, start.cards, start.is_billable) == (job, "by hand", "ten_a", POOL, 3, True)
    with centre.database.session() as session:
        usage = service.list_run_usage(session, start.name)
    assert sum(use.card_seconds_ms for use in usage) == 3 * 1000 * (start.ended_at - start.started_at).total_seconds()


def test_an_operators_word_reaches_the_cluster_and_the_clusters_word_comes_back(centre):
    node = centre.lab.node_names[1]
    with centre.database.session() as session:
        set_node_state(session, WHO, POOL, node, NodeState.DRAINING, reason="new fans")
    assert centre.node(node) == (NodeState.DRAINING, "new fans")
    assert "drain" in centre.lab.run("sinfo", "-h", "-n", node, "-o", "%T").stdout
    centre.lab.run("scontrol", "update", f"nodename={node}", "state=resume")
    centre.cluster.until(lambda: centre.node(node) == (NodeState.UP, ""))


def test_maintenance_becomes_a_reservation_that_is_kept_and_ended(centre):
    begins_at = clock.now() + timedelta(hours=1)
    with centre.database.session() as session:
        window = service.announce(session, WHO, pool=POOL, begins_at=begins_at, ends_at=begins_at + timedelta(hours=2), reason="fans")
    centre.keeper.step()
    (seen,) = centre.cluster.engine.reservations("c-maint_")
    assert (seen.name, seen.nodes) == (f"c-{window.id}", tuple(sorted(centre.lab.node_names)))
    centre.lab.run("scontrol", "delete", f"ReservationName={seen.name}")
    centre.keeper._kept = None
    centre.keeper.step()
    assert centre.cluster.engine.reservations("c-maint_") == [seen]
    with centre.database.session() as session:
        assert service.list_all_maintenance(session)[0].kept_at is not None
        service.cancel_window(session, WHO, window.id)
    centre.keeper.step()
    assert centre.cluster.engine.reservations("c-maint_") == []
