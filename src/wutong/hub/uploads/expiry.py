"""Ends uploads that nobody goes on with, and clears files that belong to no open upload."""

from datetime import UTC, datetime

from wutong.hub.uploads import store
from wutong.hub.uploads.folder import UploadFolder
from wutong.hub.uploads.rules import LIFE, UploadState
from wutong.hub.uploads.service import end_upload
from wutong.identity.rules import system_principal
from wutong.kit import clock
from wutong.kit.database import Database
from wutong.kit.ids import is_id

_BATCH = 50


def expire_uploads(database: Database, folder: UploadFolder) -> bool:
    """Handle one batch; True when something ended. Time counts from the last byte."""
    now = clock.now()
    with database.session() as session:
        expired = store.list_expired(session, now, _BATCH)
    ended = False
    for upload in expired:
        until = datetime.fromtimestamp(folder.written_at(upload.id), UTC) + LIFE
        with database.session() as session:
            if until > now:
                store.prolong(session, upload.id, until)
                continue
            who = system_principal("collector", tenant_id=upload.tenant_id)
            ended |= end_upload(session, who, upload, UploadState.EXPIRED, "Nothing came for a week.")
        folder.discard(upload.id)
    return _clear(database, folder, now) or ended


def _clear(database: Database, folder: UploadFolder, now: datetime) -> bool:
    names = [name for name in folder.stale(older_than=(now - LIFE).timestamp()) if is_id(name, "upload")][:_BATCH]
    if not names:
        return False
    with database.session() as session:
        kept = store.open_among(session, names)
    gone = [name for name in names if name not in kept]
    for name in gone:
        folder.discard(name)
    return bool(gone)
