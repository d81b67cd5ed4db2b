"""Which jobs used a version of the hub, and what they made of it: the way forward from data, as a version's lineage is the way back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from wutong.compute.jobs import uses_store
from wutong.compute.jobs.rules import JobState
from wutong.identity.rules import Permission, Principal, require_tenant

MOST_VERSIONS = 50


@dataclass(frozen=True, slots=True)
class Use:
    """A job of the caller's tenant that was given a version; `made` is the version of its outputs, None while there is none."""

    job_id: str
    name: str
    state: JobState
    versions: tuple[str, ...]
    made: str | None
    created_at: datetime


def uses_of(session: Session, who: Principal, version_ids: Sequence[str], *, limit: int = 10) -> list[Use]:
    """Return the latest jobs of the caller's tenant that were given one of at most fifty versions, newest first; an array is one job."""
    tenant_id = require_tenant(who, Permission.JOB_READ)
    wanted = list(version_ids)[:MOST_VERSIONS]
    if not wanted:
        return []
    return [
        Use(row.id, row.name, JobState(row.state), tuple(each["version_id"] for each in row.inputs), row.output_version_id, row.created_at)
        for row in uses_store.list_uses(session, tenant_id, wanted, limit)
    ]
