"""All SQL of notices."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from wutong.desk.notices.rules import Notice
from wutong.desk.notices.tables import NoticeRow, PreferenceRow, ToldRow
from wutong.desk.rules import Channel, NoticeKind
from wutong.kit.database import notify

CHANNEL = "desk_notices"
Chosen = dict[tuple[NoticeKind, Channel], bool]


def add_notices(session: Session, rows: Sequence[dict[str, Any]]) -> int:
    """Insert notices, those that are new; returns how many were."""
    added = session.scalars(insert(NoticeRow).on_conflict_do_nothing(index_elements=["person_id", "key"]).returning(NoticeRow.id), rows).all()
    if added:
        notify(session, CHANNEL)
    return len(added)


def list_notices(session: Session, person_id: str, *, unread_only: bool, after: int | None, limit: int) -> list[Notice]:
    """Read what is shown to a person, newest first."""
    query = select(NoticeRow).where(NoticeRow.person_id == person_id, NoticeRow.shown).order_by(NoticeRow.id.desc()).limit(limit)
    if unread_only:
        query = query.where(NoticeRow.read_at.is_(None))
    if after is not None:
        query = query.where(NoticeRow.id < after)
    return [_notice(row) for row in session.scalars(query)]


def find_notice(session: Session, person_id: str, notice_id: int) -> Notice | None:
    """Read one notice of a person."""
    row = session.scalar(select(NoticeRow).where(NoticeRow.id == notice_id, NoticeRow.person_id == person_id, NoticeRow.shown))
    return _notice(row) if row else None


def count_unread(session: Session, person_id: str, most: int) -> int:
    """Count what a person has not read, up to a number."""
    unread = select(NoticeRow.id).where(NoticeRow.person_id == person_id, NoticeRow.shown, NoticeRow.read_at.is_(None)).limit(most)
    return session.scalar(select(func.count()).select_from(unread.subquery())) or 0


def newest(session: Session, people: Collection[str]) -> dict[str, int]:
    """Return the number of the latest notice of each of these people who has one."""
    latest = select(NoticeRow.person_id, func.max(NoticeRow.id)).where(NoticeRow.person_id.in_(people), NoticeRow.shown).group_by(NoticeRow.person_id)
    return {row[0]: row[1] for row in session.execute(latest)}


def mark_read(session: Session, person_id: str, ids: Collection[int] | None, now: datetime) -> int:
    """Mark notices of a person as read, all when none are named; returns how many were not."""
    mark = update(NoticeRow).where(NoticeRow.person_id == person_id, NoticeRow.shown, NoticeRow.read_at.is_(None))
    mark = mark if ids is None else mark.where(NoticeRow.id.in_(ids))
    return len(session.scalars(mark.values(read_at=now).returning(NoticeRow.id)).all())


def preferences_of(session: Session, people: Collection[str]) -> dict[str, Chosen]:
    """Read what people chose, by person."""
    found: dict[str, Chosen] = {person_id: {} for person_id in people}
    for row in session.scalars(select(PreferenceRow).where(PreferenceRow.person_id.in_(people))):
        found[row.person_id][NoticeKind(row.kind), Channel(row.channel)] = row.wanted
    return found


def set_preferences(session: Session, person_id: str, chosen: Chosen) -> None:
    """Write choices down."""
    rows = [{"person_id": person_id, "kind": kind, "channel": channel, "wanted": wanted} for (kind, channel), wanted in sorted(chosen.items())]
    put = insert(PreferenceRow)
    session.execute(put.on_conflict_do_update(index_elements=["person_id", "kind", "channel"], set_={"wanted": put.excluded.wanted}), rows)
    session.expire_all()


def take_mails(session: Session, now: datetime, most: int) -> tuple[str, list[Notice]] | None:
    """Return a person whose mail is due, and all that is to be in it, and count it as mailed."""
    due = select(NoticeRow.person_id).where(NoticeRow.mail_at <= now).order_by(NoticeRow.mail_at).limit(1).with_for_update(skip_locked=True)
    person_id = session.scalar(due)
    if person_id is None:
        return None
    whole = select(NoticeRow.id).where(NoticeRow.person_id == person_id, NoticeRow.mail_at.is_not(None)).order_by(NoticeRow.id).limit(most)
    taken = update(NoticeRow).where(NoticeRow.id.in_(whole.with_for_update(skip_locked=True))).values(mail_at=None).returning(NoticeRow)
    rows = session.scalars(taken.execution_options(synchronize_session=False, populate_existing=True)).all()
    return person_id, sorted((_notice(row) for row in rows), key=lambda notice: notice.id)


def claim_told(session: Session, key: str, now: datetime) -> bool:
    """Write down that something is told, with this transaction; False when it was told before."""
    claim = insert(ToldRow).values(key=key, at=now).on_conflict_do_nothing().returning(ToldRow.key)
    return session.scalar(claim) is not None


def were_told(session: Session, keys: Collection[str]) -> set[str]:
    """Return which of the keys were told."""
    return set(session.scalars(select(ToldRow.key).where(ToldRow.key.in_(keys))))


def sweep(session: Session, before: datetime, most: int) -> int:
    """Delete notices that are old; returns how many."""
    old = select(NoticeRow.id).where(NoticeRow.at < before).limit(most).scalar_subquery()
    return len(session.scalars(delete(NoticeRow).where(NoticeRow.id.in_(old)).returning(NoticeRow.id)).all())


def _notice(row: NoticeRow) -> Notice:
    return Notice(row.id, row.person_id, row.tenant_id, NoticeKind(row.kind), row.facts, row.at, row.read_at)
