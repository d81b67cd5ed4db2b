"""What the hub's tests share: principals of two tenants, and a hub with short ways to upload and commit."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from wutong.hub import service
from wutong.hub.gc.collector import Collector
from wutong.hub.rules import File, RepoKind, Upload, UploadKind, Version
from wutong.identity.rules import CentreRole, Principal, Role
from wutong.kit.database import Database


def person(tenant: str | None, role: Role | None, *centre: CentreRole) -> Principal:
    """A principal without a sign-in."""
    return Principal(
        person_id=f"person_{tenant}_{role}",
        name="Somebody",
        tenant_id=tenant,
        role=role,
        centre_roles=frozenset(centre),
        scopes=None,
        via="test",
        address="",
    )


OWNER = person("tenant_a", Role.OWNER)
COLLEAGUE = person("tenant_a", Role.MEMBER)
VIEWER = person("tenant_a", Role.VIEWER)
STRANGER = person("tenant_b", Role.OWNER)
OPERATOR = person(None, None, CentreRole.OPERATOR)


def sha(data: bytes) -> str:
    """The digest of some bytes."""
    return hashlib.sha256(data).hexdigest()


def file(path: str, data: bytes) -> File:
    """A manifest entry of some bytes."""
    return File(path, len(data), sha(data))


@dataclass
class Hub:
    """A hub on a real database and a folder."""

    database: Database
    blobs: service.LocalBlobs
    uploads: service.UploadFolder
    collector: Collector
    folder: Path

    def upload(self, data: bytes, who: Principal = OWNER, *, kind: UploadKind = UploadKind.BLOB, sha256: str | None = None) -> Upload:
        """Upload bytes in one go."""
        with self.database.session() as session:
            upload = service.create_upload(session, who, len(data), filename="file", kind=kind, sha256=sha256)
        self.uploads.append(upload.id, 0, [data], size_bytes=len(data))
        return service.complete_upload(self.database, self.uploads, self.blobs, who, upload.id)

    def commit(self, files: dict[str, bytes], who: Principal = OWNER, *, name: str = "digits", upload: bool = True) -> Version:
        """Upload what is missing and commit a version."""
        entries = [file(path, data) for path, data in files.items()]
        with self.database.session() as session:
            missing = set(service.missing_blobs(session, who, [entry.sha256 for entry in entries]))
        for data in files.values():
            if upload and sha(data) in missing:
                missing.discard(sha(data))
                self.upload(data, who)
        with self.database.session() as session:
            repo = service.ensure_repo(session, who, RepoKind.DATASET, name)
            return service.commit_version(session, who, repo.id, entries)

    def used(self, tenant_id: str = "tenant_a") -> int:
        """Bytes a tenant uses."""
        with self.database.session() as session:
            return service.storage(session, tenant_id).used_bytes

    def run(self, call, *args, **kwargs):
        """Call a service function in a transaction of its own."""
        with self.database.session() as session:
            return call(session, *args, **kwargs)
