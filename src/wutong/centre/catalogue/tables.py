"""Tables of the catalogue of machines."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from wutong.kit.database import Base


class AcceleratorRow(Base):
    """A kind of accelerator."""

    __tablename__ = "centre_accelerator"
    __table_args__ = (CheckConstraint("device IN ('npu', 'gpu', 'cpu')", name="device"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    vendor: Mapped[str]
    fp16_tflops: Mapped[float]
    memory_gb: Mapped[int]
    device: Mapped[str]


class PoolRow(Base):
    """Machines of one kind behind one engine."""

    __tablename__ = "centre_pool"
    __table_args__ = (CheckConstraint("state IN ('open', 'draining', 'closed')", name="state"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    engine: Mapped[str]
    accelerator: Mapped[str] = mapped_column(ForeignKey("centre_accelerator.name"))
    description: Mapped[str]
    state: Mapped[str]
    max_time_limit_s: Mapped[int]
    partition: Mapped[str]


class NodeRow(Base):
    """A machine of a pool."""

    __tablename__ = "centre_node"
    __table_args__ = (CheckConstraint("state IN ('up', 'draining', 'down')", name="state"),)

    pool: Mapped[str] = mapped_column(ForeignKey("centre_pool.name"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    cards: Mapped[int]
    cpus: Mapped[int]
    memory_mb: Mapped[int]
    state: Mapped[str]
    reason: Mapped[str]


class NodeEventRow(Base):
    """The history of nodes; never edited (a trigger refuses)."""

    __tablename__ = "centre_node_event"
    __table_args__ = (Index("ix_centre_node_event_pool_node_id", "pool", "node", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    pool: Mapped[str]
    node: Mapped[str]
    at: Mapped[datetime]
    state: Mapped[str]
    reason: Mapped[str]
    by: Mapped[str]


class NodeOrderRow(Base):
    """What an operator wants of a node, until its engine has been told; `outcome` is what came of it. Kept as a part of the node's history."""

    __tablename__ = "centre_node_order"
    __table_args__ = (
        CheckConstraint("state IN ('up', 'draining', 'down')", name="state"),
        Index("ix_centre_node_order_open", "engine", "id", postgresql_where=text("done_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    engine: Mapped[str]
    pool: Mapped[str]
    node: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str]
    by: Mapped[str]
    at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    outcome: Mapped[str]


class FlavourRow(Base):
    """What a tenant chooses: cards, CPUs and memory of each node of a run."""

    __tablename__ = "centre_flavour"
    __table_args__ = (
        CheckConstraint("cards > 0 AND cpus > 0 AND memory_mb > 0", name="sizes"),
        CheckConstraint("service IN ('normal', 'urgent', 'idle', 'interactive')", name="service"),
    )

    name: Mapped[str] = mapped_column(primary_key=True)
    pool: Mapped[str] = mapped_column(ForeignKey("centre_pool.name"), index=True)
    accelerator: Mapped[str] = mapped_column(ForeignKey("centre_accelerator.name"))
    cards: Mapped[int]
    cpus: Mapped[int]
    memory_mb: Mapped[int]
    description: Mapped[str]
    enabled: Mapped[bool]
    service: Mapped[str]
