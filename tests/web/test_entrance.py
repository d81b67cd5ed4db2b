"""Registering, signing in and out, languages; forms only from our own pages."""

import pytest
from tests.api.callers import PASSWORD, credit_code

from wutong.doorway.asking import COOKIE


def test_the_front_page_greets_anybody_in_both_languages(portal):
    assert "Compute, as easily as electricity" in portal.browser().get("/").text
    assert 'lang="zh-CN"' in portal.browser(language="zh").get("/").text


def test_an_organisation_registers_and_is_signed_in(portal):
    browser = portal.browser()
    browser.get("/sign-up")
    form = {"name": "江城视觉", "credit_code": credit_code(777), "person_name": "李明", "email": "li@jiangcheng.example", "password": PASSWORD}
    answer = browser.send("/sign-up", {**form, "kind": "enterprise"})
    assert answer.headers["location"] == "/overview"
    assert "江城视觉" in browser.get("/overview").text


def test_a_wrong_code_is_told_and_what_was_typed_stays(portal):
    browser = portal.browser()
    browser.get("/sign-up")
    form = {"name": "江城视觉", "credit_code": "12345", "person_name": "李明", "email": "li@jiangcheng.example", "password": PASSWORD}
    page = browser.send("/sign-up", {**form, "kind": "enterprise"}, status=422).text
    assert 'role="alert"' in page
    assert 'value="江城视觉"' in page
    assert PASSWORD not in page


def test_signing_in_leads_to_where_one_wanted_to_go(portal):
    browser = portal.browser()
    where = browser.get("/overview", status=303).headers["location"]
    assert where == "/sign-in?next=%2Foverview"
    browser.get(where)
    answer = browser.send("/sign-in", {"email": portal.people["owner"].email, "password": PASSWORD, "next": "/overview"})
    assert answer.headers["location"] == "/overview"
    cookie = next(value for value in answer.headers.get_list("set-cookie") if value.startswith(COOKIE))
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    browser.get("/overview")


def test_a_wrong_password_is_told(portal):
    browser = portal.browser()
    browser.get("/sign-in")
    page = browser.send("/sign-in", {"email": portal.people["owner"].email, "password": "not this one", "next": "/"}, status=401).text
    assert "E-mail or password is not right." in page


@pytest.mark.parametrize("elsewhere", ["//evil.example", "https://evil.example/", "/\\evil.example", "\\evil", "javascript:alert(1)"])
def test_links_lead_nobody_elsewhere(portal, elsewhere):
    browser = portal.browser("owner")
    assert browser.get("/sign-in", status=303, params={"next": elsewhere}).headers["location"] == "/overview"


def test_a_form_without_the_token_is_refused(portal):
    browser = portal.browser("owner")
    browser.get("/overview")
    answer = browser.http.post("/sign-out")
    assert answer.status_code == 403
    browser.get("/overview")


def test_a_form_of_another_session_or_site_is_refused(portal):
    stranger = portal.browser("stranger")
    stranger.get("/overview")
    owner = portal.browser("owner")
    owner.last = stranger.last
    owner.send("/sign-out", status=403)
    owner.headers = {"Origin": "https://evil.example"}
    owner.get("/overview")
    owner.send("/sign-out", status=403)


def test_signing_out_ends_the_session(portal):
    browser = portal.browser("owner")
    browser.get("/overview")
    browser.send("/sign-out")
    browser.http.cookies.set(COOKIE, portal.people["owner"].secret)
    browser.get("/overview", status=303)


def test_the_language_is_switched_and_kept(portal):
    browser = portal.browser("owner")
    browser.get("/overview")
    browser.send("/language", {"language": "zh", "next": "/overview"})
    assert 'lang="zh-CN"' in browser.get("/overview").text


def test_pages_that_are_not_there_say_so(portal):
    page = portal.browser("owner").get("/no/such/page", status=404).text
    assert "There is no page at this address." in page


def test_every_answer_carries_the_strict_headers(portal):
    for path, status in (("/", 200), ("/no/such/page", 404), ("/sign-in", 200)):
        headers = portal.browser().get(path, status=status).headers
        assert "unsafe" not in headers["content-security-policy"]
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
