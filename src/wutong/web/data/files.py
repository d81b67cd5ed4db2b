"""Looking into a file: what can be shown of it, and pictures themselves. Only the beginning is read, and no transaction is open meanwhile."""

from typing import Annotated

from fastapi import Query, Response
from fastapi.responses import StreamingResponse

from wutong.doorway.asking import Tx
from wutong.hub import service as hub
from wutong.web.data.repos import Reads
from wutong.web.view import Pages

pages = Pages(prefix="/data/{repo_id}/versions/{number}")

Path = Annotated[str, Query(max_length=1024)]
# Whatever is in a picture, opened by itself it can run nothing and load nothing.
ALONE = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Content-Disposition": "inline",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, max-age=86400",
}


@pages.get("/preview")
def preview_page(tx: Tx, view: Reads, repo_id: str, number: int, path: Path) -> Response:
    """Show what can be shown of a file."""
    repo, version = hub.get_numbered(tx, view.who, repo_id, number)
    file = hub.get_file(tx, view.who, version.id, path)
    tx.commit()
    shown = hub.preview(view.context.blobs, file)
    return view.page("data/preview.html", repo=repo, version=version, file=file, shown=shown, folder=path.rpartition("/")[0])


@pages.get("/picture")
def picture(tx: Tx, view: Reads, repo_id: str, number: int, path: Path) -> Response:
    """Send a picture as what it is by its own bytes; anything else is not found."""
    _, version = hub.get_numbered(tx, view.who, repo_id, number)
    file = hub.get_file(tx, view.who, version.id, path)
    tx.commit()
    media_type, pieces = hub.open_picture(view.context.blobs, file)
    return StreamingResponse(pieces, 200, {**ALONE, "Content-Length": str(file.size_bytes)}, media_type)
