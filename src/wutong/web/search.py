"""`/search`: what the reader may see and open, by a part of its name: pages, jobs, data, organisations; and places of the handbook.

For the palette (Ctrl-K), and as a page.
"""

from typing import Annotated

from fastapi import Query, Response
from fastapi.responses import JSONResponse

from wutong.compute.jobs import service as jobs
from wutong.compute.jobs.rules import JobFilters
from wutong.doorway.asking import Tx, needs
from wutong.hub import service as hub
from wutong.hub.rules import RepoKind
from wutong.identity import service as identity
from wutong.identity.rules import Permission
from wutong.kit.paging import PageRequest
from wutong.web import menu
from wutong.web.help import book
from wutong.web.help.facts import Numbers
from wutong.web.view import Pages, View

pages = Pages()

MOST = 8
MOST_PLACES = 5
Found = dict[str, str]
_ICONS = {RepoKind.DATASET: "database", RepoKind.MODEL: "brain", RepoKind.CODE: "code", RepoKind.OUTPUT: "archive"}


@pages.get("/search")
def search_page(tx: Tx, view: Annotated[View, needs()], q: Annotated[str, Query(max_length=100)] = "") -> Response:
    """Answer a script with JSON, and a person with a page."""
    wanted = q.strip()
    found = [*_pages(view, wanted), *(_things(tx, view, wanted) if wanted else []), *_places(view, wanted)]
    if "application/json" in view.request.headers.get("accept", ""):
        return JSONResponse({"items": found})
    return view.page("search/search.html", q=wanted, found=found)


def _pages(view: View, wanted: str) -> list[Found]:
    kind = view.say("Page")
    items = [item for _, items in menu.of(view.reader) for item in items]
    named = [(view.say(item.title), item) for item in items]
    return [_found(title, kind, item.path, icon=item.icon) for title, item in named if wanted.lower() in f"{title} {item.title}".lower()]


def _places(view: View, wanted: str) -> list[Found]:
    """Return where the handbook speaks of it."""
    found = book.find(wanted, view.words.language, Numbers.of(view.context.settings), most=MOST_PLACES)
    kind = view.say("Handbook")
    return [_found(place.title or place.chapter, kind, place.path, place.chapter if place.title else "", icon="book") for place in found]


def _things(tx: Tx, view: View, wanted: str) -> list[Found]:
    found: list[Found] = []
    few = PageRequest(MOST)
    if view.may(Permission.JOB_READ):
        by_id = jobs.find_job(tx, view.who, wanted)
        listed = [by_id] if by_id else jobs.list_jobs(tx, view.who, JobFilters(text=wanted), few).items
        found += [_found(job.name, view.say("Job"), f"/jobs/{job.id}", view.say(job.state.value), icon="player-play") for job in listed]
    if view.may(Permission.DATA_READ):
        repos = hub.list_repos(tx, view.who, None, few, search=wanted, public=False).items
        found += [_found(repo.name, view.say(repo.kind.value), f"/data/{repo.id}", icon=_ICONS[repo.kind]) for repo in repos]
    if view.may(Permission.CENTRE_READ):
        tenants = identity.list_tenants(tx, view.who, few, wanted).items
        kind = view.say("Organisation")
        found += [_found(tenant.name, kind, f"/console/tenants/{tenant.id}", tenant.credit_code, icon="building") for tenant in tenants]
    return found


def _found(title: str, kind: str, url: str, hint: str = "", *, icon: str) -> Found:
    return {"title": title, "kind": kind, "url": url, "hint": hint, "icon": icon}
