"""Tenants and the people in them: registering, inviting, roles, suspending; and the roles of the centre."""

from collections.abc import Collection, Iterable

from sqlalchemy.orm import Session

from wutong.identity import access_store, keys, store
from wutong.identity.credit_code import normal_credit_code
from wutong.identity.letters.rules import letter_mail
from wutong.identity.records import Invitation, Member, Person, Tenant, TenantKind, TenantState
from wutong.identity.roles import CentreRole, Permission, Role
from wutong.identity.rules import (
    INVITATION_LIFE,
    TENANT_MOVES,
    AlreadyRegistered,
    InvitationGone,
    LastOwner,
    OwnersOnly,
    OwnRole,
    Principal,
    clean_name,
    normal_email,
    require,
    require_tenant,
)
from wutong.identity.trail import audit
from wutong.kit import clock
from wutong.kit.errors import Conflict, Invalid, NotFound
from wutong.kit.ids import new_id
from wutong.kit.outbox import Outbox
from wutong.kit.paging import Page, PageRequest


def register_tenant(
    session: Session, *, name: str, credit_code: str, kind: TenantKind | str, person_name: str, email: str, password_hash: str, address: str = ""
) -> tuple[Tenant, Person]:
    """Register an organisation and its first owner. Raises `Invalid`, or `AlreadyRegistered` for a known code or e-mail."""
    email, code, kind = normal_email(email), normal_credit_code(credit_code), TenantKind(kind)
    tenant = Tenant(new_id("ten"), clean_name(name), code, kind, TenantState.ACTIVE, "", clock.now())
    person = Person(new_id("per"), clean_name(person_name, field="person_name"), email, clock.now())
    row = {field: getattr(tenant, field) for field in tenant.__slots__}
    if not store.add_tenant(session, row):
        raise AlreadyRegistered(what=f"An organisation with the code {code}", hint="Ask one of its administrators to invite you.")
    if not store.add_person(session, _person_row(person, password_hash)):
        raise AlreadyRegistered(what=f"The e-mail {email}", hint="Sign in with it, or use another.")
    _join(session, tenant.id, person.id, Role.OWNER)
    who = Principal(person.id, person.name, tenant.id, Role.OWNER, address=address)
    audit(session, who, "tenant.register", kind="tenant", id=tenant.id, after={"name": tenant.name, "credit_code": code, "owner": email})
    return tenant, person


def get_tenant(session: Session, tenant_id: str) -> Tenant:
    """Return a tenant by id, or raise `NotFound`. Who may see it is the caller's to check."""
    tenant = store.find_tenant(session, tenant_id)
    if tenant is None:
        raise NotFound(kind="organisation", id=tenant_id)
    return tenant


def count_tenants(session: Session) -> int:
    """Return how many organisations the centre serves; anybody may know."""
    return store.count_tenants(session)


def count_tenants_by_province(session: Session) -> dict[str, int]:
    """Return how many organisations come from where, by the first two digits of GB/T 2260; doors tell strangers no small counts."""
    return store.count_tenants_by_province(session)


def list_tenants(session: Session, who: Principal, page: PageRequest, search: str = "") -> Page[Tenant]:
    """Page through all tenants of the centre, newest first; `search` fits part of a name, a whole code or a whole id."""
    require(who, Permission.CENTRE_READ)
    return store.list_tenants(session, page, search.strip())


def set_tenant_state(session: Session, who: Principal, tenant_id: str, state: TenantState, reason: str) -> Tenant:
    """Suspend a tenant or lift it: the one function that moves this state. The same state again changes nothing."""
    require(who, Permission.CENTRE_OPERATE)
    tenant = get_tenant(session, tenant_id)
    if tenant.state == state:
        return tenant
    if state not in TENANT_MOVES[tenant.state] or not store.move_tenant(session, tenant_id, tenant.state, state, reason):
        raise Conflict(reason="The organisation's state changed meanwhile. Look again.")
    audit(
        session,
        who,
        "tenant.state",
        kind="tenant",
        id=tenant_id,
        tenant_id=tenant_id,
        before={"state": tenant.state},
        after={"state": state, "reason": reason},
    )
    session.expire_all()
    return get_tenant(session, tenant_id)


def get_person(session: Session, person_id: str) -> Person:
    """Return a person by id, or raise `NotFound`."""
    person = store.find_person(session, person_id)
    if person is None:
        raise NotFound(kind="person", id=person_id)
    return person


def find_person(session: Session, email: str) -> Person | None:
    """Return the person of an e-mail address."""
    found = store.find_person_by_email(session, normal_email(email))
    return None if found is None else found[0]


def person_names(session: Session, person_ids: Collection[str]) -> dict[str, str]:
    """Return the names of people by id, for lists that show who."""
    return store.person_names(session, person_ids)


def memberships(session: Session, who: Principal) -> list[Member]:
    """Return the tenants the caller belongs to, with the role in each."""
    return store.memberships(session, who.person_id)


def list_members(session: Session, who: Principal, page: PageRequest | None = None) -> Page[Member]:
    """Page through the members of the caller's tenant."""
    return store.list_members(session, require_tenant(who, Permission.TENANT_READ), page or PageRequest())


def invite(session: Session, who: Principal, email: str, role: Role, outbox: Outbox | None = None) -> tuple[Invitation, str]:
    """Invite an address into the caller's tenant; returns the secret that accepts it, once. An earlier invitation to it is replaced.

    With an outbox the secret is mailed to that address too, in the language of whoever has it, or else of whoever invites.
    """
    tenant_id = require_tenant(who, Permission.MEMBERS_MANAGE)
    _only_owners_make_owners(who, role)
    email = normal_email(email)
    known = store.find_person_by_email(session, email)
    if known is not None and store.find_member(session, tenant_id, known[0].id) is not None:
        raise Conflict(reason=f"{email} is a member already. Change the role instead.")
    now, secret = clock.now(), keys.new_secret(keys.INVITATION)
    tenant = get_tenant(session, tenant_id)
    made = Invitation(new_id("inv"), tenant_id, tenant.name, email, role, who.person_id, now, now + INVITATION_LIFE)
    row = {field: getattr(made, field) for field in made.__slots__ if field != "tenant_name"}
    store.add_invitation(session, {**row, "secret_hash": keys.digest(secret)}, now)
    audit(session, who, "member.invite", kind="invitation", id=made.id, after={"email": email, "role": role})
    if outbox is not None:
        reader = known[0] if known else store.find_person(session, who.person_id)
        link = outbox.link(f"/join?token={secret}")
        words = letter_mail("invitation", reader.language if reader else "zh", to=email, link=link, inviter=who.name, tenant=tenant.name)
        outbox.put(session, words, key=made.id, expires_at=made.expires_at)
    return made, secret


def list_invitations(session: Session, who: Principal, page: PageRequest | None = None) -> Page[Invitation]:
    """Page through the open invitations of the caller's tenant."""
    return store.list_invitations(session, require_tenant(who, Permission.MEMBERS_MANAGE), page or PageRequest(), clock.now())


def withdraw_invitation(session: Session, who: Principal, invitation_id: str) -> None:
    """Close an open invitation of the caller's tenant."""
    tenant_id = require_tenant(who, Permission.MEMBERS_MANAGE)
    email = store.withdraw_invitation(session, tenant_id, invitation_id, clock.now())
    if email is None:
        raise NotFound(kind="invitation", id=invitation_id)
    audit(session, who, "member.uninvite", kind="invitation", id=invitation_id, before={"email": email})


def accept_invitation(session: Session, secret: str, person_name: str | None, password_hash: str | None, address: str = "") -> Member:
    """Join by an invitation's secret. A new person needs a name and a password; for a known e-mail both are ignored."""
    if not keys.is_whole(secret):
        raise InvitationGone
    taken = store.take_invitation(session, keys.digest(secret), clock.now())
    if taken is None:
        raise InvitationGone
    person = _invited_person(session, taken.email, person_name, password_hash)
    _join(session, taken.tenant_id, person.id, taken.role)
    who = Principal(person.id, person.name, taken.tenant_id, taken.role, address=address)
    audit(session, who, "member.join", kind="person", id=person.id, after={"email": person.email, "role": taken.role, "invitation": taken.id})
    return _member(session, taken.tenant_id, person.id)


def change_role(session: Session, who: Principal, person_id: str, role: Role) -> Member:
    """Give a member of the caller's tenant another role. Only owners make and unmake owners; the last one stays."""
    tenant_id = require_tenant(who, Permission.MEMBERS_MANAGE)
    store.find_tenant(session, tenant_id, lock=True)
    member = _member(session, tenant_id, person_id)
    _only_owners_make_owners(who, role, member.role)
    if member.role == role:
        return member
    _keep_an_owner(session, member)
    store.set_role(session, tenant_id, person_id, role)
    audit(session, who, "member.role", kind="person", id=person_id, before={"role": member.role}, after={"role": role})
    return _member(session, tenant_id, person_id)


def remove_member(session: Session, who: Principal, person_id: str) -> None:
    """Take a member out of the caller's tenant (anybody may leave); the tokens made there die with it."""
    leaving = person_id == who.person_id
    tenant_id = require_tenant(who, Permission.TENANT_READ if leaving else Permission.MEMBERS_MANAGE)
    store.find_tenant(session, tenant_id, lock=True)
    member = _member(session, tenant_id, person_id)
    if not leaving:
        _only_owners_make_owners(who, member.role)
    _keep_an_owner(session, member)
    store.remove_membership(session, tenant_id, person_id)
    access_store.revoke_tokens_of(session, tenant_id, person_id, clock.now())
    audit(session, who, "member.remove", kind="person", id=person_id, before={"email": member.email, "role": member.role})


def grant_centre_role(session: Session, who: Principal, person_id: str, role: CentreRole) -> None:
    """Give a person a role of the centre. Nobody gives one to themselves: two pairs of eyes."""
    require(who, Permission.CENTRE_OPERATE)
    if who.person_id == person_id:
        raise OwnRole
    get_person(session, person_id)
    _grant(session, who, person_id, role)


def revoke_centre_role(session: Session, who: Principal, person_id: str, role: CentreRole) -> None:
    """Take a role of the centre from a person."""
    require(who, Permission.CENTRE_OPERATE)
    if not store.remove_centre_role(session, person_id, role):
        raise NotFound(kind="centre role", id=f"{person_id}/{role}")
    audit(session, who, "centre_role.revoke", kind="person", id=person_id, before={"role": role})


# A small centre begins with one person; they give finance and audit to others when there are others.
FIRST_ROLES = (CentreRole.OPERATOR, CentreRole.FINANCE, CentreRole.AUDITOR)


def create_operator(session: Session, email: str, name: str, password_hash: str, roles: Iterable[CentreRole] = FIRST_ROLES) -> Person:
    """Create the centre's first staff, by command on its machine. A known e-mail keeps its password and gets the roles."""
    person = Person(new_id("per"), clean_name(name), normal_email(email), clock.now())
    if not store.add_person(session, _person_row(person, password_hash)):
        found = store.find_person_by_email(session, person.email)
        person = found[0] if found else person
    who = Principal("command", "command", None, None, via="command")
    for role in roles:
        _grant(session, who, person.id, role)
    return person


def _grant(session: Session, who: Principal, person_id: str, role: CentreRole) -> None:
    row = {"person_id": person_id, "role": role, "granted_by": who.person_id, "granted_at": clock.now()}
    if store.add_centre_role(session, row):
        audit(session, who, "centre_role.grant", kind="person", id=person_id, after={"role": role})


def _join(session: Session, tenant_id: str, person_id: str, role: Role) -> None:
    row = {"tenant_id": tenant_id, "person_id": person_id, "role": role, "joined_at": clock.now()}
    if not store.add_membership(session, row):
        raise Conflict(reason="You are a member already. Sign in with your e-mail address.")


def _invited_person(session: Session, email: str, name: str | None, password_hash: str | None) -> Person:
    known = store.find_person_by_email(session, email)
    if known is not None:
        return known[0]
    if not name or not password_hash:
        raise Invalid(field="password", reason="You are new here: give your name and choose a password.")
    person = Person(new_id("per"), clean_name(name), email, clock.now())
    if not store.add_person(session, _person_row(person, password_hash)):
        raise Conflict(reason="Somebody registered this e-mail just now. Try again.")
    return person


def _person_row(person: Person, password_hash: str) -> dict[str, object]:
    return {**{field: getattr(person, field) for field in person.__slots__}, "password_hash": password_hash}


def _member(session: Session, tenant_id: str, person_id: str) -> Member:
    member = store.find_member(session, tenant_id, person_id)
    if member is None:
        raise NotFound(kind="member", id=person_id)
    return member


def _only_owners_make_owners(who: Principal, *roles: Role) -> None:
    if Role.OWNER in roles and who.role != Role.OWNER and who.via != "system":
        raise OwnersOnly


def _keep_an_owner(session: Session, member: Member) -> None:
    if member.role == Role.OWNER and store.count_owners(session, member.tenant_id) == 1:
        raise LastOwner(name=member.name)
