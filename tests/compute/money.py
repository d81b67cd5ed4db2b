"""A small centre with prices and tenants for the tests of compute's money, and a journal of usage one can write facts into."""

from datetime import datetime, timedelta

from sqlalchemy import insert
from sqlalchemy.orm import Session

from wutong.centre import service as centre
from wutong.centre.rules import Accelerator, Device, Flavour, Node, NodeState, Pool, PoolState
from wutong.centre.usage.tables import UsageRow
from wutong.compute.billing import service as billing
from wutong.compute.catalogue import service as catalogue
from wutong.identity.rules import CentreRole, Principal, Role
from wutong.kit import clock
from wutong.kit.database import Database
from wutong.ledger import service as ledger

OPERATOR = Principal("per_operator", "Operator", None, None, frozenset({CentreRole.OPERATOR}))
FINANCE = Principal("per_finance", "Finance", None, None, frozenset({CentreRole.FINANCE}))


def member(tenant_id: str = "ten_a", person_id: str = "per_a", role: Role = Role.OWNER) -> Principal:
    return Principal(person_id, "Somebody", tenant_id, role)


def add_centre(session: Session, *, fen_per_card_hour: int = 600) -> None:
    kind = Accelerator("npu910", "Huawei", 320.0, 64, Device.NPU)
    pool = Pool("npu", "fake", kind.name, "Ascend nodes", PoolState.OPEN, 7 * 86_400)
    nodes = [Node("npu", f"n{number}", 8, 192, 768_000, NodeState.UP) for number in range(4)]
    flavours = [Flavour(f"npu.{size}", "npu", "fake", kind.name, size, 24 * size, 96_000 * size, "", enabled=True) for size in (1, 8)]
    centre.add_pool(session, kind, pool, nodes, flavours)
    catalogue.seed_prices(session, fen_per_card_hour)


def top_up(session: Session, amount_fen: int, tenant_id: str = "ten_a") -> None:
    key = f"test:{clock.now().timestamp()}:{amount_fen}:{tenant_id}"
    ledger.top_up(session, tenant_id=tenant_id, amount_fen=amount_fen, key=key, reference=key)


def hold(session: Session, job_id: str = "job_1", *, tenant_id: str = "ten_a", person_id: str = "per_a", cards: int = 1, limit_s: int = 3600, **more):
    return billing.hold_for_job(
        session,
        tenant_id=tenant_id,
        person_id=person_id,
        job_id=job_id,
        flavour="npu.1",
        cards=cards,
        time_limit_s=limit_s,
        at=clock.now(),
        **more,
    )


def start(session: Session, job_id: str = "job_1", attempt: int = 1, **more) -> str:
    """Hold for a job (its first attempt) and register the attempt; returns the run's name."""
    if attempt == 1:
        hold(session, job_id, **more)
    name = f"w-{job_id}-{attempt}"
    billing.register_run(session, run_name=name, job_id=job_id, attempt=attempt)
    return name


def use(session: Session, run: str, start: datetime, ms: int, *, cards: int = 1, restart: int = 0, final: bool = False, fault: str = "") -> None:
    """Append an absolute fact to the centre's journal."""
    sizes = {"seconds_ms": ms, "cards": cards, "card_seconds_ms": ms * cards}
    row = {"run_name": run, "restart": restart, "window_start": start, "final": final, "fault": fault, "recorded_at": clock.now(), **sizes}
    session.execute(insert(UsageRow), [row])


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def money(database: Database, job_id: str = "job_1"):
    with database.session() as session:
        return billing.job_money(session, [job_id])[job_id]
