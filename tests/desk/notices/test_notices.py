"""Telling people: once each, as they wish, in one mail, and nothing lost or repeated when a process dies."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from tests.desk.conftest import make_cast

from wutong.centre import service as centre
from wutong.compute.billing import ladder_store
from wutong.compute.billing.ladder_rules import Notice as Warned
from wutong.compute.billing.ladder_rules import NoticeKind as WarningKind
from wutong.compute.jobs import ended_store
from wutong.desk.notices import service
from wutong.desk.notices.mailer import Mailer
from wutong.desk.notices.notifier import Notifier, tell_jobs
from wutong.desk.notices.rules import KEEP, MAIL_AFTER, Fact
from wutong.desk.rules import Channel, NoticeKind
from wutong.identity import service as identity
from wutong.identity.rules import Role
from wutong.kit import clock
from wutong.kit.ids import new_id
from wutong.kit.loops import drain
from wutong.kit.mail import FakeSender
from wutong.kit.outbox import Postman
from wutong.kit.paging import PageRequest

JOB = """INSERT INTO compute_job (id, tenant_id, person_id, name, state, reason, detail, request, flavour, pool, cards, inputs, attempt, tries_used,
    free_used, setbacks, next_at, metrics, labels, created_at, ended_at)
    VALUES (:id, :tenant_id, :person_id, :name, :state, NULL, '', '{"name": "x", "command": "true", "flavour": "cpu.1"}', 'cpu.1', 'local', 1, '[]',
    1, 0, 0, 0, :at, '{}', '{}', :at, :at)"""


@pytest.fixture
def people(database):
    """Everybody, committed, so that loops see them."""
    with database.session() as session:
        return make_cast(session)


def end_job(session, who, name="train", state="succeeded"):
    """A job that just ended, as the moves of jobs leave it."""
    row = {"id": new_id("job"), "tenant_id": who.tenant_id, "person_id": who.person_id, "name": name, "state": state, "at": clock.now()}
    session.execute(text(JOB), row)
    ended_store.add_ended(session, [row["id"]], clock.now())
    return row["id"]


def warn(session, who, kind, level=80, person_id=None, job_id=None):
    notice = Warned(new_id("notice"), who.tenant_id, person_id, kind, level, "2026-11/100", job_id, 5000, clock.now())
    assert ladder_store.add_notice(session, notice)


def told(database, who):
    with database.session() as session:
        return [(each.kind.value, each.facts.get("what") or each.facts.get("state")) for each in service.list_notices(session, who).items]


def test_whoever_submitted_a_job_is_told_once_that_it_ended(database, people):
    with database.session() as session:
        end_job(session, people.colleague)
        end_job(session, people.stranger, state="failed")
    for _ in range(2):
        drain(Notifier(database).step)
    assert told(database, people.colleague) == [("job_ended", "succeeded")]
    assert told(database, people.stranger) == [("job_ended", "failed")]
    assert told(database, people.owner) == []


def test_nothing_is_lost_or_repeated_when_the_process_dies_in_between(database, people):
    with database.session() as session:
        for _ in range(3):
            end_job(session, people.owner)
    with database.session() as session:
        assert tell_jobs(session) == 3
        session.rollback()  # killed before the commit
    assert told(database, people.owner) == []
    drain(Notifier(database).step)
    assert len(told(database, people.owner)) == 3


def test_two_at_once_share_the_work(database, people):
    with database.session() as session:
        for _ in range(5):
            end_job(session, people.owner)
    with database.session() as one, database.session() as other:
        assert tell_jobs(one) == 5
        assert tell_jobs(other) == 0
    assert len(told(database, people.owner)) == 5


def test_warnings_go_to_those_who_pay_or_to_whose_they_are(database, people):
    with database.session() as session:
        finance = people.house.session = session
        payer = people.house.join(people.owner, "payer", Role.FINANCE)
        identity.take_untold_invitations(session)
        assert finance is session
        warn(session, people.owner, WarningKind.BALANCE, 90)
        warn(session, people.owner, WarningKind.BUDGET, 80, person_id=people.colleague.person_id)
        warn(session, people.owner, WarningKind.GRACE, 100, person_id=people.colleague.person_id, job_id="job_1")
    drain(Notifier(database).step)
    assert told(database, people.owner) == told(database, payer) == [("balance", None)]
    assert told(database, people.colleague) == [("budget", "grace"), ("budget", "person")]
    assert told(database, people.stranger) == []


def test_people_who_are_known_are_told_that_they_were_invited(database, people):
    with database.session() as session:
        identity.invite(session, people.owner, "stranger@example.cn", Role.VIEWER)
        identity.invite(session, people.owner, "nobody@example.cn", Role.VIEWER)
    drain(Notifier(database).step)
    assert told(database, people.stranger) == [("invitation", None)]


def test_maintenance_is_told_to_the_users_of_the_pool_and_taken_back(database, people):
    with database.session() as session:
        centre.seed_local(session, slots=4, cpus=4, memory_mb=8192)
        end_job(session, people.stranger)
        session.execute(text("DELETE FROM compute_ended_job"))
        session.execute(text("UPDATE compute_job SET ended_at = NULL, state = 'queued'"))
        begins = clock.now() + timedelta(days=1)
        window = centre.announce(session, people.operator, pool="local", begins_at=begins, ends_at=begins + timedelta(hours=2), reason="Firmware")
    for _ in range(2):
        drain(Notifier(database).step)
    assert told(database, people.stranger) == [("maintenance", "announced")]
    assert told(database, people.owner) == []
    with database.session() as session:
        centre.cancel_window(session, people.operator, window.id)
    for _ in range(2):
        drain(Notifier(database).step)
    assert told(database, people.stranger) == [("maintenance", "cancelled"), ("maintenance", "announced")]


def test_what_is_switched_off_is_not_shown_and_not_mailed(database, people, outbox):
    with database.session() as session:
        service.set_preferences(session, people.owner, {(NoticeKind.JOB_ENDED, Channel.PORTAL): False})
        service.set_preferences(session, people.owner, {(NoticeKind.BALANCE, Channel.MAIL): False})
        chosen = service.preferences(session, people.owner)
        assert [(kind, channel) for kind, on in chosen.items() for channel, wanted in on.items() if not wanted] == [
            (NoticeKind.JOB_ENDED, Channel.PORTAL),
            (NoticeKind.BALANCE, Channel.MAIL),
        ]
        end_job(session, people.owner)
        warn(session, people.owner, WarningKind.BALANCE)
    drain(Notifier(database).step)
    assert told(database, people.owner) == [("balance", None)]
    with database.session() as session:
        due = session.execute(text("SELECT kind FROM desk_notice WHERE mail_at IS NOT NULL AND person_id = :id"), {"id": people.owner.person_id})
        assert due.scalars().all() == ["job_ended"]
        assert service.count_unread(session, people.owner) == 1


def test_reading_is_ones_own(database, people):
    with database.session() as session:
        for _ in range(3):
            end_job(session, people.owner)
    drain(Notifier(database).step)
    with database.session() as session:
        newest = service.list_notices(session, people.owner).items[0]
        assert service.mark_read(session, people.stranger, [newest.id]) == 0
        assert service.mark_read(session, people.owner, [newest.id]) == 1
        assert service.count_unread(session, people.owner) == 2
        page = service.list_notices(session, people.owner, PageRequest(limit=2), unread_only=True)
        assert newest.id not in [each.id for each in page.items]
        assert service.mark_read(session, people.owner) == 2
        assert service.list_notices(session, people.owner, unread_only=True).items == []


def test_what_ends_together_is_one_mail_in_the_readers_language(database, people, outbox, fake_clock):
    sender = FakeSender()
    mailer, postman = Mailer(database, outbox), Postman(database, sender, outbox)
    with database.session() as session:
        identity.set_profile(session, people.owner, language="en")
        for name in ("one", "two"):
            end_job(session, people.owner, name)
        end_job(session, people.colleague, "三")
    drain(Notifier(database).step)
    assert not mailer.step(), "mails about jobs wait for company"
    fake_clock.advance(MAIL_AFTER[NoticeKind.JOB_ENDED].total_seconds())
    assert drain(mailer.step) == 2
    drain(postman.step)
    mails = {mail["To"]: mail for mail in sender.sent}
    assert mails["owner@example.cn"]["Subject"] == "2 notices"
    assert "Job one" in mails["owner@example.cn"].get_body(("plain",)).get_content()
    assert "https://ai.example.cn/account/notices" in mails["owner@example.cn"].get_body(("plain",)).get_content()
    assert mails["colleague@example.cn"]["Subject"] == "作业 三 已成功结束"
    assert not mailer.step()


def test_the_same_fact_is_told_once_however_often_it_is_told(session, cast):
    fact = Fact(NoticeKind.BALANCE, "once", cast.owner.tenant_id, [cast.owner.person_id, cast.owner.person_id], {"level": 80, "left_fen": 1})
    assert [service.tell(session, [fact]) for _ in range(3)] == [1, 0, 0]
    assert service.count_unread(session, cast.owner) == 1


def test_old_notices_are_forgotten(database, people, fake_clock):
    with database.session() as session:
        service.tell(session, [Fact(NoticeKind.BALANCE, "old", None, [people.owner.person_id], {"level": 80, "left_fen": 1})])
    fake_clock.advance(KEEP.total_seconds() + 1)
    Notifier(database).step()
    assert told(database, people.owner) == []
