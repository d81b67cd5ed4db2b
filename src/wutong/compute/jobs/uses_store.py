"""The SQL of jobs by what they were given."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import or_, select, text
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from wutong.compute.jobs.tables import JobRow

# As the index says it, so that it serves.
_GIVEN = text("compute_job.parent_id IS NULL AND compute_job.inputs <> '[]'::jsonb")


def list_uses(session: Session, tenant_id: str, version_ids: Sequence[str], limit: int) -> list[Row[Any]]:
    """Return the latest jobs of a tenant that were given one of the versions."""
    given = or_(*(JobRow.inputs.contains([{"version_id": version_id}]) for version_id in version_ids))
    wanted = select(JobRow.id, JobRow.name, JobRow.state, JobRow.inputs, JobRow.output_version_id, JobRow.created_at)
    return list(session.execute(wanted.where(JobRow.tenant_id == tenant_id, _GIVEN, given).order_by(JobRow.id.desc()).limit(limit)))
