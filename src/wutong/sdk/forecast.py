"""The forecast on the wire, and the calls for it: how good it was, and what-if questions to a replay of the past."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from wutong.sdk.wire import Listed, Received, Sent

if TYPE_CHECKING:
    from wutong.sdk.client import Client  # the server imports the wire types, and does without the HTTP client

Share = Annotated[float, Field(ge=0, le=1e9)]
OrderName = Literal["fifo", "easy", "priority"]


class ForecastAccuracy(Received):
    """How good a pool's forecasts were over the last days, each as it was when the job came into the queue.

    `median_error_s` is of the `jobs` that waited a minute or more, `coverage` the part of the `foretold` that had started by the bound.
    """

    pool: str
    jobs: int
    median_error_s: float | None
    foretold: int
    coverage: float | None


class PlanChange(Sent):
    """What might be otherwise. `order_now` is how the queue is taken to go at present; what is not given stays so."""

    more_cards: int = Field(0, ge=-1_000_000, le=1_000_000, description="So many cards more; fewer below 0.")
    order_now: OrderName = Field("priority", description="First come first served; the same with backfill (EASY); or backfill by priority.")
    order: OrderName | None = None
    fair_share_weight: float | None = Field(None, ge=0, le=1e9, description="Slurm's PriorityWeightFairshare.")
    age_weight: float | None = Field(None, ge=0, le=1e9)
    qos_weight: float | None = Field(None, ge=0, le=1e9)
    half_life_days: float | None = Field(None, ge=0.01, le=3650, description="After which half of what was used is forgotten.")


class PlanRequest(PlanChange):
    """A question to what the centre recorded of a pool. Times without a zone are UTC."""

    pool: str = Field(max_length=100)
    begin: datetime | None = Field(None, description="What was submitted from then; 30 days before the end by default.")
    end: datetime | None = Field(None, description="And before then; now by default.")
    more_nodes: int = Field(0, ge=-100_000, le=100_000, description="So many more nodes of the pool's largest size.")
    shares: dict[str, Share] = Field(default_factory=dict, max_length=1000, description="Weights of organisations by id; 1 for who is not named.")


class PlanLogRequest(PlanChange):
    """A question to a log in Standard Workload Format, sent beside it."""

    name: str = Field("log", max_length=200)
    cards: int = Field(0, ge=0, le=10_000_000, description="Size of the machine; 0 for what the log names.")


class PlanWaits(Received):
    """How jobs fared: their waits in seconds, their mean bounded slowdown, the part of the machine in use, how many were too wide for it."""

    jobs: int
    impossible: int
    mean_s: float
    median_s: float
    p90_s: float
    slowdown: float
    utilisation: float


class PlanTenant(Received):
    """What would change for an organisation."""

    tenant: str
    jobs: int
    card_hours: float
    now_mean_s: float
    then_mean_s: float


class Planned(Received):
    """The same jobs as recorded (unset where a log does not say), replayed as it is, and with the change. `tenants`: who used most."""

    name: str
    jobs: int
    begin: datetime
    end: datetime
    cards_now: int
    cards_then: int
    recorded: PlanWaits | None
    now: PlanWaits
    then: PlanWaits
    tenants: list[PlanTenant]


def list_accuracy(client: "Client", *, days: int = 30) -> list[ForecastAccuracy]:
    """Read how good forecasts were, by pool."""
    return client.get("/api/v1/forecast/accuracy", Listed[ForecastAccuracy], days=days).items


def plan(client: "Client", request: PlanRequest) -> Planned:
    """Ask what would have become of what a pool recorded."""
    return client.post("/api/v1/admin/plans", request, Planned)


def plan_log(client: "Client", log: Path, request: PlanLogRequest) -> Planned:
    """Ask the same of a log in Standard Workload Format, packed with gzip or not."""
    params: dict[str, Any] = request.model_dump(exclude_none=True)
    headers = {"Content-Type": "application/octet-stream"}
    answer = client.send("POST", "/api/v1/admin/plans/log", params=params, content=log.read_bytes(), headers=headers)
    return Planned.model_validate(answer.json())
