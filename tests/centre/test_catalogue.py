from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError
from tests.centre.conftest import want_run
from tests.centre.stub import StubEngine

from wutong.centre import service
from wutong.centre.catalogue import service as catalogue
from wutong.centre.catalogue.rules import OnlyMachine
from wutong.centre.engines.protocol import Capabilities
from wutong.centre.reconciler import Reconciler
from wutong.centre.rules import Impossible, NodeState, NoSuchFlavour, NoSuchNode, NoSuchPool, PoolState, RunPhase
from wutong.centre.service import Engines
from wutong.identity.roles import CentreRole
from wutong.identity.rules import Principal
from wutong.kit.errors import Forbidden, Unavailable
from wutong.kit.loops import drain

OPERATOR = Principal("per_1", "Operator", None, None, frozenset({CentreRole.OPERATOR}), None, "session", "127.0.0.1")
AUDITOR = Principal("per_2", "Auditor", None, None, frozenset({CentreRole.AUDITOR}), None, "session", "127.0.0.1")


def possible(session, flavour="npu.8", nodes=1, time_limit_s=3600):
    service.check_possible(session, flavour=flavour, nodes=nodes, time_limit_s=time_limit_s)


def test_the_embedded_catalogue_is_made_once_and_keeps_what_operators_changed(session):
    service.seed_local(session, slots=6, cpus=2, memory_mb=6000)
    service.set_flavour_enabled(session, OPERATOR, "cpu.2", enabled=False)
    service.seed_local(session, slots=8, cpus=2, memory_mb=6000)
    assert [(each.name, each.cards, each.cpus, each.memory_mb, each.enabled) for each in service.list_flavours(session)] == [
        ("cpu.1", 1, 1, 1000, True),
        ("cpu.2", 2, 1, 2000, False),
        ("cpu.4", 4, 1, 4000, True),
        ("cpu.8", 8, 2, 6000, True),
    ]
    assert [node.cards for node in service.list_nodes(session, "local")] == [8]
    possible(session, "cpu.8")


def test_an_unknown_flavour_is_answered_with_those_there_are(centre):
    with centre.session() as session, pytest.raises(NoSuchFlavour, match=r"Choose one of: npu\.1, npu\.8\."):
        service.get_flavour(session, "npu.80")
    with centre.session() as session, pytest.raises(NoSuchPool, match="List the pools"):
        service.get_pool(session, "gpu")


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"nodes": 101}, "Ask for 1 to 100"),
        ({"nodes": 0}, "at least 1 node"),
        ({"time_limit_s": 86_401}, "allows 1 to 86400 s"),
        ({"time_limit_s": 0}, "allows 1 to 86400 s"),
    ],
)
def test_the_impossible_is_refused_with_what_would_be_possible(centre, asked, sentence):
    with centre.session() as session:
        possible(session, nodes=100)
        with pytest.raises(Impossible, match=sentence):
            possible(session, **asked)


def test_operators_drain_pools_and_nodes_and_others_do_not(centre):
    with centre.session() as session:
        with pytest.raises(Forbidden):
            service.set_pool_state(session, AUDITOR, "npu", PoolState.DRAINING, reason="no")
        with pytest.raises(NoSuchNode):
            service.set_node_state(session, OPERATOR, "npu", "n999", NodeState.DOWN, reason="fan")
        assert service.set_node_state(session, OPERATOR, "npu", "n000", NodeState.DOWN, reason="fan").state == NodeState.DOWN
        assert service.capacity(session).cards == 792
        possible(session, nodes=100)
        assert service.set_pool_state(session, OPERATOR, "npu", PoolState.DRAINING, reason="move").state == PoolState.DRAINING
        with pytest.raises(Impossible, match="draining"):
            possible(session)
        rows = session.execute(text("SELECT action, object_id FROM identity_audit ORDER BY action")).all()
    assert [tuple(row) for row in rows] == [("node.state", "npu/n000"), ("pool.state", "npu")]


def test_the_only_machine_of_an_engine_is_drained_with_its_pool(session):
    service.seed_local(session, slots=2, cpus=2, memory_mb=2000)
    with pytest.raises(OnlyMachine, match="Drain pool local instead"):
        service.set_node_state(session, OPERATOR, "local", "local", NodeState.DRAINING, reason="fan")
    assert service.list_nodes(session, "local")[0].state == NodeState.UP
    assert service.set_node_state(session, OPERATOR, "local", "local", NodeState.DOWN, reason="fan").state == NodeState.DOWN
    service.set_pool_state(session, OPERATOR, "local", PoolState.DRAINING, reason="fan")
    with pytest.raises(Impossible, match="draining"):
        possible(session, "cpu.1")


def test_capacity_counts_cards_in_use(centre, engines, stub):
    want_run(centre, "r1", nodes=2, slots=8)
    want_run(centre, "r2", slots=8)
    drain(Reconciler(centre, engines).step)
    stub.begin("r1")
    drain(Reconciler(centre, engines).step)
    with centre.session() as session:
        found = service.capacity(session)
    assert (found.cards, found.busy_cards) == (800, 16)
    assert (found.pflops, found.busy_pflops) == pytest.approx((256.0, 5.12))


def test_the_local_node_follows_what_the_engine_reports(database, fake_clock):
    engine = StubEngine()
    engine.name, engine.size = "local", type(engine.size)("local", "1", 2, 3, 4000, nodes=1, isolated=True)
    with database.session() as session:
        service.seed_local(session, slots=4, cpus=4, memory_mb=8000)
    Reconciler(database, Engines([engine])).step()
    with database.session() as session:
        assert [(node.cards, node.cpus, node.memory_mb) for node in service.list_nodes(session)] == [(2, 3, 4000)]
        assert service.find_capabilities(session, "local").isolated
        with pytest.raises(Impossible, match="2 cards, 3 CPUs and 4000 MiB"):
            possible(session, "cpu.4")


def test_the_machines_own_cards_are_a_pool_beside_its_processors(session):
    service.seed_local(session, slots=8, cpus=8, memory_mb=64_000)
    service.seed_cards(session, kind="h200", cards=4, cpus=8, memory_mb=64_000)
    service.seed_cards(session, kind="h200", cards=4, cpus=8, memory_mb=64_000)
    pool = service.get_pool(session, "local-h200")
    assert (pool.engine, pool.accelerator, service.get_accelerator(session, "h200").memory_gb) == ("local", "h200", 141)
    offered = {each.name: (each.cards, each.cpus, each.memory_mb) for each in service.list_flavours(session, enabled_only=True)}
    assert offered["h200.2"] == (2, 4, 32_000)
    assert {"cpu.1", "cpu.8", "h200.1", "h200.4"} <= set(offered)
    possible(session, "h200.4")
    with pytest.raises(Impossible):
        possible(session, "h200.2", nodes=2)


def test_pools_of_one_machine_follow_its_slots_and_its_cards(session):
    service.seed_local(session, slots=8, cpus=8, memory_mb=64_000)
    service.seed_cards(session, kind="h200", cards=4, cpus=8, memory_mb=64_000)
    size = Capabilities("local", "1", slots=6, cpus=8, memory_mb=64_000, accelerator="h200", cards=2)
    catalogue.follow_engine(session, "local", size)
    assert [service.list_nodes(session, pool)[0].cards for pool in ("local", "local-h200")] == [6, 2]
    catalogue.follow_engine(session, "local", replace(size, accelerator="", cards=0))
    assert [service.list_nodes(session, pool)[0].cards for pool in ("local", "local-h200")] == [6, 0], "its cards are gone, and are no processors"
    with pytest.raises(Impossible):
        possible(session, "h200.1")


def test_logs_and_queue_are_asked_live(centre, engines, stub):
    want_run(centre, "r1")
    with centre.session() as session:
        run = service.get_run(session, "r1")
        assert service.get_spec(session, "r1").argv == ("true",)
    assert service.read_log(engines, run, 0, 10).data == b""
    drain(Reconciler(centre, engines).step)
    with centre.session() as session:
        run = service.get_run(session, "r1")
    assert (run.phase, service.read_log(engines, run, 1, 3).data) == (RunPhase.QUEUED, b"ell")
    assert service.look_at_queue(engines, [run])["r1"].waiting_for == "a free card"
    stub.dark = True
    with pytest.raises(Unavailable):
        service.read_log(engines, run, 0, 10)
    assert service.look_at_queue(engines, [run])["r1"].why == "dark"
    with pytest.raises(Unavailable):
        engines.get("elsewhere")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE centre_run_event SET detail = 'x'",
        "DELETE FROM centre_run_event",
        "TRUNCATE centre_run_event",
        "UPDATE centre_run SET phase = 'running', reason = NULL, ended_at = NULL",
        "UPDATE centre_run SET reason = NULL",
        "UPDATE centre_run SET restart = -1",
    ],
)
def test_the_database_itself_refuses_to_rewrite_history(centre, engines, stub, statement):
    want_run(centre, "r1")
    drain(Reconciler(centre, engines).step)
    stub.end("r1")
    drain(Reconciler(centre, engines).step)
    with pytest.raises(DatabaseError), centre.session() as session:
        session.execute(text(statement))
