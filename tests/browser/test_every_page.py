"""Every page, in both languages, wide and narrow: it is there, keeps people out by nothing that axe-core knows of, and never scrolls sideways."""

import pytest
from tests.browser.conftest import violations
from tools.screenshots import NO_PAGES, PATHS, Settled, places, settle

from wutong.web.nouns import PAGES

# A part that a page asks for once it stands holds a link for who has no scripts until it comes.
PARTS_CAME = "() => document.querySelector('[hx-trigger^=load]:not(form) > .no-js') === null"


@pytest.fixture(scope="module")
def settled(centre) -> Settled:
    return settle(centre)


def test_every_page_is_among_those_looked_over():
    listed = {
        path.partition("?")[0].replace("failed_job", "job_id").replace("/help/errors", "/help/{chapter}")
        for paths in PATHS.values()
        for path in paths
    } | NO_PAGES
    served = {route.path for pages in PAGES for route in pages.routes if "GET" in route.methods}
    assert (sorted(served - listed), sorted(listed - served)) == ([], [])


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("who", ["anybody", "owner", "operator"])
def test_every_page_can_be_read_by_everybody(visitors, settled, who, language):
    found = []
    with visitors.window(language, secret=settled.secret(who)) as page:
        for place in places(settled):
            if place.who != who:
                continue
            answer = page.goto(place.path)
            assert answer.status == (404 if place.name == "not-found" else 200), place
            assert page.locator("h1").count() == 1, place
            page.wait_for_function(PARTS_CAME, timeout=60_000)
            found += violations(page)
    assert found == []


@pytest.mark.parametrize("who", ["anybody", "owner", "operator"])
def test_no_page_is_wider_than_a_telephone(visitors, settled, who):
    wider = []
    with visitors.window("zh", secret=settled.secret(who), width=390, dark=True) as page:
        for place in places(settled):
            if place.who == who:
                page.goto(place.path)
                width = page.evaluate("() => document.documentElement.scrollWidth")
                wider += [(place.name, width)] if width > 390 else []
    assert wider == []


def test_dark_pages_have_contrast_too(visitors, settled):
    found = []
    with visitors.window("en", secret=settled.owner.token, dark=True) as page:
        for place in places(settled):
            if place.who == "owner":
                page.goto(place.path)
                found += [each for each in violations(page) if "color-contrast" in each]
    assert found == []
