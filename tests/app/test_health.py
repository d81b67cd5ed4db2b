"""What health says of a centre that is well, and of each thing that can be wrong."""

from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import text

from wutong.app import health
from wutong.app.health import Check, check_database, check_disk, check_engines, check_health, check_mail, check_webhooks
from wutong.centre.engines.fake import FakeEngine
from wutong.centre.registry import Engines
from wutong.desk.webhooks.rules import Backlog as Undelivered
from wutong.kit.clock import FakeClock
from wutong.kit.database import Database
from wutong.kit.loops import take_lease
from wutong.kit.outbox import Backlog


class Usage(NamedTuple):
    """What `shutil.disk_usage` answers."""

    total: int
    used: int
    free: int


def bad(checks) -> dict[str, str]:
    return {check.name: check.detail for check in checks if not check.ok}


@pytest.fixture
def working(database: Database) -> Database:
    with database.session() as session:
        take_lease(session, "loop:one", "worker")
        take_lease(session, "loop:two", "worker")
    return database


def test_a_centre_that_is_well(working: Database, tmp_path: Path) -> None:
    whole = check_health(working, Engines(), tmp_path)
    assert (bad(whole.checks), whole.ok, whole.serves) == ({}, True, True)


def test_a_database_that_does_not_answer(tmp_path: Path) -> None:
    dead = Database(f"postgresql://postgres@/postgres?host={tmp_path}", pool_size=1)
    whole = check_health(dead, Engines(), tmp_path)
    assert not whole.serves
    assert "does not answer" in bad(whole.checks)["database"]


def test_an_old_schema(working: Database) -> None:
    with working.session() as session:
        newest = session.scalar(text("SELECT version_num FROM alembic_version"))
        session.execute(text("UPDATE alembic_version SET version_num = 'older'"))
    try:
        assert "older" in bad(check_database(working))["schema"]
    finally:
        with working.session() as session:
            session.execute(text("UPDATE alembic_version SET version_num = :newest"), {"newest": newest})


def test_loops_that_are_late_and_a_worker_that_is_gone(database: Database, fake_clock: FakeClock) -> None:
    with database.session() as session:
        take_lease(session, "loop:one", "worker")
        take_lease(session, "loop:two", "worker")
    fake_clock.advance(300)
    with database.session() as session:
        take_lease(session, "loop:two", "worker")
    assert bad(check_database(database)) == {"loops": "silent loops: one"}
    fake_clock.advance(300)
    assert "worker does not run" in bad(check_database(database))["loops"]


def test_an_engine_in_the_dark() -> None:
    engine = FakeEngine()
    engine.go_dark()
    assert list(bad(check_engines(Engines([engine])))) == ["engine fake"]


@pytest.mark.parametrize(("free", "fatal", "word"), [(100 * 2**20, True, "FULL"), (2**30, False, "nearly full")])
def test_a_disk_that_fills(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: int, fatal: bool, word: str) -> None:
    monkeypatch.setattr(health.shutil, "disk_usage", lambda _: Usage(500 * 2**30, 0, free))
    check = check_disk(tmp_path)
    assert (check.ok, check.fatal) == (False, fatal)
    assert word in check.detail


def test_mails_that_wait_a_moment_are_nothing_and_for_long_are_told(fake_clock: FakeClock) -> None:
    since = fake_clock.now()
    assert check_mail(Backlog(0, None)).ok
    assert check_mail(Backlog(2, since, "refused")) == Check("mail", ok=True, detail="2 waiting, the oldest for 0 min; the last try said: refused")
    fake_clock.advance(11 * 60)
    found = check_mail(Backlog(2, since))
    assert (found.ok, found.fatal, found.detail) == (False, False, "2 waiting, the oldest for 11 min")


def test_addresses_that_do_not_answer_are_told_and_not_the_centres_fault(fake_clock: FakeClock) -> None:
    since = fake_clock.now()
    assert check_webhooks(Undelivered(0, 0, None, 0)) == Check("webhooks", ok=True, detail="none waiting")
    assert check_webhooks(Undelivered(3, 1, since, 0)).label == ""
    fake_clock.advance(11 * 60)
    assert (check_webhooks(Undelivered(3, 1, since, 0)).ok, check_webhooks(Undelivered(3, 1, since, 0)).label) == (True, "wait")
    assert not check_webhooks(Undelivered(3, 1, since, 2)).ok
