"""The loop that meters storage: brings every tenant's byte-seconds up to the hour and moves closed hours to the journal."""

from datetime import datetime

from wutong.hub.storage import store
from wutong.hub.storage.service import accrue, lock_storage
from wutong.kit import clock
from wutong.kit.database import Database, advisory_lock, notify

CHANNEL = "hub_storage_usage"
_JOURNAL = "hub_storage_usage"


class StorageMeter:
    """Meters storage. A tenant whose storage does not change costs one update an hour."""

    def __init__(self, database: Database, *, batch: int = 200) -> None:
        self._database = database
        self._batch = batch

    def step(self) -> bool:
        """Handle one batch; True when there was work."""
        hour = clock.now().replace(minute=0, second=0, microsecond=0)
        with self._database.session() as session:
            tenants = store.behind(session, hour, self._batch)
        for tenant_id in tenants:
            with self._database.session() as session:
                accrue(session, lock_storage(session, tenant_id))
        return self._close(hour) or bool(tenants)

    def _close(self, hour: datetime) -> bool:
        with self._database.session() as session:
            advisory_lock(session, _JOURNAL)
            # A tenant not yet brought up to the hour may still add to an hour that ended: close only what no row can reach any more.
            reached = store.oldest_accrual(session) or hour
            before = min(hour, reached.replace(minute=0, second=0, microsecond=0))
            closed = store.close_windows(session, before, clock.now(), self._batch)
            if closed:
                notify(session, CHANNEL)
        return closed > 0
