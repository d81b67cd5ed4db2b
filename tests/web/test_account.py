"""One's own account: profile, password, address, sessions, tokens, notices, organisations; links in mails; other ways in."""

import re
from urllib.parse import urlsplit

import httpx2
import pytest
from starlette.testclient import TestClient
from tests.api.callers import PASSWORD
from tests.identity.oidc.provider import running_provider
from tests.web.conftest import Browser, Portal, statements

from wutong.doorway.asking import COOKIE
from wutong.doorway.context import Context
from wutong.identity import service as identity
from wutong.identity.letters.writer import Writer
from wutong.kit.loops import drain
from wutong.kit.mail import FakeSender
from wutong.kit.outbox import Outbox, Postman
from wutong.web.main import create_portal

PAGES = ("/account", "/account/organisations", "/account/sessions", "/account/tokens", "/account/notices")
OTHER = "quite another one"


def mailed_link(portal: Portal) -> str:
    """Let the loops send what waits, and return the path of the last link."""
    outbox, sender = Outbox.of(portal.context.settings), FakeSender()
    drain(Writer(portal.context.database, outbox).step)
    drain(Postman(portal.context.database, sender, outbox).step)
    text = sender.sent[-1].get_body(("plain",)).get_content()
    return re.search(r"https?://[^/\s]+(/(?:reset|email|join)\?token=\w+)", text).group(1)


def sign_in(portal: Portal, password: str, status: int = 303, email: str = "owner@example.cn") -> Browser:
    browser = portal.browser()
    browser.get("/sign-in")
    browser.send("/sign-in", {"email": email, "password": password, "next": "/account"}, status=status)
    return browser


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("who", ["owner", "viewer", "operator"])
def test_every_page_opens_for_everybody_with_few_statements(portal, language, who):
    browser = portal.browser(who, language)
    for path in PAGES:
        with statements(portal) as seen:
            browser.get(path)
        assert len(seen) <= 12, (path, len(seen), seen)


def test_visitors_sign_in_first(portal):
    for path in PAGES:
        portal.browser().get(path, status=303)


def test_the_profile_is_changed_and_the_language_follows(portal):
    browser = portal.browser("owner")
    browser.get("/account")
    browser.send("/account/profile", {"name": "李明 <b>", "language": "zh", "zone": "Asia/Tokyo"})
    page = browser.get("/account").text
    assert 'lang="zh-CN"' in page
    assert "李明 &lt;b&gt;" in page
    assert browser.send("/account/profile", {"name": "x", "language": "tlh", "zone": "Asia/Tokyo"}, status=422)
    assert 'role="alert"' in browser.send("/account/profile", {"name": " ", "language": "zh", "zone": "Asia/Tokyo"}, status=422).text


def test_the_password_is_changed_and_other_sessions_end(portal):
    other = sign_in(portal, PASSWORD)
    browser = portal.browser("owner")
    browser.get("/account")
    assert 'role="alert"' in browser.send("/account/password", {"old_password": "wrong", "new_password": OTHER}, status=401).text
    browser.send("/account/password", {"old_password": PASSWORD, "new_password": OTHER})
    browser.get("/account")
    other.get("/account", status=303)
    sign_in(portal, OTHER)


def test_sessions_are_listed_and_closed(portal):
    other = sign_in(portal, PASSWORD)
    browser = portal.browser("owner")
    page = browser.get("/account/sessions").text
    assert "this session" in page
    path = re.search(r'action="(/account/sessions/ses_[^"]+/close)"', page).group(1)
    stranger = portal.browser("stranger")
    stranger.get("/account/sessions")
    stranger.send(path, status=404)
    browser.send(path)
    other.get("/account", status=303)
    third = sign_in(portal, PASSWORD)
    browser.send("/account/sessions/close-others")
    third.get("/account", status=303)
    browser.get("/account")


def test_a_token_is_made_shown_once_and_revoked(portal):
    browser = portal.browser("owner")
    browser.get("/account/tokens")
    page = browser.send("/account/tokens", {"name": "laptop <i>", "life": "30", "scopes": ["job.read", "data.read"]}, status=200).text
    secret = re.search(r"wtk_\w+", page).group(0)
    with portal.context.database.session() as session:
        who = identity.authenticate(session, secret)
        assert {scope.value for scope in who.scopes} == {"job.read", "data.read"}
    page = browser.get("/account/tokens").text
    assert secret not in page
    assert "laptop &lt;i&gt;" in page
    browser.send(re.search(r'action="(/account/tokens/tok_[^"]+/revoke)"', page).group(1))
    assert "You have no tokens" in browser.get("/account/tokens").text


@pytest.mark.parametrize("form", [{"name": "x", "life": "90"}, {"name": "", "whole": "1"}, {"name": "x", "whole": "1", "life": "1000"}])
def test_a_token_that_cannot_be_made_is_told(portal, form):
    browser = portal.browser("owner")
    browser.get("/account/tokens")
    assert 'role="alert"' in browser.send("/account/tokens", form, status=422).text


def test_nobody_makes_tokens_who_may_not(portal):
    viewer = portal.browser("viewer")
    assert 'name="whole"' not in viewer.get("/account/tokens").text
    viewer.send("/account/tokens", {"name": "x", "whole": "1"}, status=403)


def test_what_one_is_told_is_chosen(portal):
    browser = portal.browser("owner")
    assert browser.get("/account/notices").text.count(" checked") == 18
    browser.send("/account/notices", {"wanted": ["job_ended.portal", "balance.mail"]})
    assert browser.get("/account/notices").text.count(" checked") == 2
    browser.send("/account/notices", {})
    assert browser.get("/account/notices").text.count(" checked") == 0


def test_staff_act_for_the_centre_and_members_for_their_organisation(portal):
    assert "The centre" in portal.browser("operator").get("/account/organisations").text
    page = portal.browser("owner").get("/account/organisations").text
    assert "House of owner" in page
    assert "House of stranger" not in page


def test_a_forgotten_password_is_set_by_a_link(portal):
    browser = portal.browser()
    browser.get("/reset")
    assert "mail with a link is on its way" in browser.send("/reset", {"email": "owner@example.cn"}, status=200).text
    nobody = portal.browser()
    nobody.get("/reset")
    assert "mail with a link is on its way" in nobody.send("/reset", {"email": "nobody@example.cn"}, status=200).text
    assert 'role="alert"' in nobody.send("/reset", {"email": "nobody"}, status=422).text
    link = mailed_link(portal)
    assert "owner@example.cn" in browser.get(link).text
    token = link.partition("=")[2]
    assert 'role="alert"' in browser.send("/reset/use", {"token": token, "password": "short"}, status=422).text
    browser.send("/reset/use", {"token": token, "password": OTHER})
    sign_in(portal, OTHER)
    assert "not valid any more" in browser.get(link, status=404).text
    browser.send("/reset/use", {"token": token, "password": OTHER}, status=404)
    portal.browser("owner").get("/account", status=303)


def test_another_address_is_confirmed_by_its_link(portal):
    browser = portal.browser("owner")
    browser.get("/account")
    assert 'value="new@example.cn"' in browser.send("/account/email", {"password": "wrong", "new_email": "new@example.cn"}, status=401).text
    browser.send("/account/email", {"password": PASSWORD, "new_email": "new@example.cn"})
    link = mailed_link(portal)
    reader = portal.browser()
    reader.get(link)
    assert "owner@example.cn" in browser.get("/account").text
    reader.send("/email", {"token": link.partition("=")[2]})
    assert "new@example.cn" in browser.get("/account").text
    reader.get(link)
    reader.send("/email", {"token": link.partition("=")[2]}, status=404)


def test_links_of_invitations_lead_to_them(portal):
    browser = portal.browser()
    assert browser.get("/join?token=wti_abc", status=303).headers["location"] == "/invitation/wti_abc"
    assert browser.get("/join?token=//evil.example", status=303).headers["location"] == "/sign-in"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    """A provider that runs."""
    with running_provider(tmp_path_factory.mktemp("provider")) as url:
        yield url


@pytest.fixture
def campus(portal, issuer):
    """The same centre with a provider beside it."""
    provider = {"name": "campus", "label": "Campus", "issuer": issuer, "client_id": "wutong", "client_secret": "s3cret"}
    settings = portal.context.settings.__class__(**{**portal.context.settings.model_dump(), "oidc": [provider], "public_url": "http://testserver"})
    context = Context(settings, portal.context.database, portal.context.engines, portal.context.blobs)
    app = create_portal(context)
    with TestClient(app):
        yield Portal(context, app, portal.people)


def consent(issuer: str, url: str, subject: str, **claims: object) -> str:
    """Sign in at the provider; returns the path it sends the browser back to."""
    httpx2.put(f"{issuer}/users/{subject}", json=claims, timeout=30).raise_for_status()
    back = urlsplit(httpx2.post(url, data={"sub": subject}, timeout=30).headers["location"])
    return f"{back.path}?{back.query}"


def test_somebody_comes_in_through_a_provider(campus, issuer):
    browser = campus.browser()
    assert "Sign in with Campus" in browser.get("/sign-in").text
    url = browser.get("/oidc/campus?next=/account", status=303).headers["location"]
    back = consent(issuer, url, "wang", email="wang@example.cn", email_verified=True, name="王")
    answer = browser.get(back, status=303)
    assert answer.headers["location"] == "/account"
    assert any(cookie.startswith(COOKIE) and "HttpOnly" in cookie for cookie in answer.headers.get_list("set-cookie"))
    assert "王" in browser.get("/account").text
    assert "Start again" in browser.get(back, status=404).text


def test_a_known_address_needs_its_password_once(campus, issuer):
    browser = campus.browser()
    url = browser.get("/oidc/campus", status=303).headers["location"]
    page = browser.get(consent(issuer, url, "boss", email="owner@example.cn", email_verified=True)).text
    link = re.search(r'name="link" value="([^"]+)"', page).group(1)
    form = {"link": link, "email": "owner@example.cn"}
    assert 'role="alert"' in browser.send("/oidc/link", {**form, "password": "wrong"}, status=401).text
    browser.send("/oidc/link", {**form, "password": PASSWORD})
    assert "Campus" in browser.get("/account").text


def test_a_login_is_added_to_ones_account_and_removed(campus, issuer):
    browser = campus.browser("owner")
    browser.get("/account")
    page = browser.send("/account/logins/campus/add", status=200).text
    url = re.search(rf'href="({re.escape(issuer)}[^"]+)"', page).group(1).replace("&amp;", "&")
    assert browser.get(consent(issuer, url, "me"), status=303).headers["location"] == "/account"
    page = browser.get("/account").text
    browser.send(re.search(r'action="(/account/logins/[^"]+/remove)"', page).group(1))
    assert "You sign in with your password only." in browser.get("/account").text


def test_an_answer_begun_elsewhere_opens_nothing(campus, issuer):
    url = campus.browser().get("/oidc/campus", status=303).headers["location"]
    back = consent(issuer, url, "eve", email="eve@example.cn", email_verified=True)
    victim = campus.browser()
    assert "Start again" in victim.get(back, status=404).text
    victim.get("/account", status=303)
    victim.get("/oidc/nobody", status=404)
