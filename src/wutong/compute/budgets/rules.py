"""Budgets and spending as plain values. A month is a calendar month of Asia/Shanghai, the zone of the bill."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from wutong.kit.errors import Problem
from wutong.kit.money import MAX_FEN, format_fen

BILL_ZONE = ZoneInfo("Asia/Shanghai")
EVERYBODY = ""
WARN_LEVELS = (80, 90, 100)
MAX_BUDGET_FEN = MAX_FEN


class BudgetExceeded(Problem):
    """A start would pass a budget of the tenant's own."""

    code = "budget_exceeded"
    status = 402
    message = (
        "The budget of {scope} for {month} is {limit}; {spent} is spent and this needs {needed} more."
        " Ask an owner, administrator or finance member of your organisation to raise it, or wait for next month."
    )


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit in fen a month; `person_id` is None for the whole tenant."""

    tenant_id: str
    person_id: str | None
    limit_fen: int
    spent_fen: int
    month: str

    @property
    def percent(self) -> int:
        """Return how much of the limit is spent, in whole percent, rounded down."""
        return self.spent_fen * 100 // self.limit_fen if self.limit_fen else 100

    @property
    def exhausted(self) -> bool:
        """Tell whether nothing of the limit is left."""
        return self.spent_fen >= self.limit_fen


@dataclass(frozen=True, slots=True)
class Spend:
    """What a tenant or one of its people used in a month. `amount_fen` is net of reversals."""

    tenant_id: str
    person_id: str | None
    month: str
    amount_fen: int
    package_seconds: int
    card_ms: int


@dataclass(frozen=True, slots=True)
class SpendPart:
    """An amount to add to a person's month and to the tenant's; negative for a reversal."""

    tenant_id: str
    person_id: str
    month: str
    amount_fen: int
    package_seconds: int
    card_ms: int


def month_of(at: datetime) -> str:
    """Return the bill's month of a moment, such as `2026-11`."""
    return at.astimezone(BILL_ZONE).strftime("%Y-%m")


def month_bounds(month: str) -> tuple[datetime, datetime]:
    """Return the first moment of a month and of the next one, in UTC; raises `ValueError` for a text that is no month."""
    year, number = (int(part) for part in month.split("-"))
    if not 1 < year < 9999:  # moments near the ends of the calendar cannot be moved into another zone
        raise ValueError(f"{month} is no month of a bill")
    first = datetime(year, number, 1, tzinfo=BILL_ZONE)
    after = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=BILL_ZONE)
    return first.astimezone(UTC), after.astimezone(UTC)


def level_reached(percent: int) -> int:
    """Return the highest warning level that is reached, 0 for none."""
    return max((level for level in WARN_LEVELS if percent >= level), default=0)


def refusal(budgets: Sequence[Budget], needed_fen: int) -> BudgetExceeded | None:
    """Return the refusal of a start that holds `needed_fen`, or None when every budget has room for it."""
    for budget in budgets:
        if budget.exhausted or budget.spent_fen + needed_fen > budget.limit_fen:
            return BudgetExceeded(
                scope="your organisation" if budget.person_id is None else "this person",
                month=budget.month,
                limit=format_fen(budget.limit_fen),
                spent=format_fen(budget.spent_fen),
                needed=format_fen(needed_fen),
            )
    return None


def add_up(parts: Sequence[SpendPart]) -> list[Spend]:
    """Sum parts by person and by tenant, in one fixed order, so that two writers lock the rows alike."""
    sums: dict[tuple[str, str, str], tuple[int, int, int]] = {}
    for part in parts:
        for person in (EVERYBODY, part.person_id):
            key = (part.tenant_id, person, part.month)
            fen, seconds, ms = sums.get(key, (0, 0, 0))
            sums[key] = (fen + part.amount_fen, seconds + part.package_seconds, ms + part.card_ms)
    return [Spend(tenant, person or None, month, *sums[tenant, person, month]) for tenant, person, month in sorted(sums)]
