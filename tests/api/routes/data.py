"""What the routes of data and uploads tell each caller."""

import base64
import hashlib
from typing import Any

from tests.api.callers import Door, Try, members_only

_numbers = iter(range(1, 10**6))
TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {**TUS, "Content-Type": "application/offset+octet-stream"}
CONTENT = b"tried\n"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def _new_repo(door: Door) -> dict[str, Any]:
    return {"json": {"kind": "dataset", "name": f"data-{next(_numbers)}"}}


def _repo(door: Door) -> dict[str, Any]:
    made = door.ok("owner", "POST", "/repos", **_new_repo(door))
    return {"repo_id": made["id"], "name": made["name"]}


def _upload(door: Door, *, full: bool = False) -> dict[str, Any]:
    about = f"filename {base64.b64encode(b'a.txt').decode()}"
    headers = {**(BYTES if full else TUS), "Upload-Length": str(len(CONTENT)), "Upload-Metadata": about}
    response = door.call("owner", "POST", "/uploads", headers=headers, content=CONTENT if full else b"")
    assert response.status_code == 201, response.text
    return {"upload_id": response.headers["Location"].rpartition("/")[2], "headers": TUS}


def _full_upload(door: Door) -> dict[str, Any]:
    return _upload(door, full=True)


def _files(door: Door) -> dict[str, Any]:
    door.ok("owner", "POST", f"/uploads/{_full_upload(door)['upload_id']}/finish")
    return {"json": {"files": [{"path": "a.txt", "size_bytes": len(CONTENT), "sha256": DIGEST}]}}


def _committing(door: Door) -> dict[str, Any]:
    return {**_repo(door), **_files(door)}


def _version(door: Door) -> dict[str, Any]:
    repo = _repo(door)
    version = door.ok("owner", "POST", f"/repos/{repo['repo_id']}/versions", **_files(door))
    return {"version_id": version["id"], **repo}


def _splitting(door: Door) -> dict[str, Any]:
    _files(door)
    repo = _repo(door)
    body = {"files": [{"path": f"{group}/a.txt", "size_bytes": len(CONTENT), "sha256": DIGEST} for group in "abc"]}
    version = door.ok("owner", "POST", f"/repos/{repo['repo_id']}/versions", json=body)
    return {"version_id": version["id"], "json": {}}


def _reference(door: Door) -> dict[str, Any]:
    return {"params": {"kind": "dataset", "ref": _version(door)["name"]}}


def _appending(door: Door) -> dict[str, Any]:
    return {**_upload(door), "headers": {**BYTES, "Upload-Offset": "0"}, "content": CONTENT}


ROUTES = {
    "GET /api/v1/repos": members_only(),
    "POST /api/v1/repos": members_only(owner=201, colleague=201, viewer=403, stranger=201, make=_new_repo),
    "GET /api/v1/repos/{repo_id}": Try(make=_repo),
    "PATCH /api/v1/repos/{repo_id}": Try(200, 403, 403, make=lambda door: {**_repo(door), "json": {"visibility": "private"}}),
    "DELETE /api/v1/repos/{repo_id}": Try(204, 204, 403, make=_repo),
    "GET /api/v1/repos/{repo_id}/versions": Try(make=_repo),
    "POST /api/v1/repos/{repo_id}/versions": Try(201, 201, 403, make=_committing),
    "GET /api/v1/resolve": Try(make=_reference),
    "GET /api/v1/versions/{version_id}": Try(make=_version),
    "DELETE /api/v1/versions/{version_id}": Try(204, 204, 403, make=_version),
    "GET /api/v1/versions/{version_id}/files": Try(make=_version),
    "GET /api/v1/versions/{version_id}/content": Try(make=lambda door: {**_version(door), "params": {"path": "a.txt"}}),
    "POST /api/v1/versions/{version_id}/split/plan": Try(make=_splitting),
    "POST /api/v1/versions/{version_id}/split": Try(201, 201, 403, make=_splitting),
    "POST /api/v1/blobs/missing": members_only(viewer=403, make=lambda door: {"json": {"digests": [DIGEST]}}),
    "GET /api/v1/storage": members_only(),
    "OPTIONS /api/v1/uploads": Try(204, 204, 204, 204, 204, 204, why="tells what the server can do"),
    "POST /api/v1/uploads": members_only(
        owner=201, colleague=201, viewer=403, stranger=201, make=lambda door: {"headers": {**TUS, "Upload-Length": "6"}}
    ),
    "GET /api/v1/uploads": members_only(viewer=403),
    "HEAD /api/v1/uploads/{upload_id}": Try(200, 200, 403, make=_upload),
    "PATCH /api/v1/uploads/{upload_id}": Try(204, 204, 403, make=_appending),
    "DELETE /api/v1/uploads/{upload_id}": Try(204, 204, 403, make=_upload),
    "POST /api/v1/uploads/{upload_id}/finish": Try(200, 200, 403, make=_full_upload),
}
