"""Links by mail: another password, another address. What they tell to whom, how often, and what they end."""

import re

import pytest
from sqlalchemy import text

from wutong.identity import service
from wutong.identity.letters.rules import LIFE, PER_ADDRESS, PER_EMAIL, WINDOW, LinkGone, TooManyLetters
from wutong.identity.letters.writer import Writer
from wutong.identity.rules import AlreadyRegistered, Role
from wutong.kit.errors import Invalid, Unauthenticated
from wutong.kit.loops import drain
from wutong.kit.mail import FakeSender
from wutong.kit.outbox import Outbox, Postman
from wutong.kit.paging import PageRequest
from wutong.kit.seal import ensure_key


@pytest.fixture
def outbox(tmp_path):
    return Outbox(ensure_key(tmp_path / "secret.key"), "wutong@example.cn", "https://ai.example.cn")


@pytest.fixture
def mails(database, outbox):
    """Let the loops run, and return what was mailed since the last time."""
    sender = FakeSender()

    def run():
        drain(Writer(database, outbox).step)
        drain(Postman(database, sender, outbox).step)
        sent, sender.sent = sender.sent, []
        return sent

    return run


def secret_in(mail):
    return re.search(r"https://ai\.example\.cn/(?:reset|email|join)\?token=(wt[rei]_\w+)", mail.get_body(("plain",)).get_content())[1]


def ask(database, email="owner@example.cn", address="10.0.0.9"):
    with database.session() as session:
        service.request_reset(session, email, address=address)


@pytest.fixture
def person(database):
    """Somebody registered, and the secret of their session."""
    from tests.identity.conftest import House

    with database.session() as session:
        who = House(session).register("owner")
        return who, service.open_session(session, who.person_id)[1]


def test_a_link_sets_another_password_once_and_closes_every_session(database, person, mails, outbox):
    who, session_secret = person
    ask(database)
    (mail,) = mails()
    assert mail["To"] == "owner@example.cn"
    secret = secret_in(mail)
    with database.session() as session:
        assert service.find_reset(session, secret) == "owner@example.cn"
        assert service.use_reset(session, secret, "new hash", outbox=outbox).id == who.person_id
    with database.session() as session:
        assert service.find_credentials(session, "owner@example.cn").password_hash == "new hash"
        assert service.find_reset(session, secret) is None
        with pytest.raises(LinkGone):
            service.use_reset(session, secret, "other hash")
        with pytest.raises(Unauthenticated):
            service.authenticate(session, session_secret)
        fresh = service.authenticate(session, service.open_session(session, who.person_id)[1])
        found = service.list_audit(session, fresh, PageRequest())
        assert "password.reset" not in [entry.action for entry in found.items], "it belongs to the person, not to one organisation"
    assert [each["Subject"] for each in mails()] == ["您的密码已更改"]


def test_an_unknown_address_is_answered_alike_and_nobody_is_mailed(database, person, mails):
    ask(database, "nobody@example.cn")
    assert mails() == []
    with database.session() as session:
        (row,) = session.execute(text("SELECT * FROM identity_letter")).mappings()
    assert (row["secret_hash"], row["person_id"], row["written_at"] is None) == (None, None, False)


def test_the_database_holds_no_secret(database, person, mails):
    ask(database)
    secret = secret_in(mails()[0])
    with database.session() as session:
        for table in ("identity_letter", "kit_mail", "identity_audit"):
            assert secret not in str(session.execute(text(f"SELECT * FROM {table}")).all())


def test_links_end_after_half_an_hour_and_when_another_is_used(database, person, mails, fake_clock):
    ask(database)
    first = secret_in(mails()[0])
    ask(database)
    second = secret_in(mails()[0])
    with database.session() as session:
        service.use_reset(session, second, "hash")
        with pytest.raises(LinkGone):
            service.use_reset(session, first, "hash")
    ask(database)
    third = secret_in(mails()[-1])
    fake_clock.advance(LIFE.total_seconds())
    with database.session() as session, pytest.raises(LinkGone):
        service.use_reset(session, third, "hash")


def test_an_address_is_mailed_a_few_times_an_hour_and_nobody_asks_without_end(database, person, mails, fake_clock):
    for number in range(PER_ADDRESS):
        ask(database, address="10.0.0.9" if number else "10.0.0.8")
    assert len(mails()) == PER_EMAIL
    ask(database)
    assert mails() == []
    with pytest.raises(TooManyLetters):
        ask(database)
    fake_clock.advance(WINDOW.total_seconds() + 1)
    ask(database)
    assert len(mails()) == 1


def test_only_what_can_be_an_address_is_taken(session):
    with pytest.raises(Invalid):
        service.request_reset(session, "nobody")
    for nonsense in ("", "wtr_", "wtr_" + "0" * 38, "x" * 500):
        with pytest.raises(LinkGone):
            service.use_reset(session, nonsense, "hash")


def test_a_link_lifts_the_lock_on_sign_in(database, person, mails):
    for _ in range(5):
        with database.session() as session:
            service.record_sign_in(session, "owner@example.cn", False, "10.0.0.7")
    ask(database)
    with database.session() as session:
        service.use_reset(session, secret_in(mails()[0]), "hash", address="10.0.0.8")
        service.check_sign_in(session, "owner@example.cn", "10.0.0.8")


def test_another_address_is_confirmed_by_whoever_reads_it(database, person, mails, outbox):
    who, _ = person
    with database.session() as session:
        service.request_email_change(session, who, " New@Example.CN ", outbox)
    (mail,) = mails()
    assert mail["To"] == "new@example.cn"
    with database.session() as session:
        assert service.find_person(session, "owner@example.cn") is not None
        assert service.use_email_change(session, secret_in(mail), outbox=outbox).email == "new@example.cn"
    with database.session() as session:
        assert service.find_person(session, "owner@example.cn") is None
        with pytest.raises(LinkGone):
            service.use_email_change(session, secret_in(mail))
    (told,) = mails()
    assert (told["To"], told["Subject"]) == ("owner@example.cn", "您的邮箱已更改")


def test_an_address_that_somebody_has_is_not_taken_from_them(database, person, mails, outbox):
    from tests.identity.conftest import House

    who, _ = person
    with database.session() as session:
        house = House(session, made=5)
        house.register("other")
        service.request_email_change(session, who, "other@example.cn", outbox)
    (mail,) = mails()
    with pytest.raises(AlreadyRegistered), database.session() as session:
        service.use_email_change(session, secret_in(mail))


def test_a_reset_link_to_an_address_given_up_does_nothing(database, person, mails, outbox):
    who, _ = person
    ask(database)
    reset = secret_in(mails()[0])
    with database.session() as session:
        service.request_email_change(session, who, "new@example.cn", outbox)
    with database.session() as session:
        service.use_email_change(session, secret_in(mails()[0]))
        with pytest.raises(LinkGone):
            service.use_reset(session, reset, "hash")


def test_changes_of_address_are_asked_for_a_few_times_an_hour(session, house, outbox):
    owner = house.register("owner")
    for _ in range(PER_EMAIL):
        service.request_email_change(session, owner, "new@example.cn", outbox)
    with pytest.raises(TooManyLetters):
        service.request_email_change(session, owner, "new@example.cn", outbox)


def test_an_invitation_is_mailed_in_the_readers_language(database, person, mails, outbox):
    who, _ = person
    with database.session() as session:
        _, secret = service.invite(session, who, "new@example.cn", Role.MEMBER, outbox)
        service.set_profile(session, who, language="en")
        service.invite(session, who, "newer@example.cn", Role.MEMBER, outbox)
    first, second = mails()
    assert (first["Subject"], secret_in(first)) == ("owner 邀请您加入 House of owner", secret)
    assert second["Subject"] == "owner invites you to House of owner"
