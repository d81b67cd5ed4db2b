"""What is found by a part of its name, and only what one may see."""

from tests.api.callers import Door


def items(browser, wanted: str) -> list[dict[str, str]]:
    browser.headers = {"Accept": "application/json"}
    return browser.get("/search", params={"q": wanted}).json()["items"]


def test_jobs_and_data_of_ones_own_are_found(portal, door: Door):
    job = door.ok("owner", "POST", "/jobs", json={"name": "land-cover-7", "command": "true", "time_limit_s": 60})
    repo = door.ok("owner", "POST", "/repos", json={"kind": "dataset", "name": "land-tiles"})
    assert {each["url"] for each in items(portal.browser("owner"), "land")} == {f"/jobs/{job['id']}", f"/data/{repo['id']}"}
    assert [each["url"] for each in items(portal.browser("owner"), job["id"])] == [f"/jobs/{job['id']}"]
    assert items(portal.browser("stranger"), "land") == []


def test_pages_are_found_in_both_languages(portal):
    found = [each["url"] for each in items(portal.browser("owner"), "bill")]
    assert found[0] == "/bill"
    assert all(url.startswith("/help/") for url in found[1:])
    assert "/bill" in [each["url"] for each in items(portal.browser("owner", language="zh"), "账单")]


def test_operators_find_organisations_and_others_do_not(portal):
    assert [each["title"] for each in items(portal.browser("operator"), "House of owner")] == ["House of owner"]
    assert items(portal.browser("owner"), "House of") == []


def test_the_page_says_when_nothing_is_found(portal):
    page = portal.browser("owner").get("/search", params={"q": "<b>no such thing"}).text
    assert "Nothing found" in page
    assert "<b>no such" not in page


def test_the_parts_of_pages_are_shown_to_anybody_in_both_languages(portal):
    assert "Components" in portal.browser().get("/components").text
    assert "<b> 1" not in portal.browser(language="zh").get("/components").text
