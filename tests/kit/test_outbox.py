"""The queue of mails: once for each key, never by two at once, wiped when gone, and not lost with the process that held it."""

import smtplib

import pytest
from sqlalchemy import text

from wutong.kit.loops import drain
from wutong.kit.mail import FakeSender, Undeliverable, compose
from wutong.kit.outbox import HOLD, KEEP, PAUSES, Outbox, Postman, backlog
from wutong.kit.seal import ensure_key


@pytest.fixture
def outbox(tmp_path):
    return Outbox(ensure_key(tmp_path / "secret.key"), "wutong@example.cn", "https://ai.example.cn")


def put(database, outbox, key="reset:1", **more):
    mail = compose(to="li@example.cn", language="en", subject="Hello", paragraphs=["the secret link"])
    with database.session() as session:
        return outbox.put(session, mail, key=key, **more)


def rows(database, what="*"):
    with database.session() as session:
        return [dict(row) for row in session.execute(text(f"SELECT {what} FROM kit_mail ORDER BY id")).mappings()]


def test_a_mail_is_sealed_until_it_is_sent_and_wiped_then(database, outbox):
    sender = FakeSender()
    assert put(database, outbox)
    assert not put(database, outbox)
    (row,) = rows(database)
    assert "secret" not in str(row)
    assert drain(Postman(database, sender, outbox).step) == 1
    assert sender.texts() == ["the secret link\n"]
    (row,) = rows(database)
    assert row["sealed"] is None
    assert row["sent_at"] is not None


def test_what_is_rolled_back_is_never_sent(database, outbox):
    with database.session() as session:
        outbox.put(session, compose(to="a@b.cn", language="en", subject="x", paragraphs=[]), key="k")
        session.rollback()
    assert not Postman(database, FakeSender(), outbox).step()


def test_a_server_that_fails_is_tried_again_as_the_same_mail(database, outbox, fake_clock):
    sender = FakeSender(failures=[smtplib.SMTPServerDisconnected("gone"), TimeoutError("slow")])
    postman = Postman(database, sender, outbox)
    put(database, outbox)
    before = rows(database, "message_id")
    for pause in PAUSES[:2]:
        assert postman.step()
        assert not postman.step(), "not again before its pause is over"
        fake_clock.advance(pause.total_seconds())
    assert postman.step()
    assert [{"message_id": each["Message-ID"]} for each in sender.sent] == before
    with database.session() as session:
        assert backlog(session).waiting == 0


def test_one_that_is_refused_for_good_or_fails_for_days_is_given_up_and_wiped(database, outbox, fake_clock):
    sender = FakeSender(failures=[Undeliverable(reason="no such mailbox")])
    postman = Postman(database, sender, outbox)
    put(database, outbox)
    assert drain(postman.step) == 1
    put(database, outbox, key="other")
    sender.failures = [TimeoutError()] * 50
    for pause in (*PAUSES, PAUSES[-1]):
        postman.step()
        fake_clock.advance(pause.total_seconds())
    assert not postman.step()
    assert [(row["sealed"], row["given_up_at"] is None) for row in rows(database)] == [(None, False), (None, False)]
    assert sender.sent == []


def test_one_that_came_too_late_is_not_sent(database, outbox, fake_clock):
    sender = FakeSender()
    put(database, outbox, expires_at=fake_clock.now())
    fake_clock.advance(1)
    assert not Postman(database, sender, outbox).step()
    assert sender.sent == []


def test_a_process_that_dies_while_sending_leaves_the_mail_to_another_a_while_later(database, outbox, fake_clock):
    class Killed(BaseException):
        pass

    class Dies(FakeSender):
        def send(self, message):
            raise Killed

    put(database, outbox)
    with pytest.raises(Killed):
        Postman(database, Dies(), outbox).step()
    sender = FakeSender()
    assert not Postman(database, sender, outbox).step(), "it may still be on its way"
    fake_clock.advance(HOLD.total_seconds())
    assert Postman(database, sender, outbox).step()
    assert len(sender.sent) == 1


def test_while_one_sends_another_does_not(database, outbox):
    other = Postman(database, FakeSender(), outbox)

    class Nosy(FakeSender):
        def send(self, message):
            assert not other.step()
            super().send(message)

    put(database, outbox)
    sender = Nosy()
    assert Postman(database, sender, outbox).step()
    assert len(sender.sent) == 1


def test_old_mails_are_forgotten(database, outbox, fake_clock):
    put(database, outbox)
    postman = Postman(database, FakeSender(), outbox)
    drain(postman.step)
    fake_clock.advance(KEEP.total_seconds() + 1)
    postman.step()
    assert rows(database) == []
