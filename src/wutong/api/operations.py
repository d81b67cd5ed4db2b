"""What operators look at and do to keep the centre running: comparisons with clusters' accounts, utilisation, maintenance, machines' histories."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import Query
from sqlalchemy.orm import Session

from wutong.api.auth import Asking, Router, Tx, needs
from wutong.centre import service as centre
from wutong.centre.rules import By, Comparison, ForeignStart, Group, NodeEvent, Slot, Window
from wutong.identity import service as identity
from wutong.identity.rules import Permission, Principal
from wutong.kit import clock
from wutong.kit.paging import Page
from wutong.sdk import operations as wire
from wutong.sdk.wire import Listed

router = Router(tag="centre", prefix="/admin")

tenants_router = Router(tag="catalogue")

Operates = Annotated[Principal, needs(Permission.CENTRE_OPERATE)]
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


@router.get("/foreign-jobs", response_model=Listed[wire.ForeignStart])
def list_foreign(tx: Tx, who: Reads, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Page[ForeignStart]:  # noqa: ARG001 - checked, not used
    """List what ran on clusters without being submitted here, the latest first: whose it was, and whether it is billed."""
    return Page(centre.list_foreign(tx, limit=limit))


@router.get("/maintenance")
def list_all_maintenance(tx: Tx, who: Reads) -> Listed[wire.Maintenance]:  # noqa: ARG001 - checked, not used
    """List all maintenance, the latest first, also what is over or cancelled."""
    return _windows(centre.list_all_maintenance(tx))


@router.post("/maintenance", status_code=201)
def announce_maintenance(tx: Tx, who: Operates, body: wire.MaintenanceRequest) -> wire.Maintenance:
    """Announce that machines are to be kept free of jobs. No job starts there that would not end before; what runs is left alone."""
    times = {"begins_at": _aware(body.begins_at) or clock.now(), "ends_at": _aware(body.ends_at) or clock.now()}
    return _window(centre.announce(tx, who, pool=body.pool, reason=body.reason, nodes=body.nodes, **times))


@router.delete("/maintenance/{window_id}", status_code=204)
def cancel_maintenance(tx: Tx, who: Operates, window_id: str) -> None:
    """Take an announcement back, or end a maintenance early."""
    centre.cancel_window(tx, who, window_id)


@tenants_router.get("/maintenance")
def list_maintenance(tx: Tx, who: Annotated[Principal, needs()]) -> Listed[wire.Announcement]:  # noqa: ARG001 - signed in is enough
    """List maintenance that is announced or under way, the earliest first."""
    return Listed[wire.Announcement](items=[wire.Announcement.model_validate(_window(each)) for each in centre.list_maintenance(tx)])


def _windows(found: list[Window]) -> Listed[wire.Maintenance]:
    return Listed[wire.Maintenance](items=[_window(each) for each in found])


def _window(window: Window) -> wire.Maintenance:
    return wire.Maintenance.model_validate({**asdict(window), "state": window.state(clock.now()).value, "whole_pool": not window.nodes})


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def _told(tx: Session, found: list[Comparison]) -> Listed[wire.Comparison]:
    rows: dict[int, list[wire.Difference]] = {}
    for number, difference in centre.list_differences(tx, found):
        rows.setdefault(number, []).append(wire.Difference.model_validate(difference))
    items = [wire.Comparison.model_validate(each).model_copy(update={"rows": rows.get(each.id, [])}) for each in found]
    return Listed[wire.Comparison](items=items)
