"""The inventory: pools and nodes follow what an engine's machines are, and what people decided stays."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from sqlalchemy.orm import Session

from wutong.centre import inventory, service
from wutong.centre.catalogue import kinds, operate
from wutong.centre.catalogue.rules import NodeState, Service
from wutong.centre.engines.protocol import Machine, Unknown
from wutong.centre.inventory import Inventory
from wutong.centre.registry import Engines
from wutong.identity.roles import CentreRole
from wutong.identity.rules import Principal
from wutong.kit.clock import FakeClock
from wutong.kit.database import Database

OPERATOR = Principal("per_1", "Operator", None, None, frozenset({CentreRole.OPERATOR}), None, "session", "127.0.0.1")
MACHINES = [Machine(f"n{number}", "ai", "ascend910b", 8, 192, 768_000, "up", max_time_limit_s=86_400) for number in range(3)]
HPC = [Machine("c0", "hpc", "", 0, 64, 256_000, "up")]


class Cluster:
    """An engine that has machines and nothing else."""

    name = "slurm"

    def __init__(self, machines: Sequence[Machine] | Unknown) -> None:
        self.seen = machines

    def machines(self) -> Sequence[Machine] | Unknown:
        return self.seen


def states(session: Session, pool: str) -> dict[str, NodeState]:
    return {node.name: node.state for node in service.list_nodes(session, pool)}


def test_what_is_found_becomes_pools_nodes_and_flavours(session: Session) -> None:
    assert inventory.follow(session, "slurm", [*MACHINES, *HPC])
    assert not inventory.follow(session, "slurm", [*MACHINES, *HPC])
    pool = service.get_pool(session, "ai-ascend910b")
    assert (pool.engine, pool.partition, pool.accelerator, pool.max_time_limit_s) == ("slurm", "ai", "ascend910b", 86_400)
    small = service.get_flavour(session, "ascend910b.1")
    assert (small.cards, small.cpus, small.memory_mb, small.partition, small.enabled) == (1, 24, 96_000, "ai", True)
    idle = service.get_flavour(session, "ascend910b.8.idle")
    assert (idle.service, idle.enabled) == (Service.IDLE, False)
    processors = service.get_flavour(session, "cpu-core.64")
    assert (processors.pool, processors.cards, processors.cpus) == ("hpc-cpu", 64, 64)
    assert service.capacity(session).cards >= 3 * 8 + 64
    assert sum(each.pflops for each in service.capacity(session).pools if each.pool == pool.name) == pytest.approx(24 * 313 / 1000)


def test_a_second_pool_of_a_kind_has_names_of_its_own(session: Session) -> None:
    inventory.follow(session, "slurm", [*MACHINES, *(replace(each, partition="night") for each in MACHINES)])
    names = {flavour.name: flavour.pool for flavour in service.list_flavours(session)}
    assert names["ascend910b.4"] == "ai-ascend910b"
    assert names["night-ascend910b.4"] == "night-ascend910b"


def test_states_are_followed_with_their_history(session: Session) -> None:
    inventory.follow(session, "slurm", MACHINES)
    broken = replace(MACHINES[0], state="down", reason="Not responding")
    assert inventory.follow(session, "slurm", [broken, *MACHINES[1:]])
    assert states(session, "ai-ascend910b") == {"n0": NodeState.DOWN, "n1": NodeState.UP, "n2": NodeState.UP}
    inventory.follow(session, "slurm", MACHINES[:2])
    assert states(session, "ai-ascend910b") == {"n0": NodeState.UP, "n1": NodeState.UP, "n2": NodeState.DOWN}
    history = service.list_node_events(session, "ai-ascend910b", "n0")
    assert [(event.state, event.reason, event.by) for event in history] == [
        (NodeState.UP, "", "slurm"),
        (NodeState.DOWN, "Not responding", "slurm"),
        (NodeState.UP, "", "slurm"),
    ]
    assert service.list_node_events(session, "ai-ascend910b", "n2")[0].reason == inventory.GONE


def test_what_a_person_drained_stays_drained_until_a_person_says_otherwise(session: Session) -> None:
    inventory.follow(session, "slurm", MACHINES)
    who = OPERATOR
    operate.set_node_state(session, who, "ai-ascend910b", "n1", NodeState.DRAINING, reason="new fans")
    assert not inventory.follow(session, "slurm", MACHINES)
    assert states(session, "ai-ascend910b")["n1"] is NodeState.DRAINING
    operate.set_node_state(session, who, "ai-ascend910b", "n1", NodeState.UP, reason="fans are in")
    inventory.follow(session, "slurm", [replace(MACHINES[1], state="down", reason="x"), MACHINES[0], MACHINES[2]])
    assert inventory.follow(session, "slurm", MACHINES)
    assert states(session, "ai-ascend910b")["n1"] is NodeState.UP


def test_a_pool_of_another_engine_is_left_alone(session: Session) -> None:
    inventory.follow(session, "slurm", MACHINES)
    assert not inventory.follow(session, "other", MACHINES[:1])
    assert len(states(session, "ai-ascend910b")) == 3


def test_a_dark_engine_changes_nothing(database: Database, fake_clock: FakeClock) -> None:
    cluster = Cluster(MACHINES)
    loop = Inventory(database, Engines([cluster]))  # type: ignore[list-item]
    assert loop.step()
    cluster.seen = Unknown("away")
    fake_clock.advance(60)
    assert not loop.step()
    with database.session() as session:
        assert set(states(session, "ai-ascend910b").values()) == {NodeState.UP}


def test_the_first_step_looks_by_any_clock(database: Database) -> None:
    assert Inventory(database, Engines([Cluster(MACHINES)])).step()  # type: ignore[list-item]


def test_an_unknown_kind_promises_nothing() -> None:
    kind = kinds.accelerator_of("brandnew9")
    assert (kind.fp16_tflops, kind.vendor) == (0, "unknown")
