"""The wall screen refreshes itself for days: what it holds does not grow."""

import itertools

import pytest
from playwright.sync_api import CDPSession, Page, Route

FIRST, LAST = 50, 550


def held(page: Page, session: CDPSession) -> tuple[int, int]:
    """Return the page's nodes and the bytes its scripts hold, after the garbage was collected."""
    session.send("HeapProfiler.collectGarbage")
    found = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    return int(found["Nodes"]), int(found["JSHeapUsedSize"])


def await_refresh(page: Page, number: int) -> None:
    """Wait until a refresh of this number, or a later one, is on the screen."""
    while page.evaluate("() => Number(document.querySelector('.wall-time b')?.textContent ?? 0)") < number:
        page.wait_for_timeout(50)


def hurry(route: Route) -> None:
    """Give out the screen with refreshes every twenty milliseconds instead of every five seconds."""
    answer = route.fetch()
    body = answer.text()
    assert "every 5s" in body
    route.fulfill(response=answer, body=body.replace("every 5s", "every 20ms"))


def mark(route: Route, part: str, number: int) -> None:
    """Answer a refresh with the same figures and its number, so that each changes something."""
    body = part.replace('<p class="wall-time">', f'<p class="wall-time"><b>{number}</b> ')
    route.fulfill(status=200, content_type="text/html; charset=utf-8", body=body)


def measure(page: Page) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return what the screen holds after some refreshes, and after five hundred more."""
    part = page.request.get("/wall/part", headers={"HX-Request": "true"}).text()
    numbers = itertools.count()
    page.route("**/wall/part", lambda route: mark(route, part, next(numbers)))
    page.route("**/wall", hurry)
    page.goto("/wall")
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    await_refresh(page, FIRST)
    first = held(page, session)
    await_refresh(page, LAST)
    return first, held(page, session)


@pytest.mark.slow
def test_five_hundred_refreshes_leave_nothing_behind(visitors, centre):
    with visitors.window("zh", secret=centre.operator()) as page:
        (nodes, heap), (more_nodes, more_heap) = measure(page)
    assert more_nodes <= nodes * 1.5 + 500, (nodes, more_nodes)
    assert more_heap <= heap * 1.25 + 2**20, (heap, more_heap)
