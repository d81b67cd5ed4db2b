"""The catalogue on the wire: accelerators, pools, nodes, flavours, environments."""

from datetime import datetime

from pydantic import Field

from wutong.sdk.wire import Received, Sent


class Flavour(Received):
    """A machine size one can ask for."""

    name: str
    pool: str
    accelerator: str
    cards: int
    cpus: int
    memory_mb: int
    description: str
    enabled: bool
    fen_per_card_hour: int | None = None


class Pool(Received):
    """Machines that are scheduled together."""

    name: str
    engine: str
    accelerator: str
    description: str
    state: str


class Node(Received):
    """A machine."""

    name: str
    pool: str
    cards: int
    cpus: int
    memory_mb: int
    state: str


class Capacity(Received):
    """How large the centre is, and how busy."""

    cards: int
    busy_cards: int
    pflops: float
    busy_pflops: float


class Environment(Received):
    """A named set of libraries jobs run in."""

    name: str
    digest: str
    state: str
    python: str | None = None
    size_bytes: int | None = None
    built_at: datetime | None = None
    detail: str | None = None
    shared: bool = True


class EnvironmentRequest(Sent):
    """A new environment from a hashed requirements lock."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    lock: str = Field(max_length=500_000, description="Text of a requirements lock with hashes; wheels only.")


class SecretRequest(Sent):
    """A secret's new value."""

    value: str = Field(min_length=1, max_length=16_384)


class Secret(Received):
    """A stored secret; its value is never told."""

    name: str
    updated_at: datetime
