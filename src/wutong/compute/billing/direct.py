"""Bills what a tenant ran on a cluster directly: each start becomes a line of its own, at the price of its pool's normal flavour.

The centre's registrar has written the usage into the journal already; here it is told whose it is, and the settler rates it like any other, with
the ledger keys that keep anything from being charged twice. Nothing was held for it, so it takes what is free, and debt for the rest.
"""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from wutong.centre import service as centre
from wutong.centre.rules import EndReason, Flavour, ForeignStart, Service
from wutong.compute.billing import charge_store, service, start_store
from wutong.compute.billing.rules import BilledJob, RunEnd
from wutong.compute.catalogue import service as catalogue
from wutong.kit import cursors
from wutong.kit.database import Database
from wutong.kit.ids import new_id
from wutong.kit.log import get_logger

log = get_logger(__name__)

CURSOR = "compute.direct"
PERSON = "directly"
"""Who used it: an account on the cluster, not a person we know."""
BATCH = 200


class Direct:
    """The loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def step(self) -> bool:
        """Take one batch of the register; True when there was any."""
        with self._database.session() as session:
            position = cursors.read(session, CURSOR)
            starts = centre.foreign_after(session, position, BATCH)
            if starts:
                cursors.advance(session, CURSOR, before=position, after=starts[-1].seq)
                billable = [start for start in starts if start.is_billable]
                for start in billable:
                    _register(session, start)
                charge_store.retry_now(session, [start.name for start in billable])
        return bool(starts)


def normal_flavour(session: Session, pool: str) -> Flavour | None:
    """Return the smallest normal flavour of a pool that has a price, else the smallest; None where it has none."""
    own = sorted(
        (each for each in centre.list_flavours(session) if each.pool == pool and each.service is Service.NORMAL), key=lambda each: each.cards
    )
    priced = {price.flavour for price in catalogue.list_prices(session)}
    return next((each for each in own if each.name in priced), own[0] if own else None)


def _register(session: Session, start: ForeignStart) -> None:
    flavour = normal_flavour(session, start.pool)
    if flavour is None:
        log.error("what was used directly has no flavour, so no price", start=start.name, pool=start.pool)
        return
    seconds = round((start.ended_at - start.started_at).total_seconds())
    job = BilledJob(
        job_id="",
        job_name=f"used directly on the cluster: job {start.job} ({start.job_name[:60]})",
        tenant_id=start.tenant or "",
        person_id=PERSON,
        flavour=flavour.name,
        pool=start.pool,
        accelerator=flavour.accelerator,
        cards=start.cards,
        time_limit_s=max(seconds, 1),
        hold_s=0,
        held_fen=0,
        held_package_s=0,
        checkpoint_signal=None,
        settled_at=None,
    )
    ids: Sequence[str] = start_store.add_jobs(session, job, [new_id("direct")], start.name)
    service.attempts_ended(session, [RunEnd(start.name, EndReason.COMPLETED, our_fault=False, at=start.ended_at)])
    service.close_jobs(session, ids)
