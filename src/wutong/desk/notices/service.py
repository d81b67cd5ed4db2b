"""What doors may ask of notices, and the one function that tells people."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy.orm import Session

from wutong.desk.notices import store
from wutong.desk.notices.rules import Fact, Notice, mail_time, wants
from wutong.desk.rules import Channel, NoticeKind
from wutong.desk.webhooks import service as webhooks
from wutong.identity import service as identity
from wutong.identity.rules import Principal
from wutong.kit import clock
from wutong.kit.errors import Invalid, NotFound
from wutong.kit.paging import Page, PageRequest, cut

CHANNEL = store.CHANNEL
MOST_COUNTED = 1000

__all__ = ["CHANNEL", "Fact", "count_unread", "get_notice", "list_notices", "mark_read", "newest", "preferences", "set_preferences", "tell"]


def tell(session: Session, facts: Sequence[Fact]) -> int:
    """Tell people and webhooks what happened, as they wish; what was told before, by its key, is not told again. Returns how many notices are new."""
    chosen = store.preferences_of(session, {person for fact in facts for person in (*fact.people, fact.about) if person})
    rows = [row for fact in facts for row in _rows(fact, chosen)]
    told = [fact for fact in facts if wants(chosen.get(fact.about or "", {}), fact.kind, Channel.WEBHOOK)]
    takers = webhooks.webhooks_of(session, {fact.tenant_id for fact in told if fact.tenant_id is not None})
    for fact in told:
        webhooks.deliver(session, takers.get(fact.tenant_id or "", ()), fact.kind, fact.key, fact.facts)
    return store.add_notices(session, rows) if rows else 0


def list_notices(session: Session, who: Principal, page: PageRequest | None = None, *, unread_only: bool = False) -> Page[Notice]:
    """Page through what the caller was told, newest first, in all their organisations."""
    page = page or PageRequest()
    if page.after is not None and not (page.after.isascii() and page.after.isdigit() and len(page.after) < 19):
        raise Invalid(field="after", reason="Use the value of `next` of the page before.")
    after = None if page.after is None else int(page.after)
    return cut(store.list_notices(session, who.person_id, unread_only=unread_only, after=after, limit=page.limit + 1), page)


def get_notice(session: Session, who: Principal, notice_id: int) -> Notice:
    """Return what the caller was told, or raise `NotFound`."""
    found = store.find_notice(session, who.person_id, notice_id)
    if found is None:
        raise NotFound(kind="notice", id=str(notice_id))
    return found


def count_unread(session: Session, who: Principal) -> int:
    """Count what the caller has not read, up to a thousand."""
    return store.count_unread(session, who.person_id, MOST_COUNTED)


def newest(session: Session, people: Collection[str]) -> dict[str, int]:
    """Return the number of the latest notice of each of these people who has one, for open pages that wait for the next."""
    return store.newest(session, people)


def mark_read(session: Session, who: Principal, ids: Collection[int] | None = None) -> int:
    """Mark the caller's notices as read, all when none are named; returns how many were not."""
    return store.mark_read(session, who.person_id, ids, clock.now())


def preferences(session: Session, who: Principal) -> dict[NoticeKind, dict[Channel, bool]]:
    """Return what the caller is told of, and where."""
    chosen = store.preferences_of(session, [who.person_id])[who.person_id]
    return {kind: {channel: wants(chosen, kind, channel) for channel in Channel} for kind in NoticeKind}


def set_preferences(session: Session, who: Principal, chosen: Mapping[tuple[NoticeKind, Channel], bool]) -> dict[NoticeKind, dict[Channel, bool]]:
    """Change what the caller is told of; what is not named stays."""
    before = preferences(session, who)
    changed = {(kind, channel): wanted for (kind, channel), wanted in chosen.items() if before[kind][channel] is not wanted}
    if changed:
        store.set_preferences(session, who.person_id, changed)
        after = {f"{kind}.{channel}": wanted for (kind, channel), wanted in sorted(changed.items())}
        identity.audit(session, who, "notices.choose", kind="person", id=who.person_id, after=after)
    return preferences(session, who)


def _rows(fact: Fact, chosen: Mapping[str, store.Chosen]) -> list[dict[str, object]]:
    now = clock.now()
    return [
        {
            "person_id": person_id,
            "tenant_id": fact.tenant_id,
            "kind": fact.kind,
            "key": fact.key,
            "facts": dict(fact.facts),
            "shown": wants(chosen[person_id], fact.kind, Channel.PORTAL),
            "at": now,
            "read_at": None,
            "mail_at": mail_time(chosen[person_id], fact.kind, now),
        }
        for person_id in sorted(set(fact.people))
    ]
