"""The collector: a loop that lets go of what nobody uses, in stages that each look again before they act.

deleted version -> its files go when no pin holds it -> owners of unused blobs go when their time is over -> a blob without owners is
marked -> after a grace it is removed from the store. Whoever records a blob takes its mark off under the row's lock and then checks that the
bytes are there.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby, islice
from pathlib import Path

from wutong.hub.blobs.local import LocalBlobs
from wutong.hub.blobs.rules import Blob, BlobStore
from wutong.hub.gc import store
from wutong.hub.repos.service import pinned_digests
from wutong.hub.storage.service import change_used, lock_storage
from wutong.hub.trees.materialise import clean_trees
from wutong.hub.uploads.expiry import expire_uploads
from wutong.hub.uploads.folder import UploadFolder
from wutong.kit import clock
from wutong.kit.database import Database

GRACE = timedelta(days=1)
ROUND = timedelta(hours=1)
STORE_ROUND = timedelta(days=1)
TREE_UNUSED = timedelta(hours=6)
_PAGE = 2000


class Collector:
    """Collects in small steps; every step is safe to cut off anywhere and to run twice at once."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        uploads: UploadFolder,
        *,
        trees: Sequence[Path] = (),
        grace: timedelta = GRACE,
        round_every: timedelta = ROUND,
        store_round_every: timedelta = STORE_ROUND,
        most_tree_bytes: int = 0,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._uploads = uploads
        self._trees = trees
        self._grace = grace
        self._round_every = round_every
        self._store_round_every = store_round_every
        self._most_tree_bytes = most_tree_bytes
        self._owner_after: tuple[str, str] | None = ("", "")
        self._round_at: datetime | None = None
        self._store_round_at: datetime | None = None
        self._listing: Iterator[Blob] | None = None

    def step(self) -> bool:
        """Handle one batch of whatever there is; True when there was work."""
        stages: list[Callable[[], bool]] = [self.purge, self.sweep, self.expire, self.look_at_owners, self.look_at_store]
        worked = [stage() for stage in stages]
        return any(worked)

    def purge(self) -> bool:
        """Let go of the files of one deleted, unpinned version, and at once of what only it used."""
        now = clock.now()
        with self._database.session() as session:
            version_id = store.next_to_purge(session)
            if version_id is None:
                return False
            gone = store.purge_files(session, version_id, _PAGE)
            if len(gone) < _PAGE:
                store.set_purged(session, version_id, now)
        self._drop(gone)
        return True

    def look_at_owners(self) -> bool:
        """Go through a page of all owners once in a while: uploads that were never committed."""
        now = clock.now()
        if self._owner_after is None:
            if self._round_at and now < self._round_at + self._round_every:
                return False
            self._owner_after = ("", "")
        with self._database.session() as session:
            unused, last = store.owners_after(session, *self._owner_after, now, _PAGE)
        self._drop(unused)
        self._owner_after = last
        if last is None:
            self._round_at = now
        return bool(unused) or last is not None

    def sweep(self) -> bool:
        """Remove blobs that have been marked for longer than the grace and have no owner still."""
        with self._database.session() as session:
            lost, kept = store.lock_marked(session, clock.now() - self._grace, 100)
            # Bytes go while the rows are locked, so that nobody can record a blob between the look and the removal. If this transaction then fails,
            # a marked row stays without bytes: recording it again notices.
            for digest in lost:
                self._blobs.delete(digest)
            if lost:
                store.forget_blobs(session, lost)
            if kept:
                store.unmark(session, kept)
        return bool(lost or kept)

    def expire(self) -> bool:
        """End uploads nobody goes on with."""
        return expire_uploads(self._database, self._uploads)

    def look_at_store(self) -> bool:
        """Go through the store once in a while: adopt blobs that no row knows, clear drafts and old trees."""
        now = clock.now()
        if self._listing is None:
            if self._store_round_at and now < self._store_round_at + self._store_round_every:
                return False
            self._listing = iter(self._blobs.list())
            self._clear_files(now)
        batch = list(islice(self._listing, _PAGE))
        if len(batch) < _PAGE:
            self._listing, self._store_round_at = None, now
        with self._database.session() as session:
            adopted = store.adopt(session, batch, now) if batch else 0
        return adopted > 0 or self._listing is not None

    def _drop(self, pairs: list[tuple[str, str]]) -> None:
        for tenant_id, group in groupby(sorted(set(pairs)), key=lambda pair: pair[0]):
            with self._database.session() as session:
                lock_storage(session, tenant_id)
                gone = store.drop_owners(session, tenant_id, [digest for _, digest in group], clock.now())
                change_used(session, tenant_id, -sum(size for _, size in gone))
                if gone:
                    store.mark(session, [digest for digest, _ in gone], clock.now())

    def _clear_files(self, now: datetime) -> None:
        if isinstance(self._blobs, LocalBlobs):
            self._blobs.clean_drafts(older_than=(now - self._grace).timestamp())
        if self._trees:
            with self._database.session() as session:
                keep = pinned_digests(session)
            for trees in self._trees:
                clean_trees(trees, keep, unused_before=(now - TREE_UNUSED).timestamp(), most_bytes=self._most_tree_bytes)
