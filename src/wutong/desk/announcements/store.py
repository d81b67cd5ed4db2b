"""All SQL of announcements."""

from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from wutong.desk.announcements.rules import Announcement, Audience, Level
from wutong.desk.announcements.tables import AnnouncementRow, DismissalRow


def add(session: Session, row: dict[str, Any]) -> None:
    """Insert an announcement."""
    session.execute(insert(AnnouncementRow).values(row))


def find(session: Session, announcement_id: str) -> Announcement | None:
    """Read an announcement."""
    row = session.get(AnnouncementRow, announcement_id, populate_existing=True)
    return None if row is None else _announcement(row)


def list_current(session: Session, now: datetime, person_id: str | None) -> list[Announcement]:
    """Read what is shown now, without what a person has put away; the latest begun first."""
    goes_on = or_(AnnouncementRow.ends_at.is_(None), AnnouncementRow.ends_at > now)
    query = select(AnnouncementRow).where(AnnouncementRow.withdrawn_at.is_(None), AnnouncementRow.begins_at <= now, goes_on)
    if person_id is not None:
        away = select(DismissalRow.announcement_id).where(DismissalRow.person_id == person_id)
        query = query.where(AnnouncementRow.id.not_in(away))
    return [_announcement(row) for row in session.scalars(query.order_by(AnnouncementRow.begins_at.desc(), AnnouncementRow.id.desc()))]


def list_all(session: Session, after: str | None, limit: int) -> list[Announcement]:
    """Read all announcements, the latest made first."""
    query = select(AnnouncementRow).order_by(AnnouncementRow.id.desc()).limit(limit)
    return [_announcement(row) for row in session.scalars(query if after is None else query.where(AnnouncementRow.id < after))]


def dismiss(session: Session, announcement_id: str, person_id: str, now: datetime) -> None:
    """Note that somebody put an announcement away."""
    session.execute(insert(DismissalRow).values(announcement_id=announcement_id, person_id=person_id, at=now).on_conflict_do_nothing())


def withdraw(session: Session, announcement_id: str, now: datetime) -> bool:
    """Withdraw an announcement; False when it was withdrawn before."""
    still = (AnnouncementRow.id == announcement_id, AnnouncementRow.withdrawn_at.is_(None))
    return session.scalar(update(AnnouncementRow).where(*still).values(withdrawn_at=now).returning(AnnouncementRow.id)) is not None


def _announcement(row: AnnouncementRow) -> Announcement:
    values = {name: getattr(row, name) for name in Announcement.__dataclass_fields__}
    return Announcement(**{**values, "level": Level(row.level), "audience": Audience(row.audience)})
