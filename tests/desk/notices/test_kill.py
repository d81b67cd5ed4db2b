"""Killing the process that tells people, again and again, while jobs end: everybody is told of each once."""

import subprocess
import sys

import pytest
from sqlalchemy import text
from tests.desk.conftest import make_cast
from tests.desk.notices.test_notices import end_job

from wutong.desk.notices.notifier import Notifier
from wutong.kit import clock
from wutong.kit.loops import drain

TELL = """
import sys
from wutong.desk.notices.notifier import Notifier
from wutong.kit.database import Database
notifier = Notifier(Database(sys.argv[1]))
while True:
    notifier.step()
"""
JOBS, KILLS, PATIENCE_S = 400, 4, 90


def count(database):
    with database.session() as session:
        return session.scalar(text("SELECT count(*) FROM desk_notice"))


@pytest.mark.slow
def test_whoever_is_killed_in_between_everybody_is_told_once(database):
    with database.session() as session:
        people = make_cast(session)
    for _ in range(KILLS):
        with database.session() as session:
            for _ in range(JOBS):
                end_job(session, people.owner)
        before = count(database)
        teller = subprocess.Popen([sys.executable, "-c", TELL, database.url])
        deadline = clock.monotonic() + PATIENCE_S
        while count(database) == before:
            assert clock.monotonic() < deadline
            assert teller.poll() is None
        teller.kill()
        teller.wait(30)
    drain(Notifier(database).step)
    with database.session() as session:
        told = session.execute(text("SELECT facts->>'job_id' FROM desk_notice")).scalars().all()
        left = session.scalar(text("SELECT count(*) FROM compute_ended_job"))
    assert (len(told), len(set(told)), left) == (JOBS * KILLS, JOBS * KILLS, 0)
