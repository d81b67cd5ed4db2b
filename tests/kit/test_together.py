"""Writes that arrive together are committed together, each with its own outcome, none twice."""

import asyncio
import threading

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from wutong.kit.database import Database
from wutong.kit.errors import Invalid
from wutong.kit.together import MOST, Together, once

TRANSACTION = text("SELECT pg_current_xact_id()::text")


@pytest.fixture
def table(migrated):
    with migrated.session() as session:
        session.execute(text("CREATE TABLE together_seen (name text)"))
    yield migrated
    with migrated.session() as session:
        session.execute(text("DROP TABLE together_seen"))


def seen(database: Database) -> list[str]:
    with database.session() as session:
        return sorted(session.scalars(text("SELECT name FROM together_seen")))


def writer(name: str, fault: Exception | None = None):
    def work(session) -> tuple[str, str]:
        session.execute(text("INSERT INTO together_seen VALUES (:name)"), {"name": name})
        if fault is not None:
            raise fault
        return name, session.scalar(TRANSACTION)

    return work


def held(together: Together, key: str):
    """Occupy the line of a key until the event is set."""
    go = threading.Event()

    async def first():
        return await together.write(key, lambda session: go.wait(10))

    return go, first


async def gathered(database: Database, works, key: str = "one"):
    """Have all of `works` waiting when the line becomes free."""
    together = Together(database)
    go, first = held(together, key)
    busy = asyncio.create_task(first())
    await asyncio.sleep(0)
    asked = [asyncio.create_task(together.write(key, work)) for work in works]
    await asyncio.sleep(0)
    go.set()
    await busy
    return await asyncio.gather(*asked, return_exceptions=True)


def test_what_arrives_together_is_one_transaction(table):
    outcomes = asyncio.run(gathered(table, [writer(f"w-{number:02}") for number in range(MOST)]))
    assert [name for name, _ in outcomes] == seen(table)
    assert len({transaction for _, transaction in outcomes}) == 1


def test_more_than_fit_are_several_in_turn(table):
    outcomes = asyncio.run(gathered(table, [writer(f"w-{number:02}") for number in range(MOST + 1)]))
    assert [name for name, _ in outcomes] == seen(table)
    assert len({transaction for _, transaction in outcomes}) == 2


def test_one_that_is_refused_leaves_nothing_and_harms_no_other(table):
    refusal = Invalid(field="name", reason="Choose another.")
    outcomes = asyncio.run(gathered(table, [writer("a"), writer("b", refusal), writer("c")]))
    assert outcomes[1] is refusal
    assert [outcomes[0][0], outcomes[2][0]] == seen(table) == ["a", "c"]


def test_keys_do_not_wait_for_each_other(table):
    async def story():
        together = Together(table)
        go, first = held(together, "slow")
        busy = asyncio.create_task(first())
        await asyncio.sleep(0)
        quick = await asyncio.wait_for(together.write("quick", writer("quick")), 10)
        assert not busy.done()
        go.set()
        await busy
        return quick

    assert asyncio.run(story())[0] == "quick"


def test_a_commit_that_fails_is_not_tried_again(table, monkeypatch):
    with table.session() as session:
        session.execute(text("ALTER TABLE together_seen ADD CONSTRAINT seldom UNIQUE (name) DEFERRABLE INITIALLY DEFERRED"))
    runs = []

    def counted(session):
        runs.append(1)
        return writer("same")(session)

    outcomes = asyncio.run(gathered(table, [counted, counted]))
    assert len(runs) == 2
    assert all(isinstance(outcome, Exception) for outcome in outcomes)
    assert seen(table) == []


def test_one_who_left_does_not_stop_the_line(table):
    async def story():
        together = Together(table)
        go, first = held(together, "one")
        busy = asyncio.create_task(first())
        await asyncio.sleep(0)
        left = asyncio.create_task(together.write("one", writer("left")))
        stayed = asyncio.create_task(together.write("one", writer("stayed")))
        await asyncio.sleep(0)
        left.cancel()
        go.set()
        await busy
        return await stayed

    assert asyncio.run(story())[0] == "stayed"
    assert "stayed" in seen(table)


def test_what_is_read_once_is_read_once_among_those_gathered_only(table):
    reads = []

    def reader(session):
        return once(session, "price", lambda: reads.append(1) or len(reads))

    assert asyncio.run(gathered(table, [reader, reader, reader])) == [1, 1, 1]
    with table.session() as session:
        assert [reader(session), reader(session)] == [2, 3]


def test_a_server_that_is_gone_is_told_to_all():
    together = Together(Database("postgresql://nobody@127.0.0.1:9/none"))

    async def story():
        return await asyncio.gather(*(together.write("one", writer("a")) for _ in range(3)), return_exceptions=True)

    assert [type(outcome) for outcome in asyncio.run(story())] == [OperationalError] * 3
