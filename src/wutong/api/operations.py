"""What operators look at and do to keep the centre running: comparisons with the clusters' accounts, utilisation, the history of machines."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import Query
from sqlalchemy.orm import Session

from wutong.api.auth import Asking, Router, Tx, needs
from wutong.centre import service as centre
from wutong.centre.rules import By, Comparison, Group, NodeEvent, Slot
from wutong.identity import service as identity
from wutong.identity.rules import Permission, Principal
from wutong.kit import clock
from wutong.kit.paging import Page
from wutong.sdk import operations as wire
from wutong.sdk.wire import Listed

router = Router(tag="centre", prefix="/admin")

Reads = Annotated[Principal, needs(Permission.CENTRE_READ)]


@router.get("/comparisons")
def list_comparisons(tx: Tx, who: Reads, days: Annotated[int, Query(ge=1, le=366)] = 7) -> Listed[wire.Comparison]:  # noqa: ARG001 - checked, not used
    """List how each day's usage compared with the clusters' own accounts, the newest day first, with the runs on which they differ."""
    return _told(tx, centre.list_comparisons(tx, days=days))


@router.post("/comparisons", status_code=201)
async def compare_day(asking: Asking, body: wire.ComparisonRequest) -> Listed[wire.Comparison]:
    """Compare a day's usage with the clusters' own accounts now; today, up to two minutes ago, when none is named."""

    def allowed(tx: Session, who: Principal) -> None:
        identity.audit(tx, who, "comparison.make", kind="day", id=str(body.day or "today"))

    await asking.ask(allowed, Permission.CENTRE_OPERATE)
    comparer = centre.Comparer(asking.context.database, asking.context.engines)
    made = await run_sync(comparer.compare_day, body.day)
    return await asking.ask(lambda tx, _: _told(tx, made), Permission.CENTRE_READ)


@router.get("/utilisation", response_model=Listed[wire.Utilisation])
def get_utilisation(
    tx: Tx,
    who: Reads,  # noqa: ARG001 - checked, not used
    begin: Annotated[datetime | None, Query(alias="from", description="The first hour or day; a day before the last by default.")] = None,
    end: Annotated[datetime | None, Query(alias="to", description="Where to end; now by default.")] = None,
    by: By = By.HOUR,
    group: Group = Group.POOL,
) -> Page[Slot]:
    """Tell how much of the centre's card time was in use, by hour or day, and by pool, machine or organisation. Times without a zone are UTC."""
    last = _aware(end) or clock.now()
    first = _aware(begin) or last - timedelta(days=1)
    return Page(centre.utilisation(tx, first, last, by, group))


@router.get("/pools/{pool}/nodes/{name}/history", response_model=Listed[wire.NodeEvent])
def list_node_events(tx: Tx, who: Reads, pool: str, name: str, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Page[NodeEvent]:  # noqa: ARG001 - checked, not used
    """List what happened to a machine, the latest first: each state with its reason, and who said so."""
    return Page(centre.list_node_events(tx, pool, name, limit=limit))


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def _told(tx: Session, found: list[Comparison]) -> Listed[wire.Comparison]:
    rows: dict[int, list[wire.Difference]] = {}
    for number, difference in centre.list_differences(tx, found):
        rows.setdefault(number, []).append(wire.Difference.model_validate(difference))
    items = [wire.Comparison.model_validate(each).model_copy(update={"rows": rows.get(each.id, [])}) for each in found]
    return Listed[wire.Comparison](items=items)
