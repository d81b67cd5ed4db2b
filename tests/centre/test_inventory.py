"""The inventory: pools and nodes follow what an engine's machines are, and what people decided stays."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from sqlalchemy.orm import Session

from wutong.centre import inventory, service
from wutong.centre.catalogue import kinds, operate
from wutong.centre.catalogue.rules import NodeState, Service
from wutong.centre.engines.protocol import Absent, Accepted, Machine, Refused, Unknown
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


class Obeying(Cluster):
    """A cluster that does as it is told, when it answers."""

    def __init__(self, machines: Sequence[Machine] | Unknown) -> None:
        super().__init__(machines)
        self.told: list[tuple[str, str, str]] = []
        self.answer: Accepted | Absent | Refused | Unknown = Accepted()

    def set_machine(self, machine: str, state: str, reason: str) -> Accepted | Absent | Refused | Unknown:
        if isinstance(self.answer, Accepted) and not isinstance(self.seen, Unknown):
            self.seen = [replace(each, state=state, reason=reason) if each.name == machine else each for each in self.seen]
        self.told.append((machine, state, reason))
        return self.answer


def drain(database: Database, state: NodeState = NodeState.DRAINING, reason: str = "new fans") -> None:
    with database.session() as session:
        operate.set_node_state(session, OPERATOR, "ai-ascend910b", "n1", state, reason=reason)


def state_and_history(database: Database) -> tuple[NodeState, list[tuple[str, str]]]:
    with database.session() as session:
        events = service.list_node_events(session, "ai-ascend910b", "n1")
        return states(session, "ai-ascend910b")["n1"], [(event.reason, event.by) for event in events]


def test_an_engine_is_told_what_operators_want_and_then_believed(database: Database, fake_clock: FakeClock) -> None:
    cluster = Obeying(MACHINES)
    loop = Inventory(database, Engines([cluster]))  # type: ignore[list-item]
    loop.step()
    drain(database)
    loop.step()
    assert cluster.told == [("n1", "draining", "new fans")]
    assert state_and_history(database) == (NodeState.DRAINING, [("new fans", "Operator"), ("", "slurm")])
    cluster.seen = MACHINES
    fake_clock.advance(60)
    loop.step()
    assert state_and_history(database)[0] is NodeState.UP, "somebody put it back on the cluster itself"
    assert len(cluster.told) == 1


def test_what_an_engine_could_not_be_told_is_told_later_and_not_undone_meanwhile(database: Database, fake_clock: FakeClock) -> None:
    cluster = Obeying(MACHINES)
    loop = Inventory(database, Engines([cluster]))  # type: ignore[list-item]
    loop.step()
    drain(database)
    cluster.answer = Unknown("away")
    fake_clock.advance(60)
    loop.step()
    assert state_and_history(database)[0] is NodeState.DRAINING
    drain(database, NodeState.UP, "never mind")
    cluster.answer = Accepted()
    loop.step()
    assert cluster.told[-1] == ("n1", "up", "never mind")
    assert len(cluster.told) == 2, "what was wanted first is wanted no more"


def test_a_refusal_is_written_into_the_history(database: Database, fake_clock: FakeClock) -> None:
    cluster = Obeying(MACHINES)
    loop = Inventory(database, Engines([cluster]))  # type: ignore[list-item]
    loop.step()
    drain(database)
    cluster.answer = Refused("The cluster refused it: no.")
    loop.step()
    state, history = state_and_history(database)
    assert state is NodeState.UP
    assert ("Not done: The cluster refused it: no.", "slurm") in history


@pytest.mark.parametrize(
    ("name", "tflops", "memory_gb", "vendor"),
    [
        ("a100", 312, 80, "NVIDIA"),
        ("a100_3g.40gb", 133.7, 40, "NVIDIA"),
        ("h200_1g.18gb", 141.3, 18, "NVIDIA"),
        ("ascend910b", 313, 64, "Huawei"),
        ("quantum_3g.40gb", 0, 0, "unknown"),
        ("a100_8g.80gb", 0, 0, "unknown"),
    ],
)
def test_a_part_of_a_card_counts_for_its_share(name: str, tflops: float, memory_gb: int, vendor: str) -> None:
    kind = kinds.accelerator_of(name)
    assert (kind.fp16_tflops, kind.memory_gb, kind.vendor) == (tflops, memory_gb, vendor)


def test_parts_of_cards_are_pooled_and_sold_like_cards(session: Session) -> None:
    inventory.follow(session, "slurm", [Machine("g0", "ai", "a100_3g.40gb", 8, 64, 512_000, "up", max_time_limit_s=86_400)])
    small = service.get_flavour(session, "a100_3g.40gb.1")
    assert (small.accelerator, small.cards, small.enabled) == ("a100_3g.40gb", 1, True)
    service.check_possible(session, flavour=small.name, nodes=1, time_limit_s=600)
