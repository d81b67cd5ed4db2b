"""Help: tickets of an organisation and the centre's desk, notices, announcements."""

import re

import pytest
from tests.web.conftest import Portal, statements

from wutong.desk.announcements import service as announcements
from wutong.desk.announcements.rules import Audience, Draft
from wutong.desk.notices.service import Fact, tell
from wutong.desk.rules import NoticeKind
from wutong.identity import service as identity

NASTY = '<script>alert(1)</script>"><img src=x> \u202egnp 武汉\x1b[31m'


def ask(portal: Portal, subject: str = "It hangs", text: str = "At epoch 3.") -> str:
    browser = portal.browser("owner")
    browser.get("/tickets/new")
    return browser.send("/tickets", {"subject": subject, "text": text}).headers["location"]


def announce(portal: Portal, **changes: object) -> str:
    draft = Draft(**{"title_zh": "周日维护 <b>", "title_en": "Maintenance on Sunday <b>", **changes})
    with portal.context.database.session() as session:
        operator = identity.authenticate(session, portal.people["operator"].secret)
        return announcements.announce(session, operator, draft).id


def notify(portal: Portal, who: str = "owner") -> None:
    with portal.context.database.session() as session:
        person = portal.people[who]
        facts = {"job_id": "job_1", "job_name": NASTY, "state": "succeeded"}
        tell(session, [Fact(NoticeKind.JOB_ENDED, f"job:{who}", person.tenant_id, [person.person_id], facts)])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_page_opens_in_both_languages_with_few_statements(portal, language):
    path = ask(portal)
    notify(portal, "viewer")
    announce(portal)
    for who, paths in (
        ("viewer", ["/tickets", "/tickets/new", path, f"{path}/part", "/inbox", "/inbox/badge", "/announcements/now"]),
        ("operator", ["/console/tickets", f"/console{path}", f"/console{path}/part", "/inbox"]),
    ):
        browser = portal.browser(who, language)
        for each in paths:
            with statements(portal) as seen:
                browser.get(each)
            assert len(seen) <= 12, (each, len(seen), seen)


def test_a_question_is_asked_answered_closed_and_reopened(portal):
    path = ask(portal)
    staff = portal.browser("operator")
    assert "It hangs" in staff.get("/console/tickets").text
    assert "At epoch 3." in staff.get(f"/console{path}").text
    staff.send(f"/console{path}/answer", {"text": "Which data set?", "ask": "1"})
    owner = portal.browser("owner")
    assert "new" in owner.get("/tickets").text
    page = owner.get(path).text
    assert "Which data set?" in page
    assert "operator" in page
    owner.send(f"{path}/reply", {"text": "Digits."})
    owner.send(f"{path}/close")
    assert f'action="{path}/reopen"' in owner.get(path).text
    owner.send(f"{path}/close", status=409)
    owner.send(f"{path}/reopen")
    staff.get(f"/console{path}")
    staff.send(f"/console{path}/assign", {"person_id": portal.people["owner"].person_id}, status=422)
    staff.send(f"/console{path}/assign", {"person_id": ""})
    staff.send(f"/console{path}/close")
    staff.send(f"/console{path}/reopen")


def test_what_was_typed_stays(portal):
    owner = portal.browser("owner")
    owner.get("/tickets/new")
    page = owner.send("/tickets", {"subject": "", "text": "a long story"}, status=422).text
    assert "a long story" in page
    page = owner.send("/tickets", {"subject": "x", "text": "y", "job_id": "job_none"}, status=404).text
    assert 'value="job_none"' in page


def test_others_tickets_are_not_there(portal):
    path = ask(portal)
    portal.browser().get("/tickets", status=303)
    portal.browser("viewer").get(path)
    stranger = portal.browser("stranger")
    assert "It hangs" not in stranger.get("/tickets").text
    stranger.get(path, status=404)
    stranger.get("/tickets")
    for act in ("reply", "close", "reopen"):
        stranger.send(f"{path}/{act}", {"text": "x"}, status=404)
    stranger.get(f"/console{path}", status=403)
    stranger.get("/console/tickets", status=403)


def test_filters_and_pages(portal):
    for number in range(3):
        ask(portal, f"Question {number}")
    owner = portal.browser("owner")
    assert "Question 1" in owner.get("/tickets?text=question 1").text
    assert "No matches" in owner.get("/tickets?state=closed").text
    older = re.search(r'rel="next" href="([^"]+)"', owner.get("/tickets?limit=2").text).group(1).replace("&amp;", "&")
    assert owner.get(older).text.count("Question ") == 1


def test_text_stays_text(portal):
    path = ask(portal, "<img src=x> 武汉", NASTY)
    notify(portal)
    announce(portal)
    owner = portal.browser("owner")
    for each in (path, "/tickets", "/inbox", "/announcements/now"):
        page = owner.get(each).text
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "Sunday <b>" not in page


def test_notices_are_read_and_lead_on(portal):
    notify(portal)
    owner = portal.browser("owner")
    assert "1 new notification" in owner.get("/inbox/badge").text
    page = owner.get("/inbox?unread=1").text
    path = re.search(r'action="(/inbox/\d+/open)"', page).group(1)
    stranger = portal.browser("stranger")
    stranger.get("/inbox")
    stranger.send(path, status=404)
    assert owner.send(path).headers["location"] == "/jobs/job_1"
    assert "0 new notifications" in owner.get("/inbox/badge").text
    notify(portal, "colleague")
    colleague = portal.browser("colleague")
    colleague.get("/inbox")
    colleague.send("/inbox/read")
    assert "Nothing new" in colleague.get("/inbox?unread=1").text


def test_announcements_are_shown_and_put_away(portal):
    made = announce(portal)
    everybody = announce(portal, title_en="To everybody", audience=Audience.EVERYONE, dismissible=False)
    assert "Sunday" not in portal.browser().get("/announcements/now").text
    assert "To everybody" in portal.browser().get("/announcements/now").text
    owner = portal.browser("owner")
    owner.get("/inbox")
    owner.send(f"/announcements/{made}/dismiss")
    page = owner.get("/announcements/now").text
    assert "Sunday" not in page
    assert f"/announcements/{everybody}/dismiss" not in page
    owner.get("/inbox")
    owner.send(f"/announcements/{everybody}/dismiss", status=409)
    assert "To everybody" in owner.get("/announcements/now").text


def test_without_anything_the_next_step_is_told(portal):
    owner = portal.browser("owner")
    assert "You have no tickets" in owner.get("/tickets").text
    assert "No notifications yet" in owner.get("/inbox").text
    assert "There are no tickets" in portal.browser("operator").get("/console/tickets").text
