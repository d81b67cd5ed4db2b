"""What is news: one thread a process looks, for all its open pages together, at what moved, and tells each page the topics that concern it.

A page is told that something moved, not what: it asks for its fragment again, as its reader, in its language. So an open page costs a set of names.
Topics: `jobs` (of the reader's organisation), `job:<id>`, `log:<id>:<attempt>:<rank>` (with the log's size), `notices` (of the reader), `centre`
(every few seconds).
"""

import asyncio
import json
import threading
from collections import defaultdict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from wutong.compute.jobs import service as jobs
from wutong.compute.jobs.logs import LogSource
from wutong.desk.notices import service as notices
from wutong.doorway.context import Context
from wutong.kit import clock
from wutong.kit.errors import Problem
from wutong.kit.log import get_logger

log = get_logger(__name__)

LOOK_S = 0.2
LOG_S = LOOK_S / 2
"""Logs are looked at twice as often as jobs: what one watches moves."""
CENTRE_S = 5.0
NOTICES_S = 2.0
OVERLAP = 200
"""Lines of history that are read again: ids are given before commit, so one may come to light behind others."""
LIVELY_S = 5.0
"""How long after it grew last a log is looked at as often as can be: who watches a job print sees each line at once."""
LONGEST_PAUSE_S = 0.8
MANY_LOGS = 20
"""Where more are followed, each is looked at less often."""
SOURCE_S = 2.0

Key = tuple[str, Hashable]


@dataclass(eq=False)
class Page:
    """An open page: the topics it waits for by what tells of them, and what it has not been told yet."""

    topics: dict[Key, str]
    loop: asyncio.AbstractEventLoop
    news: dict[str, dict[str, Any]] = field(default_factory=dict)
    rung: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, topic: str, data: dict[str, Any]) -> None:
        """Note that a topic moved; several moves that were not told yet are one."""
        self.news[topic] = data
        self.rung.set()

    def take(self) -> list[str]:
        """Return the news as JSON, and forget it."""
        self.rung.clear()
        news, self.news = self.news, {}
        return [json.dumps({"topic": topic, "data": data}, separators=(",", ":")) for topic, data in news.items()]


@dataclass
class _Log:
    """A log that somebody follows."""

    find: Callable[[], LogSource]
    size: int = 0
    complete: bool = False
    pause_s: float = LOG_S
    next_at: float = 0.0
    grown_at: float = 0.0
    source: LogSource | None = None
    found_at: float = 0.0


class Live:
    """The news of one process. The thread looks only while pages are open."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._pages: dict[Key, set[Page]] = defaultdict(set)
        self._logs: dict[Key, _Log] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._seen: set[int] = set()
        self._after: int | None = None
        self._centre_at = 0.0
        self._notices_at = 0.0
        self._newest: dict[str, int] = {}

    def open(self, page: Page, logs: dict[Key, Callable[[], LogSource]]) -> None:
        """Begin to tell a page; `logs` says where the logs among its topics are found."""
        with self._lock:
            for key in page.topics:
                self._pages[key].add(page)
            for key, find in logs.items():
                self._logs.setdefault(key, _Log(find))
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="live", daemon=True)
                self._thread.start()

    def close(self, page: Page) -> None:
        """Stop telling a page."""
        with self._lock:
            for key in page.topics:
                self._pages[key].discard(page)
                if not self._pages[key]:
                    del self._pages[key]
                    self._logs.pop(key, None)

    def count(self) -> int:
        """Return how many pages are open."""
        with self._lock:
            return len({page for pages in self._pages.values() for page in pages})

    def _watch(self) -> None:
        rest = threading.Event()
        while True:
            with self._lock:
                if not self._pages:
                    self._thread, self._after, self._seen = None, None, set()
                    return
            try:
                self.look()
                rest.wait(LOG_S)
                self._look_at_logs()
            except (SQLAlchemyError, OSError) as error:
                log.warning("news could not be looked for", error=str(error)[:200])
                rest.wait(1.0)
            rest.wait(LOG_S)

    def look(self) -> None:
        """Look once at everything that pages wait for."""
        self._look_at_jobs()
        self._look_at_logs()
        now = clock.monotonic()
        if now - self._notices_at >= NOTICES_S:
            self._notices_at = now
            self._look_at_notices()
        if now - self._centre_at >= CENTRE_S:
            self._centre_at = now
            self._ring(("centre", ""), {})

    def _look_at_jobs(self) -> None:
        with self._context.database.session() as session:
            if self._after is None:
                self._after = jobs.last_move(session)
                self._seen = {number for number, _, _ in jobs.movers(session, self._after - OVERLAP)}
                return
            found = jobs.movers(session, self._after - OVERLAP, limit=OVERLAP + 2000)
        new = [line for line in found if line[0] not in self._seen]
        self._after = max([self._after, *(number for number, _, _ in found)])
        self._seen = {number for number, _, _ in found if number > self._after - OVERLAP}
        for job_id in {job_id for _, job_id, _ in new}:
            self._ring(("job", job_id), {})
        for tenant_id in {tenant_id for _, _, tenant_id in new}:
            self._ring(("jobs", tenant_id), {})

    def _look_at_logs(self) -> None:
        now = clock.monotonic()
        with self._lock:
            growing = [(key, each) for key, each in self._logs.items() if not each.complete]
        due = [(key, each) for key, each in growing if each.next_at <= now]
        for key, each in due:
            grown = self._grown(each, now)
            each.grown_at = now if grown else each.grown_at
            each.pause_s = LOG_S if now - each.grown_at < LIVELY_S else min(LONGEST_PAUSE_S, each.pause_s * 1.3)
            each.next_at = now + each.pause_s * max(1.0, len(growing) / MANY_LOGS)
            if grown or each.complete:
                self._ring(key, {"size": each.size, "complete": each.complete})

    def _look_at_notices(self) -> None:
        with self._lock:
            people = [str(person_id) for kind, person_id in self._pages if kind == "notices"]
        if not people:
            self._newest = {}
            return
        with self._context.database.session() as session:
            found = notices.newest(session, people)
        before, self._newest = self._newest, {person_id: found.get(person_id, 0) for person_id in people}
        for person_id, number in self._newest.items():
            if number != before.get(person_id, number):
                self._ring(("notices", person_id), {})

    def _grown(self, each: _Log, now: float) -> bool:
        before = each.size
        try:
            if each.source is None or now - each.found_at > SOURCE_S:
                each.source, each.found_at = each.find(), now
            chunk = jobs.read_log(self._context.engines, self._context.job_limits, each.source, offset=each.size, limit=1)
        except Problem as problem:
            each.complete = problem.status == 404
            return False
        each.size, each.complete = max(chunk.size_bytes, chunk.next_offset), chunk.complete
        return each.size > before

    def _ring(self, key: Key, data: dict[str, Any]) -> None:
        with self._lock:
            pages = list(self._pages.get(key, ()))
        for page in pages:
            _call(page, page.topics[key], data)


def _call(page: Page, topic: str, data: dict[str, Any]) -> None:
    try:
        page.loop.call_soon_threadsafe(page.tell, topic, data)
    except RuntimeError:  # its loop has ended
        return
