"""Versions: what is in them folder by folder, where they come from, how to use them."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Query, Response
from fastapi.responses import StreamingResponse

from wutong.compute.jobs.uses import uses_of
from wutong.doorway.asking import Tx, needs
from wutong.doorway.paging import Paging
from wutong.hub import service as hub
from wutong.hub.rules import RepoKind, Version
from wutong.identity import service as identity
from wutong.identity.rules import Permission
from wutong.kit.errors import Conflict
from wutong.web.data.repos import USES, Reads
from wutong.web.view import Pages, View

pages = Pages(prefix="/data/{repo_id}/versions/{number}")

MOST_PACKED = 100_000
MOUNTED = {RepoKind.DATASET: "datasets", RepoKind.MODEL: "models"}
WORDS = {RepoKind.DATASET: "data", RepoKind.MODEL: "model", RepoKind.CODE: "code", RepoKind.OUTPUT: "data"}


@pages.get("")
def version_page(tx: Tx, view: Reads, page: Paging, repo_id: str, number: int, folder: Annotated[str, Query(max_length=1024)] = "") -> Response:
    """Show a version, and what lies in one of its folders."""
    repo, version = hub.get_numbered(tx, view.who, repo_id, number)
    below = folder.strip("/") + "/" if folder.strip("/") else ""
    uses = uses_of(tx, view.who, [version.id], limit=USES) if view.may(Permission.JOB_READ) else []
    given = _given(version)
    known = {use.made for use in uses if use.made} | {str(each["version"]) for each in given if "version" in each}
    found: dict[str, Any] = {
        "repo": repo,
        "version": version,
        "own": repo.tenant_id == view.who.tenant_id,
        "entries": hub.list_folder(tx, version, below, page),
        "folder": below,
        "trail": _trail(below),
        "people": identity.person_names(tx, {version.created_by}),
        "owner": identity.tenant_names(tx, {repo.tenant_id}).get(repo.tenant_id, ""),
        "uses": uses,
        "given": given,
        "known": hub.find_versions(tx, view.who, known),
    }
    reference = f"{repo.name}@{version.number}" if found["own"] else f"{repo.tenant_id}/{repo.name}@{version.number}"
    return view.page(
        "data/version.html", **found, lineage=_told(version.lineage), reference=reference, mounted=MOUNTED.get(repo.kind), word=WORDS[repo.kind]
    )


@pages.post("/delete")
def delete(tx: Tx, view: Annotated[View, needs(Permission.DATA_WRITE)], repo_id: str, number: int) -> Response:
    """Delete one version."""
    repo, version = hub.get_numbered(tx, view.who, repo_id, number)
    hub.delete_version(tx, view.who, version.id)
    view.toast("Version {number} of {name} is deleted.", number=number, name=repo.name)
    return view.go(f"/data/{repo_id}")


@pages.get("/archive")
def archive(tx: Tx, view: Reads, repo_id: str, number: int) -> Response:
    """Send a whole version as one tar archive."""
    repo, version = hub.get_numbered(tx, view.who, repo_id, number)
    if version.file_count > MOST_PACKED:
        raise Conflict(reason="This version has too many files for one archive. Fetch it with wutong data pull, which also goes on after a break.")
    files = hub.files_of(tx, version.id)
    name = quote(f"{repo.name}-{version.number}.tar")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    return StreamingResponse(hub.stream_tar(view.context.blobs, files, version.created_at), 200, headers, "application/x-tar")


def _trail(folder: str) -> list[tuple[str, str]]:
    """Return each folder on the way, with its path."""
    parts = folder.rstrip("/").split("/") if folder else []
    return [(part, "/".join(parts[: at + 1]) + "/") for at, part in enumerate(parts)]


def _given(version: Version) -> list[Mapping[str, Any]]:
    """Return what a version was made from, as its lineage tells."""
    told = version.lineage.get("inputs")
    return [each for each in told if isinstance(each, dict)] if isinstance(told, list) else []


def _told(lineage: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of a lineage that the page names, as plain text; jobs of other versions of ours may have written others."""
    environment = lineage.get("environment")
    command = lineage.get("command")
    return {
        "job": str(lineage.get("job") or ""),
        "job_name": str(lineage.get("job_name") or lineage.get("job") or ""),
        "attempt": lineage.get("attempt"),
        "command": " ".join(map(str, command)) if isinstance(command, list) else "",
        "environment": str(environment.get("name", "")) if isinstance(environment, dict) else "",
        "flavour": str(lineage.get("flavour") or ""),
        "split": lineage.get("split"),
    }
