"""What other rooms and doors may call of the hub. Slow work (bytes) is outside transactions; what changes rows takes a session."""

from wutong.hub.archives.pack import stream_tar
from wutong.hub.blobs.local import LocalBlobs
from wutong.hub.blobs.service import hold_blob, missing_blobs, open_blobs, record_blobs
from wutong.hub.previews.service import open_picture, preview
from wutong.hub.repos.browse import find_versions, get_numbered, list_folder, newest_of
from wutong.hub.repos.service import (
    change_repo,
    commit_version,
    create_repo,
    delete_repo,
    delete_version,
    ensure_repo,
    files_of,
    find_repo,
    get_file,
    get_repo,
    get_version,
    list_files,
    list_repos,
    list_versions,
    pin,
    resolve,
    set_visibility,
    unpin,
)
from wutong.hub.splits.service import make_split, plan_split
from wutong.hub.storage.service import set_quota, storage, storage_usage_after
from wutong.hub.trees.ingest import ingest_folder
from wutong.hub.trees.materialise import materialise, remove_tree
from wutong.hub.uploads.folder import UploadFolder
from wutong.hub.uploads.service import (
    cancel_upload,
    complete_upload,
    create_upload,
    finish_upload,
    get_upload,
    list_uploads,
    open_upload,
    seal_upload,
    upload_offset,
)

__all__ = [
    "LocalBlobs",
    "UploadFolder",
    "cancel_upload",
    "change_repo",
    "commit_version",
    "complete_upload",
    "create_repo",
    "create_upload",
    "delete_repo",
    "delete_version",
    "ensure_repo",
    "files_of",
    "find_repo",
    "find_versions",
    "finish_upload",
    "get_file",
    "get_numbered",
    "get_repo",
    "get_upload",
    "get_version",
    "hold_blob",
    "ingest_folder",
    "list_files",
    "list_folder",
    "list_repos",
    "list_uploads",
    "list_versions",
    "make_split",
    "materialise",
    "missing_blobs",
    "newest_of",
    "open_blobs",
    "open_picture",
    "open_upload",
    "pin",
    "plan_split",
    "preview",
    "record_blobs",
    "remove_tree",
    "resolve",
    "seal_upload",
    "set_quota",
    "set_visibility",
    "storage",
    "storage_usage_after",
    "stream_tar",
    "unpin",
    "upload_offset",
]
