"""`/components`: every part that pages are made of, in the reader's language and theme, for those who build pages and tests that look them over."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import Response

from wutong.compute.jobs.rules import JobState
from wutong.kit import clock
from wutong.kit.errors import NotFound
from wutong.kit.paging import Page
from wutong.web.view import Anyone, Pages, View

pages = Pages()


@pages.get("/components")
def components_page(view: Annotated[View, Anyone]) -> Response:
    """Show the parts."""
    now = clock.now()
    times = [now - timedelta(seconds=5), now - timedelta(hours=3), now + timedelta(minutes=12), now - timedelta(days=40)]
    shown: dict[str, Any] = {"states": list(JobState), "times": times, "problem": NotFound(kind="job", id="job_1"), "more": Page([], "next")}
    return view.page("components/components.html", **shown)
