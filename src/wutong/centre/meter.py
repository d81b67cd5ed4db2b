"""Reads the engines' usage records into the journal. Repeats change nothing; what contradicts or is foreign is kept aside and stops nobody else."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from wutong.centre.engines.protocol import Engine, Unknown, UsageRecord
from wutong.centre.registry import Engines, ask
from wutong.centre.runs import store as runs_store
from wutong.centre.usage import store
from wutong.centre.usage.rules import Fact, Refusal, read_record, sort_out
from wutong.kit import cursors
from wutong.kit.database import Database, advisory_lock
from wutong.kit.log import get_logger

log = get_logger(__name__)

CHUNK = 500


class Meter:
    """The loop from engines to usage journal. `alarms` counts records refused since this process started."""

    def __init__(self, database: Database, engines: Engines) -> None:
        self._database = database
        self._engines = engines
        self._dark: set[str] = set()
        self._cursors: dict[str, str] = {}
        self.alarms = 0

    def step(self) -> bool:
        """Read one batch of each engine; True when there was any."""
        read = [self._read(engine) for engine in self._engines]
        return any(read)

    def _read(self, engine: Engine) -> bool:
        name = f"centre.usage:{engine.name}"
        if name not in self._cursors:
            with self._database.session() as session:
                self._cursors[name] = cursors.read_text(session, name)
        cursor = self._cursors[name]
        batch = ask(engine.usage, cursor)
        if isinstance(batch, Unknown):
            if engine.name not in self._dark:
                log.warning("engine does not report usage", engine=engine.name, why=batch.why)
            self._dark.add(engine.name)
            return False
        if engine.name in self._dark:
            self._dark.discard(engine.name)
            log.info("engine reports usage again", engine=engine.name)
        for start in range(0, len(batch.records), CHUNK):
            with self._database.session() as session:
                self._record(session, engine.name, batch.records[start : start + CHUNK])
                if start + CHUNK >= len(batch.records):
                    cursors.set_text(session, name, batch.cursor)
        self._cursors[name] = batch.cursor
        return bool(batch.records)

    def _record(self, session: Session, engine: str, records: Sequence[UsageRecord]) -> None:
        advisory_lock(session, "centre_usage")
        ours = runs_store.known(session, sorted({record.name for record in records if "\x00" not in record.name}))
        known = [record for record in records if record.name in ours]
        foreign = [record for record in records if record.name not in ours]
        read = [(record, read_record(record)) for record in known]
        facts = {id(fact): record for record, fact in read if isinstance(fact, Fact)}
        in_order = [fact for _, fact in read if isinstance(fact, Fact)]
        news, contradictions = sort_out(in_order, store.totals(session, {fact.window for fact in in_order}))
        store.append(session, news)
        refusals = [fact for _, fact in read if isinstance(fact, Refusal)]
        refusals += [Refusal(facts[id(fact)], reason) for fact, reason in contradictions]
        refused = store.keep_refused(session, engine, refusals)
        if refused:
            self.alarms += refused
            log.error("usage refused", engine=engine, count=refused, first=refusals[0].reason, run=refusals[0].record.name)
        if store.keep_foreign(session, engine, foreign):
            log.warning("usage of runs that are not ours", engine=engine, first=foreign[0].name)
