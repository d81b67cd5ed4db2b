"""Registers what ran on a cluster and was not asked for here, and writes the usage of what is known to be a tenant's into the journal.

Looks every few minutes at what has ended since the last look and, because accounting may be late, an hour before it; each start is registered once.
What had begun before the centre was connected is left alone. The engine tells ours from others', and what bears the name of a run of ours although
the engine did not start it is registered as disputed.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from wutong.centre.catalogue import service as catalogue
from wutong.centre.engines.operations import Accounted, KeepsAccounts
from wutong.centre.engines.protocol import Unknown
from wutong.centre.foreign import rules, store
from wutong.centre.registry import Engines, ask
from wutong.centre.runs import store as runs_store
from wutong.centre.usage import store as usage_store
from wutong.centre.usage.rules import Fact, read_record
from wutong.kit import clock, cursors
from wutong.kit.database import Database, advisory_lock
from wutong.kit.log import get_logger

log = get_logger(__name__)

LOOK_AGAIN = timedelta(minutes=5)
LATE = timedelta(hours=1)
LAG = timedelta(minutes=2)
OLDEST = timedelta(days=20)

TenantOf = Callable[[Session, str, str], str | None]
"""The tenant whose account this is on an engine (its name, the account), or None."""


class Registrar:
    """The loop. `lag` is how far the accounting may be behind what ended."""

    def __init__(self, database: Database, engines: Engines, *, tenant_of: TenantOf, lag: timedelta = LAG) -> None:
        self._database = database
        self._engines = engines
        self._tenant_of = tenant_of
        self._lag = lag
        self._due: dict[str, datetime] = {}

    def step(self) -> bool:
        """Look at each engine that is due; True when something new was found."""
        found = False
        for engine in self._engines:
            now = clock.now()
            if isinstance(engine, KeepsAccounts) and now >= self._due.get(engine.name, now):
                self._due[engine.name] = now + LOOK_AGAIN
                found |= self._look(engine, now)
        return found

    def _look(self, engine: KeepsAccounts, now: datetime) -> bool:
        name = f"centre.foreign:{engine.name}"
        with self._database.session() as session:
            kept = cursors.read_text(session, name)
            if not kept:
                cursors.set_text(session, name, f"{now.timestamp():.0f}:{now.timestamp():.0f}")
                return False
        connected, last = (int(part) for part in kept.split(":"))
        until = round((now - self._lag).timestamp())
        # Beyond a month the engine no longer knows its own.
        since = max(connected, last - round(LATE.total_seconds()), round((now - OLDEST).timestamp()))
        said = ask(engine.accounted, since, max(until, since))
        if isinstance(said, Unknown):
            log.warning("the cluster's accounts could not be read", engine=engine.name, why=said.why)
            return False
        ended = [each for each in said if not each.ours and each.ended is not None and each.ended <= until and each.started >= connected]
        with self._database.session() as session:
            new = self._register(session, engine.name, ended)
            cursors.set_text(session, name, f"{connected}:{until}")
        if new:
            log.info("the cluster was used directly", engine=engine.name, count=new)
        return new > 0

    def _register(self, session: Session, engine: str, starts: Sequence[Accounted]) -> int:
        """Register starts and write the usage of those that somebody pays for; one transaction, so that neither is without the other."""
        advisory_lock(session, "centre_usage")
        pools = catalogue.list_pools(session)
        names = sorted({each.name for each in starts if "\x00" not in each.name})
        ours = {run.name for run in runs_store.load(session, names)} if names else set()
        tenants = {account: self._tenant_of(session, engine, account) for account in {each.account for each in starts}}
        entries = [rules.register(engine, each, pools, tenant=tenants[each.account], disputed=each.name in ours) for each in starts]
        new = store.add(session, entries)
        facts = [read_record(record) for start in new if start.is_billable for record in rules.usage_of(start)]
        usage_store.append(session, [fact for fact in facts if isinstance(fact, Fact)])
        return len(new)
