"""What people may say of themselves: name, language, time zone; and people as other rooms look them up."""

from collections.abc import Collection
from typing import Final
from zoneinfo import available_timezones

from sqlalchemy.orm import Session

from wutong.identity import store
from wutong.identity.records import Invitation, Member, Person, StaffRole
from wutong.identity.roles import CENTRE_ROLE_PERMISSIONS, ROLE_PERMISSIONS, CentreRole, Permission, Role
from wutong.identity.rules import Principal, clean_name, require
from wutong.identity.trail import audit
from wutong.kit import clock
from wutong.kit.errors import Invalid, NotFound
from wutong.kit.paging import Page, PageRequest

LANGUAGES: Final = ("zh", "en")


def set_profile(session: Session, who: Principal, *, name: str | None = None, language: str | None = None, zone: str | None = None) -> Person:
    """Change the caller's name, language or time zone; what is None stays."""
    if language is not None and language not in LANGUAGES:
        raise Invalid(field="language", reason="Choose zh or en.")
    if zone is not None and zone not in available_timezones():
        raise Invalid(field="zone", reason="Name a time zone such as Asia/Shanghai.")
    before = _person(session, who.person_id)
    wanted = {"name": None if name is None else clean_name(name), "language": language, "zone": zone}
    changed = {field: value for field, value in wanted.items() if value is not None and value != getattr(before, field)}
    if not changed:
        return before
    store.change_person(session, who.person_id, changed)
    old = {field: getattr(before, field) for field in changed}
    audit(session, who, "person.change", kind="person", id=who.person_id, before=old, after=changed)
    return _person(session, who.person_id)


def list_people(session: Session, person_ids: Collection[str]) -> dict[str, Person]:
    """Return people by id."""
    return {person.id: person for person in store.list_people(session, person_ids)} if person_ids else {}


def list_staff(session: Session, permission: Permission = Permission.CENTRE_HELP) -> list[Person]:
    """Return the people of the centre whose roles allow something, by name."""
    return store.list_staff(session, [role for role in CentreRole if permission in CENTRE_ROLE_PERMISSIONS[role]])


def list_staff_roles(session: Session, who: Principal) -> list[StaffRole]:
    """Return every role of the centre with who holds it and who gave it, for the centre's own people."""
    require(who, Permission.CENTRE_READ)
    return store.staff_roles(session)


def tenant_names(session: Session, tenant_ids: Collection[str]) -> dict[str, str]:
    """Return the names of tenants by id, for lists of the centre's people that show whose."""
    return store.tenant_names(session, tenant_ids) if tenant_ids else {}


def list_members_of(session: Session, who: Principal, tenant_id: str, page: PageRequest | None = None) -> Page[Member]:
    """Page through the members of any tenant, for the centre's own people."""
    require(who, Permission.CENTRE_READ)
    return store.list_members(session, tenant_id, page or PageRequest())


def members_who_may(session: Session, tenant_ids: Collection[str], permission: Permission) -> dict[str, list[str]]:
    """Return, for each tenant, the ids of its members whose roles allow something."""
    found: dict[str, list[str]] = {tenant_id: [] for tenant_id in tenant_ids}
    for tenant_id, person_id in store.members_of(session, tenant_ids, [role for role in Role if permission in ROLE_PERMISSIONS[role]]):
        found[tenant_id].append(person_id)
    return found


def take_untold_invitations(session: Session, *, limit: int = 100) -> list[Invitation]:
    """Return invitations that nobody was told of yet, and count them as told with this transaction: each is given out once."""
    return store.take_untold_invitations(session, clock.now(), limit)


def _person(session: Session, person_id: str) -> Person:
    person = store.find_person(session, person_id)
    if person is None:
        raise NotFound(kind="person", id=person_id)
    return person
