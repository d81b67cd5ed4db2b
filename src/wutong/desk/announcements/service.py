"""What doors may ask of announcements, and what operators decide."""

from dataclasses import asdict

from sqlalchemy.orm import Session

from wutong.centre import service as centre
from wutong.compute.jobs import ended
from wutong.desk.announcements import store
from wutong.desk.announcements.rules import Announcement, Audience, Draft, NotDismissible, check
from wutong.identity import service as identity
from wutong.identity.rules import Permission, Principal, require
from wutong.kit import clock
from wutong.kit.errors import NotFound
from wutong.kit.ids import new_id
from wutong.kit.paging import Page, PageRequest, cut


def list_current(session: Session, who: Principal | None) -> list[Announcement]:
    """Return what is to be shown now to somebody, or to a visitor, without what they put away; the latest begun first."""
    shown = store.list_current(session, clock.now(), who.person_id if who else None)
    return [each for each in shown if _concerns(session, each, who)]


def dismiss(session: Session, who: Principal, announcement_id: str) -> None:
    """Put an announcement away, for the caller."""
    found = store.find(session, announcement_id)
    if found is None or not found.is_current(clock.now()) or not _concerns(session, found, who):
        raise NotFound(kind="announcement", id=announcement_id)
    if not found.dismissible:
        raise NotDismissible
    store.dismiss(session, announcement_id, who.person_id, clock.now())


def announce(session: Session, who: Principal, draft: Draft) -> Announcement:
    """Announce something from a moment on."""
    require(who, Permission.CENTRE_OPERATE)
    now = clock.now()
    check(draft, now)
    if draft.pool is not None:
        centre.get_pool(session, draft.pool)
    made = Announcement(
        **{**asdict(draft), "id": new_id("ann"), "begins_at": draft.begins_at or now, "by": who.name, "made_at": now, "withdrawn_at": None}
    )
    store.add(session, asdict(made))
    after = {"title": made.title_zh, "audience": made.audience, "level": made.level, "begins_at": made.begins_at.isoformat()}
    identity.audit(session, who, "announcement.make", kind="announcement", id=made.id, after=after)
    return made


def withdraw(session: Session, who: Principal, announcement_id: str) -> None:
    """Show an announcement to nobody any more."""
    require(who, Permission.CENTRE_OPERATE)
    if not store.withdraw(session, announcement_id, clock.now()):
        raise NotFound(kind="announcement", id=announcement_id)
    identity.audit(session, who, "announcement.withdraw", kind="announcement", id=announcement_id)


def replace(session: Session, who: Principal, announcement_id: str, draft: Draft) -> Announcement:
    """Say otherwise what is announced: the old words are withdrawn and the new ones announced in one step. Who put the old ones away sees the new."""
    withdraw(session, who, announcement_id)
    return announce(session, who, draft)


def get_announcement(session: Session, who: Principal, announcement_id: str) -> Announcement:
    """Return an announcement, also one that is over, for the centre's people; raises `NotFound`."""
    require(who, Permission.CENTRE_READ)
    found = store.find(session, announcement_id)
    if found is None:
        raise NotFound(kind="announcement", id=announcement_id)
    return found


def list_all(session: Session, who: Principal, page: PageRequest | None = None) -> Page[Announcement]:
    """Page through all announcements, the latest made first, for the centre's people."""
    require(who, Permission.CENTRE_READ)
    page = page or PageRequest()
    return cut(store.list_all(session, page.after, page.limit + 1), page)


def _concerns(session: Session, announcement: Announcement, who: Principal | None) -> bool:
    if announcement.audience is Audience.EVERYONE:
        return True
    if who is None or announcement.audience is Audience.SIGNED_IN or announcement.pool is None:
        return who is not None
    if who.may(Permission.CENTRE_READ):
        return True
    users = centre.pool_tenants(session, announcement.pool) | ended.tenants_waiting_for(session, announcement.pool)
    return who.tenant_id in users
