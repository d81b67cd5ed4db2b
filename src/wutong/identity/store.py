"""SQL of who is who: tenants, people, memberships, invitations, roles of the centre, the audit trail."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from wutong.identity.records import AuditEntry, AuditFilters, Invitation, Member, Person, StaffRole, Tenant, TenantKind, TenantState
from wutong.identity.roles import CentreRole, Role
from wutong.identity.tables import AuditRow, CentreRoleRow, InvitationRow, MembershipRow, PersonRow, TenantRow
from wutong.kit.paging import Page, PageRequest, cut

_ADD_AUDIT = AuditRow.__table__.insert()  # type: ignore[attr-defined]


def add_tenant(session: Session, row: dict[str, Any]) -> bool:
    """Insert a tenant; False when its credit code is taken."""
    added = session.execute(insert(TenantRow).values(row).on_conflict_do_nothing(index_elements=["credit_code"]).returning(TenantRow.id))
    return added.first() is not None


def add_person(session: Session, row: dict[str, Any]) -> bool:
    """Insert a person; False when the e-mail address is taken."""
    added = session.execute(insert(PersonRow).values(row).on_conflict_do_nothing(index_elements=["email"]).returning(PersonRow.id))
    return added.first() is not None


def find_tenant(session: Session, tenant_id: str, *, lock: bool = False) -> Tenant | None:
    """Read one tenant, locked to the end of the transaction when its members are about to change."""
    query = select(TenantRow).where(TenantRow.id == tenant_id)
    row = session.scalar(query.with_for_update() if lock else query)
    return None if row is None else tenant(row)


def count_tenants(session: Session) -> int:
    """Count the tenants that are not suspended."""
    return session.scalars(select(func.count()).select_from(TenantRow).where(TenantRow.state == TenantState.ACTIVE)).one()


def count_tenants_by_province(session: Session) -> dict[str, int]:
    """Count the tenants that are not suspended by the province in their credit code."""
    province = func.substr(TenantRow.credit_code, 3, 2)
    rows = session.execute(select(province, func.count()).where(TenantRow.state == TenantState.ACTIVE).group_by(province))
    return {code: count for code, count in rows}  # noqa: C416 - rows are no pairs to the type checker


def list_tenants(session: Session, page: PageRequest, search: str) -> Page[Tenant]:
    """Page through all tenants, newest first."""
    query = select(TenantRow).order_by(TenantRow.id.desc()).limit(page.limit + 1)
    if page.after:
        query = query.where(TenantRow.id < page.after)
    if search:
        query = query.where(or_(TenantRow.name.icontains(search, autoescape=True), TenantRow.credit_code == search.upper(), TenantRow.id == search))
    return cut([tenant(row) for row in session.scalars(query)], page)


def move_tenant(session: Session, tenant_id: str, before: TenantState, after: TenantState, reason: str) -> bool:
    """Move a tenant's state if it still is what we saw."""
    move = update(TenantRow).where(TenantRow.id == tenant_id, TenantRow.state == before).values(state=after, state_reason=reason)
    return session.execute(move.returning(TenantRow.id)).first() is not None


def find_person(session: Session, person_id: str) -> Person | None:
    """Read one person."""
    row = session.get(PersonRow, person_id)
    return None if row is None else person(row)


def find_person_by_email(session: Session, email: str) -> tuple[Person, str | None] | None:
    """Read the person of an e-mail address, with the password hash."""
    row = session.scalar(select(PersonRow).where(PersonRow.email == email))
    return None if row is None else (person(row), row.password_hash)


def set_password(session: Session, person_id: str, password_hash: str) -> None:
    """Store another password hash."""
    session.execute(update(PersonRow).where(PersonRow.id == person_id).values(password_hash=password_hash))


def change_person(session: Session, person_id: str, values: dict[str, Any]) -> None:
    """Change what a person is called, reached at, or shown."""
    session.execute(update(PersonRow).where(PersonRow.id == person_id).values(values))
    session.expire_all()


def list_staff(session: Session, roles: Collection[CentreRole]) -> list[Person]:
    """Read the people who hold one of the centre's roles, by name."""
    holders = select(CentreRoleRow.person_id).where(CentreRoleRow.role.in_(roles))
    return [person(row) for row in session.scalars(select(PersonRow).where(PersonRow.id.in_(holders)).order_by(PersonRow.name, PersonRow.id))]


def staff_roles(session: Session) -> list[StaffRole]:
    """Read every role of the centre with who holds it, by name."""
    rows = select(PersonRow, CentreRoleRow).join(CentreRoleRow, CentreRoleRow.person_id == PersonRow.id).order_by(PersonRow.name, PersonRow.id)
    found = session.execute(rows.order_by(CentreRoleRow.role))
    return [StaffRole(person(row), CentreRole(held.role), held.granted_by, held.granted_at) for row, held in found]


def tenant_names(session: Session, ids: Collection[str]) -> dict[str, str]:
    """Read the names of tenants."""
    return {row.id: row.name for row in session.execute(select(TenantRow.id, TenantRow.name).where(TenantRow.id.in_(ids)))}


def list_people(session: Session, ids: Collection[str]) -> list[Person]:
    """Read people by id."""
    return [person(row) for row in session.scalars(select(PersonRow).where(PersonRow.id.in_(ids)))]


def members_of(session: Session, tenant_ids: Collection[str], roles: Collection[Role]) -> list[tuple[str, str]]:
    """Read the (tenant, person) pairs of members with one of the roles."""
    query = select(MembershipRow.tenant_id, MembershipRow.person_id).where(MembershipRow.tenant_id.in_(tenant_ids), MembershipRow.role.in_(roles))
    return [(row.tenant_id, row.person_id) for row in session.execute(query)]


def take_untold_invitations(session: Session, now: datetime, limit: int) -> list[Invitation]:
    """Mark invitations as told, and return them."""
    due = select(InvitationRow.id).where(InvitationRow.told_at.is_(None)).order_by(InvitationRow.id).limit(limit).with_for_update(skip_locked=True)
    taken = session.scalars(update(InvitationRow).where(InvitationRow.id.in_(due)).values(told_at=now).returning(InvitationRow.id)).all()
    return [invitation(row) for row in session.execute(_invitations().where(InvitationRow.id.in_(taken)).order_by(InvitationRow.id))]


def person_names(session: Session, ids: Collection[str]) -> dict[str, str]:
    """Read the names of people."""
    return {row.id: row.name for row in session.execute(select(PersonRow.id, PersonRow.name).where(PersonRow.id.in_(ids)))}


def add_membership(session: Session, row: dict[str, Any]) -> bool:
    """Insert a membership; False when the person is a member already."""
    return session.execute(insert(MembershipRow).values(row).on_conflict_do_nothing().returning(MembershipRow.person_id)).first() is not None


def find_member(session: Session, tenant_id: str, person_id: str) -> Member | None:
    """Read one member of a tenant."""
    row = session.execute(_members().where(MembershipRow.tenant_id == tenant_id, MembershipRow.person_id == person_id)).first()
    return None if row is None else member(row)


def list_members(session: Session, tenant_id: str, page: PageRequest) -> Page[Member]:
    """Page through a tenant's members, latest registered first."""
    query = _members().where(MembershipRow.tenant_id == tenant_id).order_by(MembershipRow.person_id.desc()).limit(page.limit + 1)
    if page.after:
        query = query.where(MembershipRow.person_id < page.after)
    return cut([member(row) for row in session.execute(query)], page, key="person_id")


def memberships(session: Session, person_id: str) -> list[Member]:
    """Read all tenants a person belongs to, the first joined first."""
    query = _members().where(MembershipRow.person_id == person_id).order_by(MembershipRow.joined_at, MembershipRow.tenant_id)
    return [member(row) for row in session.execute(query)]


def count_owners(session: Session, tenant_id: str) -> int:
    """Count the owners of a tenant."""
    query = select(func.count()).select_from(MembershipRow).where(MembershipRow.tenant_id == tenant_id, MembershipRow.role == Role.OWNER)
    return session.scalar(query) or 0


def set_role(session: Session, tenant_id: str, person_id: str, role: Role) -> None:
    """Change a member's role."""
    session.execute(update(MembershipRow).where(MembershipRow.tenant_id == tenant_id, MembershipRow.person_id == person_id).values(role=role))


def remove_membership(session: Session, tenant_id: str, person_id: str) -> None:
    """Take a person out of a tenant."""
    session.execute(MembershipRow.__table__.delete().where(and_(MembershipRow.tenant_id == tenant_id, MembershipRow.person_id == person_id)))  # type: ignore[attr-defined]


def centre_roles(session: Session, person_id: str) -> frozenset[CentreRole]:
    """Read the roles of the centre a person holds."""
    return frozenset(CentreRole(role) for role in session.scalars(select(CentreRoleRow.role).where(CentreRoleRow.person_id == person_id)))


def add_centre_role(session: Session, row: dict[str, Any]) -> bool:
    """Insert a role of the centre; False when the person holds it already."""
    return session.execute(insert(CentreRoleRow).values(row).on_conflict_do_nothing().returning(CentreRoleRow.role)).first() is not None


def remove_centre_role(session: Session, person_id: str, role: CentreRole) -> bool:
    """Delete a role of the centre; False when the person did not hold it."""
    row = session.get(CentreRoleRow, (person_id, role.value))
    if row is None:
        return False
    session.delete(row)
    session.flush()
    return True


def add_invitation(session: Session, row: dict[str, Any], now: datetime) -> None:
    """Insert an invitation in place of earlier ones to the same address."""
    withdraw = update(InvitationRow).where(InvitationRow.tenant_id == row["tenant_id"], InvitationRow.email == row["email"], open_invitation(now))
    session.execute(withdraw.values(withdrawn_at=now))
    session.execute(insert(InvitationRow).values(row))


def take_invitation(session: Session, secret_hash: str, now: datetime) -> Invitation | None:
    """Mark an open invitation as accepted and return it; None when it is not open."""
    take = update(InvitationRow).where(InvitationRow.secret_hash == secret_hash, open_invitation(now)).values(accepted_at=now)
    taken = session.scalar(take.returning(InvitationRow.id))
    if taken is None:
        return None
    row = session.execute(_invitations().where(InvitationRow.id == taken)).one()
    return invitation(row)


def withdraw_invitation(session: Session, tenant_id: str, invitation_id: str, now: datetime) -> str | None:
    """Withdraw an open invitation of a tenant and return its address."""
    wanted = and_(InvitationRow.tenant_id == tenant_id, InvitationRow.id == invitation_id, open_invitation(now))
    return session.scalar(update(InvitationRow).where(wanted).values(withdrawn_at=now).returning(InvitationRow.email))


def list_invitations(session: Session, tenant_id: str, page: PageRequest, now: datetime) -> Page[Invitation]:
    """Page through a tenant's open invitations, newest first."""
    query = _invitations().where(InvitationRow.tenant_id == tenant_id, open_invitation(now)).order_by(InvitationRow.id.desc()).limit(page.limit + 1)
    if page.after:
        query = query.where(InvitationRow.id < page.after)
    return cut([invitation(row) for row in session.execute(query)], page)


def add_audit(session: Session, row: dict[str, Any]) -> None:
    """Append to the trail."""
    session.execute(_ADD_AUDIT, row)


def list_audit(session: Session, page: PageRequest, filters: AuditFilters) -> Page[AuditEntry]:
    """Page through the trail, newest first."""
    query = select(AuditRow).order_by(AuditRow.id.desc()).limit(page.limit + 1)
    for name in ("tenant_id", "kind", "object_id", "action", "person_id", "address"):
        value = getattr(filters, name)
        if value is not None:
            query = query.where(getattr(AuditRow, name) == value)
    if filters.since is not None:
        query = query.where(AuditRow.at >= filters.since)
    if filters.until is not None:
        query = query.where(AuditRow.at < filters.until)
    if page.after:
        query = query.where(AuditRow.id < int(page.after))
    return cut([audit_entry(row) for row in session.scalars(query)], page)


def _members() -> Select[*tuple[Any, ...]]:
    columns = (MembershipRow.person_id, MembershipRow.tenant_id, MembershipRow.role, MembershipRow.joined_at)
    query = select(*columns, PersonRow.name, PersonRow.email, TenantRow.name.label("tenant_name"))
    return query.join(PersonRow, PersonRow.id == MembershipRow.person_id).join(TenantRow, TenantRow.id == MembershipRow.tenant_id)


def _invitations() -> Select[*tuple[Any, ...]]:
    columns = (InvitationRow.id, InvitationRow.tenant_id, InvitationRow.email, InvitationRow.role, InvitationRow.invited_by)
    query = select(*columns, InvitationRow.created_at, InvitationRow.expires_at, TenantRow.name.label("tenant_name"))
    return query.join(TenantRow, TenantRow.id == InvitationRow.tenant_id)


def open_invitation(now: datetime) -> Any:
    """Return the condition of an invitation that can still be accepted."""
    return and_(InvitationRow.accepted_at.is_(None), InvitationRow.withdrawn_at.is_(None), InvitationRow.expires_at > now)


def tenant(row: TenantRow) -> Tenant:
    """Make the plain shape of a row."""
    return Tenant(row.id, row.name, row.credit_code, TenantKind(row.kind), TenantState(row.state), row.state_reason, row.created_at)


def person(row: PersonRow) -> Person:
    """Make the plain shape of a row."""
    return Person(row.id, row.name, row.email, row.created_at, row.language, row.zone)


def member(row: Any) -> Member:
    """Make the plain shape of a joined row."""
    return Member(row.person_id, row.tenant_id, row.tenant_name, row.name, row.email, Role(row.role), row.joined_at)


def invitation(row: Any) -> Invitation:
    """Make the plain shape of a joined row."""
    return Invitation(row.id, row.tenant_id, row.tenant_name, row.email, Role(row.role), row.invited_by, row.created_at, row.expires_at)


def audit_entry(row: AuditRow) -> AuditEntry:
    """Make the plain shape of a row."""
    who = (row.person_id, row.person_name, row.via, row.address)
    return AuditEntry(row.id, row.at, row.tenant_id, *who, row.action, row.kind, row.object_id, row.before, row.after)
