"""Ledger transfers by eight writers, over many organisations and on a single one, against raw INSERTs of the same rows in the same run.

`python benchmarks/ledger.py [database URL]` starts an embedded PostgreSQL of its own in a temporary folder (durable: fsync is on) unless it
is given a server. Job lives are hold, charge and release, each a transaction of its own, as submission, settler and tracker make them.
"""

import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rows import Row, show
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from wutong.app.migrate import migrate
from wutong.kit import clock
from wutong.kit.database import Database
from wutong.kit.postgres import EmbeddedPostgres
from wutong.ledger import service as ledger
from wutong.ledger.rules import CENTRE, AccountKey, AccountKind, Transfer

WRITERS, TENANTS, SECONDS, BATCH = 8, 200, 2.0, 100

Work = Callable[..., int]


def tenant(writer: int, number: int, *, hot: bool) -> str:
    return "tenant-hot" if hot else f"tenant-{(writer * 7919 + number) % TENANTS}"


def sale(writer: int, number: int, *, hot: bool) -> Transfer:
    cash = AccountKey(tenant(writer, number, hot=hot), AccountKind.CASH)
    return Transfer(f"bench:{hot}:{writer}:{number}", cash, AccountKey(CENTRE, AccountKind.REVENUE), 1, "bench", str(number), "One fen", clock.now())


def raw(database: Database, writer: int, number: int, *, hot: bool) -> int:
    """Insert the row a sale would make, one transaction each, into a bare table with the same indexes."""
    moment = clock.now()
    values = {"key": f"raw:{hot}:{writer}:{number}", "tenant": tenant(writer, number, hot=hot), "id": str(number), "now": moment}
    statement = """
        INSERT INTO bench_raw (id, key, group_key, leg, from_account, to_account, unit, amount, kind, tenant_id, net, cause_kind, cause_id, memo, at,
            posted_at) VALUES (nextval('bench_seq'), :key, :key, 1, 1, 2, 'fen', 1, 'posting', :tenant, -1, 'bench', :id, 'One fen', :now, :now)"""
    with database.session() as session:
        session.execute(text(statement), values)
    return 1


def single(database: Database, writer: int, number: int, *, hot: bool) -> int:
    """One transfer, one transaction."""
    with database.session() as session:
        return ledger.post(session, [sale(writer, number, hot=hot)])


def batch(database: Database, writer: int, number: int, *, hot: bool) -> int:
    """A hundred transfers, one call, one transaction."""
    with database.session() as session:
        return ledger.post(session, [sale(writer + 100, number * BATCH + each, hot=hot) for each in range(BATCH)])


def life(database: Database, writer: int, number: int, *, hot: bool) -> int:
    """Hold, charge, release: three transactions, three transfers."""
    owner, key = tenant(writer, number, hot=hot), f"life:{hot}:{writer}:{number}"
    with database.session() as session:
        ledger.place_hold(session, tenant_id=owner, key=key, amount=10, cause_kind="job", cause_id=key)
    charge(database, key, f"usage:{key}")
    with database.session() as session:
        ledger.release_hold(session, key)
    return 3


def settle(database: Database, writer: int, number: int, *, hot: bool) -> int:
    """A hundred charges to one hold in one transaction, as the settler makes them."""
    key = f"settle:{hot}:{writer}"
    with database.session() as session:
        if number == 0:
            ledger.place_hold(session, tenant_id=tenant(writer, number, hot=hot), key=key, amount=10**6, cause_kind="job", cause_id=key)
        moment = clock.now()
        usages = [ledger.Usage(key, f"usage:{key}:{number}:{each}", 4, moment, "Usage", "job", key) for each in range(BATCH)]
        ledger.capture_many(session, usages)
    return BATCH


def charge(database: Database, hold: str, key: str) -> None:
    with database.session() as session:
        capture(session, hold, key)


def capture(session: Session, hold: str, key: str) -> None:
    ledger.capture(session, hold, transfer_key=key, amount=4, at=clock.now(), memo="Usage", cause_kind="job", cause_id=hold)


def write(
    url: str, work: Work, writer: int, *, hot: bool, barrier: "multiprocessing.synchronize.Barrier", results: "multiprocessing.Queue[int]"
) -> None:
    """Do one kind of work for some seconds."""
    database = Database(url, pool_size=1)
    with database.session() as session:
        session.execute(text("SELECT 1"))
    barrier.wait()
    until, count, number = time.monotonic() + SECONDS, 0, 0
    while time.monotonic() < until:
        count += work(database, writer, number, hot=hot)
        number += 1
    database.close()
    results.put(count)


def rate(url: str, work: Work, *, hot: bool) -> float:
    """Return transfers a second of all writers together."""
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(WRITERS), context.Queue()
    writers = [
        context.Process(target=write, args=(url, work, writer), kwargs={"hot": hot, "barrier": barrier, "results": results})
        for writer in range(WRITERS)
    ]
    for process in writers:
        process.start()
    total = sum(results.get(timeout=120) for _ in writers)
    for process in writers:
        process.join()
    return total / SECONDS


def prepare(url: str) -> None:
    """Give every organisation money, and make the bare table."""
    database = Database(url)
    migrate(database)
    with database.session() as session:
        for name in ["tenant-hot", *(f"tenant-{number}" for number in range(TENANTS))]:
            ledger.top_up(session, tenant_id=name, amount_fen=10**9, key=f"top:{name}", reference="bench")
        session.execute(text("CREATE TABLE bench_raw (LIKE ledger_transfer INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)"))
        session.execute(text("CREATE SEQUENCE bench_seq"))
    database.close()


def measure(url: str) -> list[Row]:
    """Run all kinds of work and check the books at the end."""
    prepare(url)
    rows = []
    for place, hot, target in (("spread", False, 1500), ("one hot organisation", True, 500)):
        bare = rate(url, raw, hot=hot)
        for name, work, wanted in (
            ("one a transaction", single, target),
            ("hold, charge, release", life, None),
            (f"charges, {BATCH} a transaction", settle, target),
            (f"posted in batches of {BATCH}", batch, target),
        ):
            ours = rate(url, work, hot=hot)
            peer = f"{bare:.0f}/s raw INSERT, one a transaction"
            rows.append(Row(f"ledger, {place}: {name}", f"{ours:.0f}/s", peer, f"{ours / bare:.2f}x", f">= {wanted}/s" if wanted else ""))
    database = Database(url)
    with database.session() as session:
        began = time.monotonic()
        report = ledger.check(session)
        took = time.monotonic() - began
    database.close()
    rows.append(Row(f"ledger: check of {report.transfers} transfers", f"{took:.2f} s", f"{len(report.problems)} problems"))
    return rows


def rows() -> list[Row]:
    """Measure on a durable server of our own."""
    with tempfile.TemporaryDirectory(prefix="wutong-ledger-") as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres")
        try:
            return measure(server.start())
        finally:
            server.stop()


def on_server(url: str) -> list[Row]:
    """Measure on a given server, in a database of its own."""
    admin = Database(url)
    name = f"bench_{time.time_ns()}"
    with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        try:
            return measure(make_url(admin.url).set(database=name).render_as_string(hide_password=False))
        finally:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


if __name__ == "__main__":
    show(on_server(sys.argv[1]) if len(sys.argv) > 1 else rows())
