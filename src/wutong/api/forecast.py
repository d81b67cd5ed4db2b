"""How good forecasts were, for everybody; and what-if questions to a replay of the past, for operators."""

from datetime import UTC, datetime
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import Query, Request
from sqlalchemy.orm import Session

from wutong.api.auth import Asking, Router, Tx, needs
from wutong.centre import service as centre
from wutong.centre.rules import MOST_LOG_BYTES, Change, ForecastAccuracy, Order, Outcome, PlanTask, Replayed
from wutong.identity.rules import Permission, Principal
from wutong.kit.errors import Problem
from wutong.kit.paging import Page
from wutong.sdk import forecast as wire
from wutong.sdk.wire import Listed

router = Router(tag="centre")

MOST_TENANTS = 20


class LogTooLarge(Problem):
    """A log is over the size that is replayed."""

    code = "log_too_large"
    status = 413
    message = "Send at most {limit_bytes} bytes of a log. Pack it with gzip, or cut it."


@router.get("/forecast/accuracy", response_model=Listed[wire.ForecastAccuracy])
def list_accuracy(tx: Tx, who: Annotated[Principal, needs()], days: Annotated[int, Query(ge=1, le=90)] = 30) -> Page[ForecastAccuracy]:  # noqa: ARG001 - signed in is enough
    """List how good the forecasts of starts were over the last days, by pool."""
    return Page(centre.forecast_accuracy(tx, days=days))


@router.post("/admin/plans")
async def make_plan(asking: Asking, body: wire.PlanRequest) -> wire.Planned:
    """Replay what was submitted to a pool, as it is and with other cards, order, weights or shares."""

    def prepare(tx: Session, who: Principal) -> PlanTask:  # noqa: ARG001 - checked, not used
        change = _change(body, more_nodes=body.more_nodes, shares=body.shares)
        return centre.plan_pool(tx, body.pool, change, begin=_aware(body.begin), end=_aware(body.end))

    return await _work_out(await asking.ask(prepare, Permission.CENTRE_READ))


@router.post("/admin/plans/log")
async def plan_log(asking: Asking, request: Request, asked: Annotated[wire.PlanLogRequest, Query()]) -> wire.Planned:
    """Replay a log in Standard Workload Format, sent as it is or packed with gzip, as it is and with the change."""
    await asking.ask(lambda _tx, _who: None, Permission.CENTRE_READ)
    return await _work_out(centre.plan_log(asked.name, await _body(request), _change(asked), cards=asked.cards))


async def _body(request: Request) -> bytes:
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > MOST_LOG_BYTES:
            raise LogTooLarge(limit_bytes=MOST_LOG_BYTES)
        pieces.append(piece)
    return b"".join(pieces)


async def _work_out(task: PlanTask) -> wire.Planned:
    return _told(await run_sync(centre.replay_apart, task))


def _change(body: wire.PlanChange, *, more_nodes: int = 0, shares: dict[str, float] | None = None) -> Change:
    return Change(
        more_nodes=more_nodes,
        more_cards=body.more_cards,
        order_now=Order(body.order_now),
        order=None if body.order is None else Order(body.order),
        fair_share_weight=body.fair_share_weight,
        age_weight=body.age_weight,
        qos_weight=body.qos_weight,
        half_life_days=body.half_life_days,
        shares=shares or {},
    )


def _told(found: Replayed) -> wire.Planned:
    now, then = found.now, found.then
    largest = sorted(now.tenants, key=lambda tenant: now.tenants[tenant].card_hours, reverse=True)[:MOST_TENANTS]
    tenants = [_tenant(tenant, now, then) for tenant in largest if tenant in then.tenants]
    return wire.Planned(
        name=found.name,
        jobs=found.jobs,
        begin=datetime.fromtimestamp(found.first_s, UTC),
        end=datetime.fromtimestamp(found.last_s, UTC),
        cards_now=found.cards,
        cards_then=found.cards_then,
        recorded=None if found.recorded is None else _waits(found.recorded),
        now=_waits(now),
        then=_waits(then),
        tenants=tenants,
    )


def _waits(outcome: Outcome) -> wire.PlanWaits:
    names = ("jobs", "mean_s", "median_s", "p90_s", "slowdown")
    return wire.PlanWaits(impossible=outcome.impossible, utilisation=outcome.utilisation, **{name: getattr(outcome.all, name) for name in names})


def _tenant(tenant: str, now: Outcome, then: Outcome) -> wire.PlanTenant:
    here, there = now.tenants[tenant], then.tenants[tenant]
    return wire.PlanTenant(tenant=tenant, jobs=here.jobs, card_hours=here.card_hours, now_mean_s=here.mean_s, then_mean_s=there.mean_s)


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
