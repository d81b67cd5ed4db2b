"""What a foreign start is, which pool it used, and its usage in windows. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from wutong.centre.catalogue import kinds
from wutong.centre.catalogue.rules import Pool
from wutong.centre.engines.operations import CUT_SHORT, Accounted
from wutong.centre.engines.protocol import UsageRecord
from wutong.centre.engines.usage import windows

WINDOW_MS = 3_600_000
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class ForeignStart:
    """One start of a job that the centre did not submit. `name` is unique and names its usage.

    `tenant` is None where the account is nobody's, `pool` "" where no pool is of its kind; `disputed` tells that it bears the name of a run of ours,
    so that a person has to look before anybody pays for it.
    """

    name: str
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
    seq: int = 0

    @property
    def is_billable(self) -> bool:
        """Tell whether it is known who pays for it, and what."""
        return self.tenant is not None and bool(self.pool) and not self.disputed and self.cards > 0


def register(engine: str, start: Accounted, pools: Sequence[Pool], *, tenant: str | None, disputed: bool) -> ForeignStart:
    """Make the entry of a start that has ended."""
    pool = pool_of(engine, start, pools)
    return ForeignStart(
        name=f"{engine}:{start.job}:{start.started}",
        engine=engine,
        job=start.job,
        job_name="".join(sign if sign.isprintable() else "�" for sign in start.name)[:_LONGEST_NAME],
        user=start.user,
        account=start.account,
        tenant=tenant,
        pool=pool.name if pool else "",
        cards=start.cpus if start.cards is None else start.cards,
        state=start.state,
        node=start.node[:10_000],
        started_at=datetime.fromtimestamp(start.started, UTC),
        ended_at=datetime.fromtimestamp(max(start.started, start.ended or 0), UTC),
        disputed=disputed,
    )


def pool_of(engine: str, start: Accounted, pools: Sequence[Pool]) -> Pool | None:
    """Return the pool a start used: of its partition and kind of card; where the accounting names no kind, the only one with cards."""
    there = [pool for pool in pools if (pool.engine, pool.partition) == (engine, start.partition)]
    processors = kinds.accelerator_of("").name
    if start.cards is not None and not start.accelerator:
        with_cards = [pool for pool in there if pool.accelerator != processors]
        return with_cards[0] if len(with_cards) == 1 else None
    return next((pool for pool in there if pool.accelerator == (start.accelerator or processors)), None)


def usage_of(start: ForeignStart) -> Iterator[UsageRecord]:
    """Yield its usage by the clock's hours, so that each is rated at the price and in the month of its time."""
    begin, end = (round(moment.timestamp() * 1000) for moment in (start.started_at, start.ended_at))
    fault = CUT_SHORT.get(start.state, "")
    for window in windows(begin, end, window_ms=WINDOW_MS, ended=True):
        record = UsageRecord(start.name, 0, window.start_ms / 1000, window.used_ms / 1000, start.cards, window.final)
        yield replace(record, fault=fault) if window.final else record
