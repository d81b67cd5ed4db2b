"""What a month report tells, gathered once for the document and for the table to take away. Money only for those who read the books."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from wutong.centre import service as centre
from wutong.centre.rules import Accelerator, By, Faults, ForecastAccuracy, Group, Slot, Window
from wutong.compute.budgets import service as budgets
from wutong.compute.budgets.rules import BILL_ZONE, Spend, month_bounds
from wutong.compute.jobs import service as jobs
from wutong.compute.jobs.rules import JobState, Waits
from wutong.identity import service as identity
from wutong.identity.rules import Permission, Principal
from wutong.ledger import service as ledger
from wutong.ledger.service import Income
from wutong.web.console.course import HOUR, Sum

MOST_TENANTS = 10
MOST_NODES = 64
HOURS_A_DAY = 24


@dataclass(frozen=True, slots=True)
class Kind:
    """What one kind of accelerator gave in a month; `pflops` is its peak for a card."""

    name: str
    device: str
    pflops: float
    card_seconds: int
    capacity_card_seconds: int

    @property
    def share(self) -> float | None:
        """What part was in use; None where there was nothing to use."""
        return self.card_seconds / self.capacity_card_seconds if self.capacity_card_seconds else None


@dataclass(frozen=True, slots=True)
class Day:
    """One day of all pools together: the share in use (None where nothing was there), and PFLOPS in use and there, in the mean of the day."""

    at: datetime
    share: float | None
    pflops: float
    capacity_pflops: float


@dataclass(frozen=True, slots=True)
class Tenant:
    """What an organisation used; what it was charged where that may be told."""

    name: str
    card_seconds: int
    amount_fen: int | None


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a heat map: shares by column in permille, None where there was nothing to use."""

    name: str
    permille: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class MonthReport:
    """All figures of a month. `until` is where they end: the end of the month, or the last whole hour of one that is under way."""

    month: str
    begins: datetime
    ends: datetime
    until: datetime
    days: tuple[Day, ...]
    kinds: tuple[Kind, ...]
    by_hour: tuple[Row, ...]
    machines: tuple[Row, ...]
    served: int
    tenants: tuple[Tenant, ...]
    ended: Mapping[JobState, int]
    waits: tuple[Waits, ...]
    income: tuple[Income, ...] | None
    faults: tuple[Faults, ...]
    windows: tuple[Window, ...]
    accuracy: tuple[ForecastAccuracy, ...]

    @property
    def together(self) -> Sum:
        """What all kinds gave together."""
        return Sum("", sum(kind.card_seconds for kind in self.kinds), sum(kind.capacity_card_seconds for kind in self.kinds))

    @property
    def pflops(self) -> tuple[float, float]:
        """PFLOPS in use and there, in the mean of the days that are counted."""
        there = [day for day in self.days if day.capacity_pflops]
        number = max(len(there), 1)
        return sum(day.pflops for day in there) / number, sum(day.capacity_pflops for day in there) / number


def gather(tx: Session, who: Principal, month: str, now: datetime) -> MonthReport:
    """Gather a month's figures. Raises `ValueError` for a text that is no month."""
    begins, ends = month_bounds(month)
    until = min(ends, now.replace(minute=0, second=0, microsecond=0))
    begun = until > begins
    slots = centre.utilisation(tx, begins, until, By.HOUR, Group.POOL, present=False) if begun else []
    kinds = {kind.name: kind for kind in centre.list_accelerators(tx)}
    of_pool = {pool.name: kinds[pool.accelerator] for pool in centre.list_pools(tx)}
    used = centre.used_by_tenant(tx, begins, until) if begun else {}
    return MonthReport(
        month,
        begins,
        ends,
        until,
        days_of(slots, of_pool, begins, ends),
        kinds_of(slots, of_pool),
        hours_of(slots, begins, ends),
        _machines(tx, begins, until) if begun else (),
        len(used),
        _tenants(tx, who, month, used),
        jobs.count_ended(tx, who, begins, ends),
        tuple(jobs.list_waits(tx, who, begins, ends)),
        tuple(ledger.income(tx, begins, ends)) if who.may(Permission.CENTRE_BOOKS) else None,
        tuple(centre.list_faults(tx, begins, ends)),
        tuple(window for window in centre.list_all_maintenance(tx) if window.begins_at < ends and window.ends_at > begins),
        tuple(centre.forecast_accuracy_in(tx, begins, ends)),
    )


def days_of(slots: Sequence[Slot], of_pool: Mapping[str, Accelerator], begins: datetime, ends: datetime) -> tuple[Day, ...]:
    """Add hours up to the days of a month. A day that is under way has the mean of its hours so far."""
    sums: dict[int, list[float]] = {}
    hours: dict[int, set[datetime]] = {}
    for slot in slots:
        place = (slot.at - begins) // timedelta(days=1)
        tflops = of_pool[slot.key].fp16_tflops if slot.key in of_pool else 0.0
        parts = (slot.card_ms, slot.capacity_card_ms, slot.card_ms * tflops, slot.capacity_card_ms * tflops)
        sums[place] = [before + more for before, more in zip(sums.get(place, [0.0] * 4), parts, strict=True)]
        hours.setdefault(place, set()).add(slot.at)
    days = []
    for place in range((ends - begins) // timedelta(days=1)):
        used, there, worked, capacity = sums.get(place, [0.0] * 4)
        pflops_ms = max(len(hours.get(place, ())), 1) * 3_600_000 * 1000
        share = min(used / there, 1.0) if there else None
        days.append(Day(begins + timedelta(days=place), share, worked / pflops_ms, capacity / pflops_ms))
    return tuple(days)


def kinds_of(slots: Sequence[Slot], of_pool: Mapping[str, Accelerator]) -> tuple[Kind, ...]:
    """Add card time up by kind of accelerator, the most used first."""
    sums: dict[str, list[int]] = {}
    about = {kind.name: kind for kind in of_pool.values()}
    for slot in slots:
        if slot.key in of_pool:
            added = sums.setdefault(of_pool[slot.key].name, [0, 0])
            added[0] += slot.card_ms
            added[1] += slot.capacity_card_ms
    found = [Kind(name, about[name].device, about[name].fp16_tflops / 1000, ms // 1000, there // 1000) for name, (ms, there) in sums.items()]
    return tuple(sorted(found, key=lambda kind: (-kind.card_seconds, kind.name)))


def hours_of(slots: Sequence[Slot], begins: datetime, ends: datetime) -> tuple[Row, ...]:
    """Return how busy all pools together were: a row for each hour of the day, a column for each day."""
    sums: dict[datetime, list[int]] = {}
    for slot in slots:
        added = sums.setdefault(slot.at, [0, 0])
        added[0] += slot.card_ms
        added[1] += slot.capacity_card_ms
    days = (ends - begins) // timedelta(days=1)

    def share(at: datetime) -> int | None:
        used, there = sums.get(at, (0, 0))
        return min(used * 1000 // there, 1000) if there else None

    rows = []
    for hour in range(HOURS_A_DAY):
        at = [begins + timedelta(days=day) + hour * HOUR for day in range(days)]
        rows.append(Row(f"{at[0].astimezone(BILL_ZONE):%H}", tuple(share(each) for each in at)))
    return tuple(rows)


def _machines(tx: Session, begins: datetime, until: datetime) -> tuple[Row, ...]:
    """Return each machine's hours; where they are too many for a page, none."""
    heat = centre.heat(tx, begins, until)
    if len(heat.rows) > MOST_NODES:
        return ()
    return tuple(Row(row.node, row.permille) for row in heat.rows)


def _tenants(tx: Session, who: Principal, month: str, used: Mapping[str, int]) -> tuple[Tenant, ...]:
    """Return who used most."""
    spends: dict[str, Spend] = {}
    if who.may(Permission.CENTRE_BOOKS):
        spends = {spend.tenant_id: spend for spend in budgets.list_month_spends(tx, who, month)}
    largest = sorted(((ms, tenant) for tenant, ms in used.items()), reverse=True)[:MOST_TENANTS]
    names = identity.tenant_names(tx, {tenant for _, tenant in largest})

    def charged(tenant: str) -> int | None:
        return spends[tenant].amount_fen if tenant in spends else 0 if spends else None

    return tuple(Tenant(names.get(tenant, tenant), ms // 1000, charged(tenant)) for ms, tenant in largest)
