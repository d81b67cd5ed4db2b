"""Mail from the page that causes it to a real SMTP server: once, in the reader's language, as they wish; and what is told while it is stuck."""

import re
from dataclasses import replace

import pytest
from sqlalchemy import text
from tests.desk.notices.test_notices import end_job

from wutong.app.health import check_database
from wutong.desk.notices.mailer import Mailer
from wutong.desk.notices.notifier import Notifier
from wutong.desk.notices.rules import MAIL_AFTER
from wutong.desk.rules import NoticeKind
from wutong.identity import service as identity
from wutong.identity.letters.writer import Writer
from wutong.kit.loops import drain
from wutong.kit.mail import SmtpSender
from wutong.kit.outbox import PAUSES, Outbox, Postman

WAIT_S = MAIL_AFTER[NoticeKind.JOB_ENDED].total_seconds()
FIRST_PAUSE_S = PAUSES[0].total_seconds()


@pytest.fixture
def loops(portal, office):
    """Let every loop that has to do with mail run until none has work."""
    database, outbox = portal.context.database, Outbox.of(portal.context.settings)
    steps = [Notifier(database), Mailer(database, outbox), Writer(database, outbox), Postman(database, SmtpSender(office.url), outbox)]

    def run():
        for loop in steps:
            drain(loop.step)

    run()
    office.got.clear()  # the invitations of those who were settled here
    return run


def speak(portal, who, language):
    browser = portal.browser(who)
    browser.get("/account")
    browser.send("/account/profile", {"name": who, "language": language, "zone": "Asia/Shanghai"})


def ends(portal, who):
    with portal.context.database.session() as session:
        return end_job(session, identity.authenticate(session, portal.people[who].secret))


def ask_reset(portal, email):
    browser = portal.browser()
    browser.get("/reset")
    browser.send("/reset", {"email": email}, status=200)


@pytest.mark.parametrize(("language", "word"), [("zh", "密码"), ("en", "password")])
def test_a_forgotten_password_is_mailed_once_in_the_readers_language_and_its_link_works(portal, office, loops, language, word):
    speak(portal, "owner", language)
    ask_reset(portal, "owner@example.cn")
    ask_reset(portal, "nobody@example.cn")
    for _ in range(2):
        loops()
    assert len(office.got) == 1
    ((subject, body),) = office.mails_to("owner@example.cn")
    assert word in subject
    link = re.search(r"http\S+(/reset\?token=\w+)", body)[1]
    assert "owner@example.cn" in portal.browser("anonymous", language).get(link).text


def test_a_job_that_ended_is_mailed_once_to_whom_it_concerns_and_as_they_wish(portal, office, loops, fake_clock):
    for who, language in (("owner", "zh"), ("colleague", "en"), ("stranger", "zh")):
        speak(portal, who, language)
    stranger = portal.browser("stranger")
    stranger.get("/account/notices")
    stranger.send("/account/notices", {"wanted": ["job_ended.portal"]})
    jobs = {who: ends(portal, who) for who in ("owner", "colleague", "stranger")}
    loops()
    assert office.got == [], "mails about jobs wait for company"
    fake_clock.advance(WAIT_S)
    for _ in range(2):
        loops()
        fake_clock.advance(WAIT_S)
    ((subject, body),) = office.mails_to("owner@example.cn")
    assert "已成功结束" in subject
    assert f"/jobs/{jobs['owner']}" in body
    ((subject, body),) = office.mails_to("colleague@example.cn")
    assert subject == "Job train succeeded"
    assert office.mails_to("stranger@example.cn") == []
    assert "train" in stranger.get("/inbox").text, "switched off is the mail, not the notice"


def test_while_the_server_is_away_mails_wait_operators_are_told_and_then_they_go_once(portal, office, loops, fake_clock):
    database = portal.context.database
    portal.app.state.context = replace(portal.context, health=lambda: check_database(database))
    office.close()
    ask_reset(portal, "owner@example.cn")
    loops()
    checks = {check.name: check for check in check_database(database)}
    assert checks["mail"].ok, "a moment is nothing"
    assert checks["mail"].detail.startswith("1 waiting, the oldest for 0 min; the last try said: ConnectionRefused")
    fake_clock.advance(15 * 60)
    loops()
    (mail,) = (check for check in check_database(database) if check.name == "mail")
    assert (mail.ok, mail.fatal) == (False, False)
    _freshen(portal)
    assert "1 waiting, the oldest for 15 min" in portal.browser("operator").get("/console").text
    assert "1 封待发送，最早的已等待 15 分钟" in portal.browser("operator", "zh").get("/console").text
    office.open()
    for _ in range(5):
        fake_clock.advance(FIRST_PAUSE_S * 15)
        loops()
    assert len(office.mails_to("owner@example.cn")) == 1
    assert {check.name: check.detail for check in check_database(database)}["mail"] == "none waiting"


def _freshen(portal):
    """Sessions live on the same clock."""
    with portal.context.database.session() as session:
        portal.people["operator"].secret = identity.open_session(session, portal.people["operator"].person_id)[1]


def test_messages_to_webhooks_that_wait_are_told_and_only_those_nobody_tries_are_our_fault(portal, fake_clock):
    database = portal.context.database
    portal.app.state.context = replace(portal.context, health=lambda: check_database(database))
    owner = portal.browser("owner")
    owner.get("/organisation/webhooks")
    owner.send("/organisation/webhooks", {"url": "https://hooks.example.cn/w", "kinds": ["job_ended"]}, status=200)
    ends(portal, "owner")
    drain(Notifier(database).step)
    fake_clock.advance(20 * 60)
    checks = {check.name: check for check in check_database(database)}
    assert (checks["webhooks"].ok, checks["webhooks"].label) == (True, "wait")
    assert checks["webhooks"].detail == "1 waiting for 1 of the addresses, the oldest for 20 min"
    _freshen(portal)
    assert "1 waiting for 1 of the addresses" in portal.browser("operator").get("/console").text
    fake_clock.advance(2 * 3600)
    (webhooks,) = (check for check in check_database(database) if check.name == "webhooks")
    assert not webhooks.ok
    with database.session() as session:
        session.execute(text("UPDATE desk_webhook SET enabled = false"))
    assert {check.name: check.detail for check in check_database(database)}["webhooks"] == "none waiting"
