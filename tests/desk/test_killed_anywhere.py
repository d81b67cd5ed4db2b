"""Loops that tell people, killed between any two of their steps: nothing is lost, nobody is told twice, what leaves twice is the same message."""

import ssl
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import text
from tests.desk.conftest import make_cast
from tests.desk.notices.test_notices import end_job, warn
from tests.desk.webhooks.test_webhooks import add, receiver
from tests.fate import Fate
from tests.tables import take_picture

from wutong.compute.billing.ladder_rules import NoticeKind as WarningKind
from wutong.desk.notices.mailer import Mailer
from wutong.desk.notices.notifier import Notifier
from wutong.desk.notices.rules import MAIL_AFTER
from wutong.desk.webhooks.courier import HOLD as WEBHOOK_HOLD
from wutong.desk.webhooks.courier import Courier
from wutong.identity import service as identity
from wutong.identity.rules import Role
from wutong.kit.loops import drain
from wutong.kit.mail import FakeSender
from wutong.kit.outbox import HOLD as MAIL_HOLD
from wutong.kit.outbox import Postman
from wutong.kit.seal import ensure_key

__all__ = ["receiver"]
LATER_S = (max(MAIL_AFTER.values()) + max(WEBHOOK_HOLD, MAIL_HOLD) + timedelta(minutes=1)).total_seconds()


@pytest.fixture
def fate(database):
    return Fate(database)


@pytest.fixture
def happened(database, fake_clock):
    """Two jobs ended, a balance ran low, and a colleague was invited elsewhere."""
    with database.session() as session:
        cast = make_cast(session)
        end_job(session, cast.owner)
        end_job(session, cast.colleague, state="failed")
        warn(session, cast.owner, WarningKind.BALANCE)
        identity.invite(session, cast.stranger, "colleague@example.cn", Role.MEMBER)
    return cast


def column(database, statement):
    with database.session() as session:
        return session.scalars(text(statement)).all()


def test_each_is_told_of_each_once_wherever_the_notifier_is_killed(database, happened, fate):
    picture = take_picture(database)
    facts = "SELECT person_id || ' ' || key FROM desk_notice ORDER BY 1"
    drain(Notifier(database).step)
    wanted = column(database, facts)
    assert len(wanted) == 4
    points = 0
    for ended in fate.everywhere(lambda: picture.bring_back(database), lambda: drain(Notifier(database).step)):
        if ended:
            assert len(column(database, facts)) < 5
            drain(Notifier(database).step)
        assert column(database, facts) == wanted
        assert column(database, "SELECT job_id FROM compute_ended_job") == []
        points += ended
    assert points > 10


def test_each_notice_is_in_one_mail_wherever_the_mailer_is_killed(database, happened, fate, fake_clock, outbox):
    drain(Notifier(database).step)
    fake_clock.advance(LATER_S)
    picture = take_picture(database)
    mails = "SELECT key FROM kit_mail WHERE key LIKE 'notices:%' ORDER BY 1"
    drain(Mailer(database, outbox).step)
    wanted = column(database, mails)
    assert len(wanted) == 2
    points = 0
    for ended in fate.everywhere(lambda: picture.bring_back(database), lambda: drain(Mailer(database, outbox).step)):
        if ended:
            drain(Mailer(database, outbox).step)
        assert column(database, mails) == wanted
        assert not Mailer(database, outbox).step()
        points += ended
    assert points > 5


def test_each_mail_leaves_and_twice_only_where_its_answer_was_lost(database, happened, fate, fake_clock, outbox):
    drain(Notifier(database).step)
    fake_clock.advance(LATER_S)
    drain(Mailer(database, outbox).step)
    picture, sender = take_picture(database), FakeSender()
    wanted = column(database, "SELECT message_id FROM kit_mail")
    points = repeated = 0
    for ended in fate.everywhere(
        lambda: (picture.bring_back(database), sender.sent.clear()), lambda: drain(postman(database, fate, sender, outbox).step)
    ):
        known = set(column(database, "SELECT message_id FROM kit_mail WHERE sent_at IS NOT NULL"))
        unanswered = {mail["Message-ID"] for mail in sender.sent} - known
        if ended:
            fake_clock.advance(LATER_S)
            drain(Postman(database, sender, outbox).step)
        assert Counter(mail["Message-ID"] for mail in sender.sent) == Counter(wanted) + Counter(unanswered)
        assert column(database, "SELECT 1 FROM kit_mail WHERE sent_at IS NULL OR sealed IS NOT NULL") == []
        points, repeated = points + ended, repeated + len(unanswered)
    assert points > 10
    assert repeated > 1


def postman(database, fate, sender, outbox):
    """A postman who may be killed right before and right after the server took a mail."""

    class Door:
        def send(self, message):
            fate.point()
            sender.send(message)
            fate.point()

    return Postman(database, Door(), outbox)


class Quick(Courier):
    """A courier of plain http, who need not read the machine's certificates."""

    _trust = ssl.create_default_context()


class Mortal(Quick):
    """One who may be killed before anything was sent, and when everything was."""

    fate: Fate

    async def _send_all(self, parcels):
        self.fate.point()
        outcomes = await super()._send_all(parcels)
        self.fate.point()
        return outcomes


def test_each_webhook_is_told_and_twice_only_where_its_answer_was_lost(database, happened, fate, fake_clock, tmp_path, receiver):
    key_file = ensure_key(tmp_path / "secret.key")
    for _ in range(2):
        add(database, happened.owner, receiver.url(), key_file)
    drain(Notifier(database).step)
    picture = take_picture(database)
    wanted = column(database, "SELECT id FROM desk_delivery")
    assert len(wanted) == 6
    points = repeated = 0
    for ended in fate.everywhere(lambda: (picture.bring_back(database), receiver.got.clear()), lambda: drain(mortal(database, key_file, fate).step)):
        known = set(column(database, "SELECT id FROM desk_delivery WHERE state = 'delivered'"))
        unanswered = {headers["webhook-id"] for _, headers, _ in receiver.got} - known
        if ended:
            fake_clock.advance(LATER_S)
            drain(Quick(database, key_file, loopback=True).step)
        assert Counter(headers["webhook-id"] for _, headers, _ in receiver.got) == Counter(wanted) + Counter(unanswered)
        assert len({(headers["webhook-id"], body) for _, headers, body in receiver.got}) == len(wanted), "what leaves twice is the same"
        points, repeated = points + ended, repeated + len(unanswered)
    assert points > 10
    assert repeated > 1


def mortal(database, key_file, fate):
    made = Mortal(database, key_file, loopback=True)
    made.fate = fate
    return made
