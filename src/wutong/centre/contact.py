"""Whether an engine answers, since when, and what it last said of itself. A broken engine is logged once, and its recovery once."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TypeVar

from wutong.centre.catalogue import service as catalogue
from wutong.centre.engines.protocol import Engine, Unknown
from wutong.centre.registry import ask
from wutong.centre.runs import store
from wutong.kit import clock
from wutong.kit.database import Database
from wutong.kit.log import get_logger

log = get_logger(__name__)

T = TypeVar("T")

RETRY_S = 1.0
REFRESH_S = 30.0


class Contact:
    """One engine's contact with this process. `since` begins anew with the process and with every answer missed."""

    def __init__(self, database: Database, engine: str) -> None:
        self._database = database
        self._engine = engine
        self._retry_at: datetime | None = None
        self._refreshed_at: datetime | None = None
        self._lost = False
        self.in_touch = False
        self.since = clock.now()

    def worth_a_try(self) -> bool:
        """Tell whether to ask now: a dark engine is asked once a second."""
        return self._retry_at is None or clock.now() >= self._retry_at

    def note(self, answer: T | Unknown) -> T | Unknown:
        """Keep what an answer says about contact, and pass it on."""
        now = clock.now()
        if isinstance(answer, Unknown):
            self.in_touch, self._retry_at = False, now + timedelta(seconds=RETRY_S)
            if not self._lost:
                log.warning("engine does not answer", engine=self._engine, why=answer.why)
                self._keep(lost_contact_since=now, problem=answer.why.replace("\x00", ""))
                self._lost = True
        elif not self.in_touch:
            self._keep(lost_contact_since=None, problem="")
            if self._lost:
                log.info("engine answers again", engine=self._engine)
            self.in_touch, self.since, self._retry_at, self._lost = True, now, None, False
        return answer

    def missed(self) -> None:
        """Note that one question was not answered: what was seen before no longer counts as one unbroken look."""
        self.since = clock.now()

    def refresh(self, engine: Engine, *, allow_unconfined: bool) -> None:
        """Now and then, keep what the engine says of itself and let its one node follow its size."""
        now = clock.now()
        if self._refreshed_at is not None and now < self._refreshed_at + timedelta(seconds=REFRESH_S):
            return
        found = ask(engine.capabilities)
        if isinstance(found, Unknown):
            self._keep(allow_unconfined=allow_unconfined)
            return
        with self._database.session() as session:
            store.keep_engine(session, self._engine, capabilities=asdict(found), refreshed_at=now, allow_unconfined=allow_unconfined)
            if found.nodes == 1:
                catalogue.follow_engine(session, self._engine, found)
        self._refreshed_at = now

    def _keep(self, **values: object) -> None:
        with self._database.session() as session:
            store.keep_engine(session, self._engine, **values)
