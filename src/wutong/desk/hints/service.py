"""What pages may ask of hints: each person's own, for the organisation they act for."""

from sqlalchemy.orm import Session

from wutong.desk.hints import store
from wutong.desk.hints.rules import Hint
from wutong.identity.rules import Permission, Principal, require_tenant
from wutong.kit import clock


def put_away(session: Session, who: Principal, hint: Hint) -> None:
    """Show a hint to the caller no more."""
    store.put_away(session, who.person_id, require_tenant(who, Permission.TENANT_READ), hint, clock.now())


def bring_back(session: Session, who: Principal, hint: Hint) -> None:
    """Show it again."""
    store.bring_back(session, who.person_id, require_tenant(who, Permission.TENANT_READ), hint)


def is_put_away(session: Session, who: Principal, hint: Hint) -> bool:
    """Tell whether the caller has put it away."""
    return store.is_put_away(session, who.person_id, require_tenant(who, Permission.TENANT_READ), hint)
