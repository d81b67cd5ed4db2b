"""Repositories: found, made, described, published, deleted."""

from typing import Annotated, Any

from fastapi import Form, Query, Response
from sqlalchemy.orm import Session

from wutong.compute.jobs.uses import uses_of
from wutong.doorway.asking import Tx, needs
from wutong.doorway.paging import Paging
from wutong.hub import service as hub
from wutong.hub.rules import Repo, RepoKind, Visibility
from wutong.identity import service as identity
from wutong.identity.rules import Permission
from wutong.kit.errors import Invalid, Problem
from wutong.kit.paging import Page, PageRequest
from wutong.web.view import Pages, View

pages = Pages(prefix="/data")

Line = Annotated[str, Form(max_length=300)]
Text = Annotated[str, Form(max_length=4000)]
Reads = Annotated[View, needs(Permission.DATA_READ)]
Writes = Annotated[View, needs(Permission.DATA_WRITE)]

MADE_BY_PEOPLE = (RepoKind.DATASET, RepoKind.MODEL, RepoKind.CODE)
LICENCES = (
    *("CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "ODbL-1.0", "CDLA-Permissive-2.0"),
    *("Apache-2.0", "MIT", "BSD-3-Clause", "MulanPSL-2.0", "GPL-3.0-only", "LGPL-3.0-only", "AGPL-3.0-only", "MPL-2.0"),
)
OTHER = "other"
USES = 10


@pages.get("")
def list_page(
    tx: Tx,
    view: Reads,
    page: Paging,
    kind: RepoKind = RepoKind.DATASET,
    search: Annotated[str, Query(max_length=100)] = "",
    *,
    public: bool = False,
) -> Response:
    """List the organisation's own repositories of a kind, or those that anybody has published."""
    repos = hub.list_repos(tx, view.who, kind, page, search=search.strip(), public=public)
    owners = identity.tenant_names(tx, {repo.tenant_id for repo in repos.items}) if public else {}
    found: dict[str, Any] = {
        "repos": repos,
        "standing": hub.newest_of(tx, repos.items),
        "owners": owners,
        "storage": hub.storage(tx, view.who.tenant_id or ""),
    }
    return view.page("data/list.html", **found, kind=kind, kinds=list(RepoKind), search=search, public=public)


@pages.get("/new")
def new_page(view: Writes, kind: RepoKind = RepoKind.DATASET) -> Response:
    """Ask what a repository is to be called."""
    return _new(view, {"kind": kind.value, "licence": "proprietary"})


@pages.post("/new")
def create(tx: Tx, view: Writes, name: Line, kind: Line, licence: Line = "", licence_text: Line = "", description: Text = "") -> Response:
    """Make an empty repository, and go on to fill it."""
    form = {"name": name, "kind": kind, "licence": licence, "licence_text": licence_text, "description": description}

    def work() -> Repo:
        said = _licence(licence, licence_text)
        return hub.create_repo(tx, view.who, _kind(kind), name.strip(), licence=said, description=_lines(description))

    made = view.attempt(work)
    if isinstance(made, Problem):
        return _new(view, form, made)
    return view.go(f"/data/{made.id}/upload")


@pages.get("/{repo_id}")
def repo_page(tx: Tx, view: Reads, page: Paging, repo_id: str) -> Response:
    """Show a repository: what it is, its versions, who may read it, which jobs used it."""
    return _page(tx, view, repo_id, page)


@pages.post("/{repo_id}/about")
def change(tx: Tx, view: Writes, repo_id: str, licence: Line = "", licence_text: Line = "", description: Text = "") -> Response:
    """Change what is said about a repository."""
    form = {"licence": licence, "licence_text": licence_text, "description": description}

    def work() -> Repo:
        return hub.change_repo(tx, view.who, repo_id, licence=_licence(licence, licence_text), description=_lines(description))

    done = view.attempt(work)
    if isinstance(done, Problem):
        return _page(tx, view, repo_id, problem=done, form=form)
    view.toast("Saved.")
    return view.go(f"/data/{repo_id}")


@pages.post("/{repo_id}/visibility")
def set_visibility(tx: Tx, view: Annotated[View, needs(Permission.DATA_PUBLISH)], repo_id: str, visibility: Line) -> Response:
    """Publish a repository, or take it back."""
    wanted = Visibility.PUBLIC if visibility == Visibility.PUBLIC else Visibility.PRIVATE
    done = view.attempt(lambda: hub.set_visibility(tx, view.who, repo_id, wanted))
    if isinstance(done, Problem):
        return _page(tx, view, repo_id, problem=done)
    if wanted is Visibility.PUBLIC:
        view.toast("{name} is published.", name=done.name)
    else:
        view.toast("{name} is unpublished.", name=done.name)
    return view.go(f"/data/{repo_id}")


@pages.post("/{repo_id}/delete")
def delete(tx: Tx, view: Writes, repo_id: str, confirm: Line = "") -> Response:
    """Delete a repository when its name was typed."""
    repo = hub.get_repo(tx, view.who, repo_id)

    def work() -> None:
        if confirm.strip() != repo.name:
            raise Invalid(field="confirm", reason="Type the name exactly as it is written, so that nothing is deleted by mistake.")
        hub.delete_repo(tx, view.who, repo_id)

    done = view.attempt(work)
    if isinstance(done, Problem):
        return _page(tx, view, repo_id, problem=done)
    view.toast("{name} is deleted.", name=repo.name)
    return view.go("/data", kind=repo.kind.value)


def _new(view: View, form: dict[str, str], problem: Problem | None = None) -> Response:
    status = 200 if problem is None else problem.status
    return view.page("data/new.html", status, form=form, kinds=MADE_BY_PEOPLE, licences=LICENCES, problem=problem)


def _page(
    tx: Session, view: View, repo_id: str, page: PageRequest | None = None, *, problem: Problem | None = None, form: dict[str, str] | None = None
) -> Response:
    repo = hub.get_repo(tx, view.who, repo_id)
    versions = hub.list_versions(tx, view.who, repo_id, page)
    uses = uses_of(tx, view.who, [version.id for version in versions.items], limit=USES) if view.may(Permission.JOB_READ) else []
    found: dict[str, Any] = {
        "repo": repo,
        "own": repo.tenant_id == view.who.tenant_id,
        "versions": versions,
        "newest": _newest(tx, repo, versions, page),
        "owner": identity.tenant_names(tx, {repo.tenant_id}).get(repo.tenant_id, ""),
        "people": identity.person_names(tx, {repo.created_by, *(version.created_by for version in versions.items)}),
        "uses": uses,
        "made": hub.find_versions(tx, view.who, {use.made for use in uses if use.made}),
    }
    status = 200 if problem is None else problem.status
    choice, _, text = repo.licence.partition(":")
    said = {"licence": choice, "licence_text": text, "description": repo.description}
    return view.page("data/repo.html", status, **found, form=form or said, licences=LICENCES, problem=problem)


def _newest(tx: Session, repo: Repo, versions: Page[Any], page: PageRequest | None) -> Any:
    """Return the newest version, which is on the first page of the list."""
    if page is None or page.after is None:
        return versions.items[0] if versions.items else None
    standing = hub.newest_of(tx, [repo]).get(repo.id)
    return standing.newest if standing else None


def _licence(choice: str, text: str) -> str:
    return f"other:{text.strip()}" if choice == OTHER else choice


def _kind(text: str) -> RepoKind:
    if text not in [kind.value for kind in MADE_BY_PEOPLE]:
        raise Invalid(field="kind", reason="Choose data set, model or code.")
    return RepoKind(text)


def _lines(text: str) -> str:
    """Return a text as its writer saw it: forms send lines with both marks of an end."""
    return text.replace("\r\n", "\n").strip()
