"""The loop that reads all books once a day."""

from wutong.compute.books import rules, service, store
from wutong.kit import clock
from wutong.kit.database import Database
from wutong.kit.log import get_logger

log = get_logger(__name__)


class Reader:
    """The loop. That something did not add up is logged with each reading, and stands on the page of the books."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def step(self) -> bool:
        """Read the books when they were not read for a day; says whether they were."""
        with self._database.session() as session:
            if not rules.is_due(store.newest(session), clock.now()):
                return False
            reading = service.keep_reading(session, "system")
        if not reading.ok:
            log.error("the books do not add up", problems=list(reading.problems))
        return True
