"""The catalogue on the wire: accelerators, pools, nodes, flavours, environments, secrets; and the calls for them."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import Field

from wutong.sdk.wire import Listed, Received, Sent

if TYPE_CHECKING:
    from wutong.sdk.client import Client  # the server imports the wire types, and does without the HTTP client


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
    service: str = Field("normal", description="Class of service: normal, urgent, idle (gives way to others) or interactive.")
    partition: str = Field("", description="The cluster's own name of the pool, where it has one.")
    fen_per_card_hour: int | None = None
    expected_wait_s: float | None = Field(None, description="How long a job of an hour on one node would wait now; unset while too little is known.")
    expected_wait_bound_s: float | None = Field(None, description="Within how long nine in ten such jobs start.")


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
    reason: str = ""


class PoolCapacity(Received):
    """Size and load of one pool."""

    pool: str
    accelerator: str
    nodes: int
    cards: int
    busy_cards: int
    pflops: float
    busy_pflops: float


class Capacity(Received):
    """How large the centre is, and how busy; PFLOPS are of FP16."""

    pools: list[PoolCapacity]
    cards: int
    busy_cards: int
    pflops: float
    busy_pflops: float


class Environment(Received):
    """A named set of libraries jobs run in; `detail` is the end of what its last build said when that failed."""

    name: str
    digest: str
    state: str
    python: str
    description: str = ""
    size_bytes: int | None = None
    registered_at: datetime
    built_at: datetime | None = None
    detail: str | None = None
    shared: bool = True


class EnvironmentRequest(Sent):
    """A new environment from a hashed requirements lock."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    lock: str = Field(max_length=500_000, description="Text of a requirements lock with hashes; wheels only.")
    description: str = Field("", max_length=500)


class SecretRequest(Sent):
    """A secret's new value."""

    value: str = Field(min_length=1, max_length=16_384)


class Secret(Received):
    """A stored secret; its value is never told."""

    name: str
    updated_at: datetime


def list_flavours(client: "Client") -> list[Flavour]:
    """Read all machine sizes with their present prices."""
    return client.get("/api/v1/flavours", Listed[Flavour]).items


def list_environments(client: "Client") -> Iterator[Environment]:
    """Go through the environments one may use."""
    return client.pages("/api/v1/environments", Environment)


def register_environment(client: "Client", name: str, lock: str) -> Environment:
    """Register an environment of one's own."""
    return client.post("/api/v1/environments", EnvironmentRequest(name=name, lock=lock), Environment)


def get_environment(client: "Client", name: str) -> Environment:
    """Read one environment."""
    return client.get(f"/api/v1/environments/{name}", Environment)


def build_environment(client: "Client", name: str) -> Environment:
    """Have an environment built now, rather than when a job first needs it."""
    return client.post(f"/api/v1/environments/{name}/build", None, Environment)


def list_secrets(client: "Client") -> list[Secret]:
    """Read the names of stored secrets."""
    return client.get("/api/v1/secrets", Listed[Secret]).items


def set_secret(client: "Client", name: str, value: str) -> Secret:
    """Store a secret under a name."""
    return client.put(f"/api/v1/secrets/{name}", SecretRequest(value=value), Secret)


def delete_secret(client: "Client", name: str) -> None:
    """Delete a secret."""
    client.delete(f"/api/v1/secrets/{name}")
