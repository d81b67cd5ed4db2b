"""A pool outlives its server's restarts without a ping before each transaction."""

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
