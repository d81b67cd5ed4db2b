"""All SQL of hints."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from wutong.desk.hints.tables import PutAwayRow


def put_away(session: Session, person_id: str, tenant_id: str, hint: str, at: datetime) -> None:
    """Note that a person has put a hint away."""
    session.execute(insert(PutAwayRow).values(person_id=person_id, tenant_id=tenant_id, hint=hint, at=at).on_conflict_do_nothing())


def bring_back(session: Session, person_id: str, tenant_id: str, hint: str) -> None:
    """Forget that it was put away."""
    session.execute(delete(PutAwayRow).where(PutAwayRow.person_id == person_id, PutAwayRow.tenant_id == tenant_id, PutAwayRow.hint == hint))


def is_put_away(session: Session, person_id: str, tenant_id: str, hint: str) -> bool:
    """Tell whether it was put away."""
    return session.scalar(select(PutAwayRow.at).filter_by(person_id=person_id, tenant_id=tenant_id, hint=hint)) is not None
