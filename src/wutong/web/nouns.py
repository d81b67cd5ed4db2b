"""Every router of pages, one file a noun. A new noun is added here and nowhere else."""

from wutong.web import entrance, front, overview, stream
from wutong.web.view import Pages

PAGES: tuple[Pages, ...] = (
    front.pages,
    entrance.pages,
    overview.pages,
    stream.pages,
)
