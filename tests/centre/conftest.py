"""A centre with one pool of 100 nodes on a stub engine, and a database."""

import pytest
from tests.centre.stub import StubEngine

from wutong.centre.engines.protocol import RunSpec
from wutong.centre.rules import Accelerator, Device, Flavour, Node, NodeState, Policy, Pool, PoolState
from wutong.centre.service import Engines, add_pool, request_run
from wutong.kit.clock import FakeClock
from wutong.kit.database import Database


def add_npu_pool(session, engine="stub"):
    kind = Accelerator("ascend910b", "Huawei", 320.0, 64, Device.NPU)
    pool = Pool("npu", engine, kind.name, "Ascend nodes", PoolState.OPEN, 86_400)
    nodes = [Node("npu", f"n{number:03}", 8, 192, 768_000, NodeState.UP) for number in range(100)]
    flavours = [Flavour(f"npu.{size}", "npu", engine, kind.name, size, 24 * size, 96_000 * size, "", enabled=True) for size in (1, 8)]
    add_pool(session, kind, pool, nodes, flavours)


def want_run(database: Database, name: str, tenant: str = "tnt_a", **more) -> None:
    with database.session() as session:
        request_run(session, RunSpec(name, tenant, ("true",), **more), pool="npu")


@pytest.fixture
def stub(fake_clock: FakeClock) -> StubEngine:
    return StubEngine()


@pytest.fixture
def engines(stub: StubEngine) -> Engines:
    return Engines([stub])


@pytest.fixture
def policy() -> Policy:
    return Policy()


@pytest.fixture
def centre(database: Database, engines: Engines) -> Database:
    with database.session() as session:
        add_npu_pool(session)
    return database
