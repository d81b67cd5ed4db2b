"""Operations on the wire, and the calls for them: comparisons with the clusters' accounts, utilisation, maintenance, the history of machines."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from pydantic import Field

from wutong.sdk.wire import Listed, Received, Sent

if TYPE_CHECKING:
    from wutong.sdk.client import Client  # the server imports the wire types, and does without the HTTP client


ByName = Literal["hour", "day"]
GroupName = Literal["pool", "node", "tenant"]


class Difference(Received):
    """A run on which our usage and the cluster's accounts disagree, in card-milliseconds, with the starts as either side has them."""

    run_name: str
    kind: str
    our_card_ms: int
    their_card_ms: int
    ours: str
    theirs: str


class Comparison(Received):
    """A day of an engine as it was compared: the runs that ended in it. `differences` counts all, `rows` shows the first."""

    id: int
    engine: str
    day: date
    until: datetime
    compared_at: datetime
    runs: int
    starts: int
    our_card_ms: int
    their_card_ms: int
    differences: int
    rows: list[Difference] = Field(default_factory=list)


class ComparisonRequest(Sent):
    """Which day to compare; today when none is given."""

    day: date | None = None


class NodeEvent(Received):
    """A machine came up, went down or was drained; `by` is an operator, or the engine that reported it."""

    at: datetime
    state: str
    reason: str
    by: str


class Utilisation(Received):
    """Card time that a pool, a machine (`pool/machine`) or an organisation used, and what there was: for the last, of the whole centre."""

    at: datetime
    key: str
    card_ms: int
    capacity_card_ms: int
    share: float | None


class ForeignStart(Received):
    """A start of a job that was not submitted here. `disputed`: it bears the name of a run of ours; then, as without tenant or pool, nobody pays."""

    engine: str
    job: str
    job_name: str
    user: str
    account: str
    tenant: str | None
    pool: str
    cards: int
    state: str
    node: str
    started_at: datetime
    ended_at: datetime
    disputed: bool
    is_billable: bool


class Announcement(Received):
    """A maintenance that is announced or under way: no job starts there that would not end before. Of the whole pool, or of some machines."""

    id: str
    pool: str
    whole_pool: bool
    begins_at: datetime
    ends_at: datetime
    reason: str
    state: str


class Maintenance(Announcement):
    """A maintenance as operators see it. `kept_at` is since when the engine keeps the machines free, `problem` why it does not."""

    nodes: list[str]
    by: str
    announced_at: datetime
    cancelled_at: datetime | None
    kept_at: datetime | None
    problem: str


class MaintenanceRequest(Sent):
    """When which machines are to be kept free, and why; all machines of the pool when none is named. Times without a zone are UTC."""

    pool: str = Field(max_length=100)
    begins_at: datetime
    ends_at: datetime
    reason: str = Field(min_length=1, max_length=200, description="What organisations are told.")
    nodes: list[str] = Field(default_factory=list, max_length=10_000)


def list_comparisons(client: "Client", *, days: int = 7) -> list[Comparison]:
    """Read how each of the last days compared with the clusters' accounts."""
    return client.get("/api/v1/admin/comparisons", Listed[Comparison], days=days).items


def compare_day(client: "Client", day: date | None = None) -> list[Comparison]:
    """Compare a day with the clusters' accounts now."""
    return client.post("/api/v1/admin/comparisons", ComparisonRequest(day=day), Listed[Comparison]).items


def list_utilisation(
    client: "Client", *, begin: datetime | None = None, end: datetime | None = None, by: ByName = "hour", group: GroupName = "pool"
) -> list[Utilisation]:
    """Read how much of the card time was in use; of the last day when no moments are given."""
    span = {"from": begin.isoformat() if begin else None, "to": end.isoformat() if end else None}
    return client.get("/api/v1/admin/utilisation", Listed[Utilisation], by=by, group=group, **span).items


def list_node_events(client: "Client", pool: str, name: str, *, limit: int = 100) -> list[NodeEvent]:
    """Read what happened to a machine, the latest first."""
    path = f"/api/v1/admin/pools/{quote(pool, safe='')}/nodes/{quote(name, safe='')}/history"
    return client.get(path, Listed[NodeEvent], limit=limit).items


def list_maintenance(client: "Client") -> list[Announcement]:
    """Read which maintenance is announced or under way."""
    return client.get("/api/v1/maintenance", Listed[Announcement]).items


def list_all_maintenance(client: "Client") -> list[Maintenance]:
    """Read all maintenance, the latest first."""
    return client.get("/api/v1/admin/maintenance", Listed[Maintenance]).items


def announce_maintenance(client: "Client", request: MaintenanceRequest) -> Maintenance:
    """Announce maintenance."""
    return client.post("/api/v1/admin/maintenance", request, Maintenance)


def cancel_maintenance(client: "Client", maintenance_id: str) -> None:
    """Take an announcement back, or end a maintenance early."""
    client.delete(f"/api/v1/admin/maintenance/{quote(maintenance_id, safe='')}")


def list_foreign(client: "Client", *, limit: int = 100) -> list[ForeignStart]:
    """Read what ran on clusters without being submitted here, the latest first."""
    return client.get("/api/v1/admin/foreign-jobs", Listed[ForeignStart], limit=limit).items
