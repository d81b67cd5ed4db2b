"""`/help`: the handbook, for anybody."""

from typing import Annotated

from fastapi import Response

from wutong.doorway.asking import Tx
from wutong.web.errors import NoSuchPage
from wutong.web.help.book import Chapter, book
from wutong.web.help.facts import Numbers
from wutong.web.view import Anyone, Pages, View

pages = Pages(prefix="/help")

Reads = Annotated[View, Anyone]


@pages.get("")
def handbook_page(tx: Tx, view: Reads) -> Response:  # noqa: ARG001 - who reads is looked up in it
    """List the chapters."""
    return view.page("help/handbook.html", chapters=list(_book(view).values()))


@pages.get("/{chapter}")
def chapter_page(tx: Tx, view: Reads, chapter: str) -> Response:  # noqa: ARG001 - who reads is looked up in it
    """Show a chapter, with the ones before and after it."""
    chapters = _book(view)
    found = chapters.get(chapter)
    if found is None:
        raise NoSuchPage
    before, after = _neighbours(list(chapters.values()), found)
    return view.page("help/chapter.html", chapter=found, chapters=list(chapters.values()), before=before, after=after)


def _book(view: View) -> dict[str, Chapter]:
    return dict(book(view.words.language, Numbers.of(view.context.settings)))


def _neighbours(chapters: list[Chapter], here: Chapter) -> tuple[Chapter | None, Chapter | None]:
    at = chapters.index(here)
    return (chapters[at - 1] if at else None, chapters[at + 1] if at + 1 < len(chapters) else None)
