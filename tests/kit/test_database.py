"""A pool outlives its server's restarts without a ping before each transaction, and does not stay as large as its busiest moment."""

from contextlib import ExitStack

from sqlalchemy import text

from wutong.kit.database import Database


def test_connections_that_died_while_idle_are_replaced_unseen(migrated):
    database = Database(migrated.url, pool_size=3)
    for _ in range(2):
        with database.session() as one, database.session() as two, database.session() as three:
            pids = [session.scalar(text("SELECT pg_backend_pid()")) for session in (one, two, three)]
        with migrated.session() as session:
            killed = session.execute(text("SELECT pg_terminate_backend(pid, 5000) FROM unnest(CAST(:pids AS int[])) AS pid"), {"pids": pids})
            assert all(done for (done,) in killed)
    with database.session() as session:
        assert session.scalar(text("SELECT 1")) == 1
    database.close()


def use(database, *, at_once: int) -> set[int]:
    with ExitStack() as stack:
        sessions = [stack.enter_context(database.session()) for _ in range(at_once)]
        return {session.scalar(text("SELECT pg_backend_pid()")) for session in sessions}


def test_what_a_busy_time_leaves_unused_is_closed(migrated):
    database = Database(migrated.url, pool_size=8)
    many = use(database, at_once=6)
    assert not database.shrink()
    assert use(database, at_once=1) < many
    assert database.shrink()
    assert database.engine.pool.checkedin() == 0
    assert len(use(database, at_once=3)) == 3
    database.close()


def test_what_is_in_use_is_never_closed(migrated):
    database = Database(migrated.url, pool_size=8)
    use(database, at_once=6)
    database.shrink()
    with database.session() as session:
        pid = session.scalar(text("SELECT pg_backend_pid()"))
        assert not database.shrink()
        assert session.scalar(text("SELECT pg_backend_pid()")) == pid
    database.close()
