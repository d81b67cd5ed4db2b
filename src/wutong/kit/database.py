"""The database door: one declarative base, one engine a process, transactions opened and committed at the edge, LISTEN/NOTIFY to wake loops."""

import json
import re
import select
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import psycopg
from sqlalchemy import ARRAY, ColumnElement, DateTime, Dialect, MetaData, Text, TextClause, TypeDecorator, any_, bindparam, create_engine, event, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import DeclarativeBase, Session, SessionTransaction, sessionmaker
from sqlalchemy.pool import QueuePool

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


SHRINK_SECONDS = 5.0
SPARE_CONNECTIONS = 2


_NOTIFY = text("SELECT pg_notify(:channel, '')")
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


class Moment(TypeDecorator[datetime]):
    """A timestamp with time zone that refuses naive times and always comes back in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 SQLAlchemy names it
        """Refuse a naive time."""
        if value is not None and value.tzinfo is None:
            raise ValueError("times must be aware")
        return value

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 SQLAlchemy names it
        """Give UTC whatever the server's zone."""
        return None if value is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """The base of every room's tables."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: Moment()}


def normal_url(url: str) -> str:
    """Point a plain PostgreSQL URL at the psycopg 3 driver."""
    return re.sub(r"^postgres(ql)?(\+psycopg)?://", "postgresql+psycopg://", url)


class Database:
    """An engine and its sessions. `session()` is one transaction: committed at the end of the block, rolled back by an exception."""

    def __init__(self, url: str, *, pool_size: int = 10, max_overflow: int | None = None) -> None:
        self.url = normal_url(url)
        self.engine: Engine = create_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=pool_size if max_overflow is None else max_overflow,
            pool_use_lifo=True,  # few are kept warm and not all in turn
            pool_recycle=1800,
            connect_args={"options": "-c timezone=UTC -c lock_timeout=20s -c idle_in_transaction_session_timeout=120s", "connect_timeout": 10},
        )
        event.listen(self.engine, "checkout", _refuse_dead)
        event.listen(self.engine, "checkout", self._note_use)
        self._most_in_use = 0
        self._closed = threading.Event()
        self._maker = sessionmaker(self.engine, expire_on_commit=False)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open one transaction."""
        with self._maker.begin() as session:
            yield session

    def listen(self, channels: Sequence[str]) -> psycopg.Connection[Any]:
        """Return an autocommit connection of its own that listens; read it with `.notifies(timeout=...)`."""
        connection = psycopg.connect(self.url.replace("postgresql+psycopg://", "postgresql://"), autocommit=True)
        for channel in channels:
            connection.execute(psycopg.sql.SQL("LISTEN {}").format(psycopg.sql.Identifier(channel)))
        return connection

    def close(self) -> None:
        """Close all pooled connections."""
        self._closed.set()
        self.engine.dispose()

    def keep_small(self) -> None:
        """Have what a busy time leaves unused closed a few seconds later, from now until `close`: each connection is a process of the server."""
        threading.Thread(target=self._shrink_often, name="shrink", daemon=True).start()

    def shrink(self) -> bool:
        """Close the idle connections when there are more than were in use at once since the last call; the few that are needed are made again."""
        most, self._most_in_use = self._most_in_use, 0
        pool = self.engine.pool
        if not isinstance(pool, QueuePool) or pool.checkedout() > 0 or pool.checkedin() <= most + SPARE_CONNECTIONS:
            return False
        self.engine.dispose()
        return True

    def _shrink_often(self) -> None:
        while not self._closed.wait(SHRINK_SECONDS):
            self.shrink()

    def _note_use(self, connection: Any, record: Any, proxy: Any) -> None:  # noqa: ARG002 the pool's own signature
        pool = self.engine.pool
        if isinstance(pool, QueuePool):
            self._most_in_use = max(self._most_in_use, pool.checkedout())


def _refuse_dead(connection: Any, record: Any, proxy: Any) -> None:  # noqa: ARG001 the pool's own signature
    """Have the pool replace a connection whose server went away while it was idle: then its socket has something to read, the end.

    It costs no round trip, unlike a ping before each transaction.
    """
    watch = select.poll()
    watch.register(connection.fileno(), select.POLLIN)
    if watch.poll(0):
        raise DisconnectionError("the server closed this connection")


def one_of(column: ColumnElement[str], name: str) -> ColumnElement[bool]:
    """Say that a column of text has one of the values of the list parameter `name`.

    For statements that are made once: theirs is one text, prepared once, however many values there are, unlike that of `IN`.
    """
    return column == any_(bindparam(name, type_=ARRAY(Text())))


def insert_rows(table: str, columns: Sequence[str], end: str = "") -> TextClause:
    """Return a statement, made once, that writes any number of rows, in their order: its parameter `rows` is what `rows_json` makes of them.

    `end` is what follows, such as "ON CONFLICT DO NOTHING".
    """
    names = ", ".join(columns)
    rows = f"jsonb_populate_recordset(CAST(NULL AS {table}), CAST(:rows AS jsonb))"
    return text(f"INSERT INTO {table} ({names}) SELECT {names} FROM {rows} {end}")  # noqa: S608 - names of our own tables and columns


def rows_json(rows: Iterable[Mapping[str, object]]) -> str:
    """Write rows as JSON that PostgreSQL reads back with `jsonb_populate_recordset`."""
    return json.dumps(list(rows), default=datetime.isoformat)


def notify(session: Session, channel: str) -> None:
    """Wake whoever listens, when this transaction commits; several in one transaction are one, and cost one statement."""
    scope = session.get_nested_transaction() or session.get_transaction()
    told: WeakKeyDictionary[SessionTransaction, set[str]] = session.info.setdefault("notified", WeakKeyDictionary())
    if scope is not None:
        channels = told.setdefault(scope, set())
        if channel in channels:
            return
        channels.add(channel)
    session.execute(_NOTIFY, {"channel": channel})


def advisory_lock(session: Session, name: str) -> None:
    """Hold a named lock to the end of the transaction.

    Journals whose readers keep a cursor are appended under one, because ids are given before commit.
    """
    session.execute(_LOCK, {"name": name})
