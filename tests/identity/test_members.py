import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.identity.conftest import House, credit_code

from wutong.identity import service
from wutong.identity.rules import AlreadyRegistered, CentreRole, InvitationGone, LastOwner, Permission, Role, TenantState
from wutong.kit.errors import Conflict, Forbidden, Invalid, NotFound
from wutong.kit.paging import PageRequest


def register(session, **other):
    fields = {
        "name": "Acme",
        "credit_code": credit_code(7),
        "kind": "university",
        "person_name": "Li Hua",
        "email": "li@example.cn",
        "password_hash": "hash",
    }
    return service.register_tenant(session, **{**fields, **other})


def test_registering_makes_a_tenant_with_one_owner_and_leaves_a_trail(session, house):
    tenant, person = register(session, email="Li@Example.CN", name=" Acme  Labs ")
    owner = house.enter(person.id)
    assert (tenant.name, person.email, owner.role, owner.tenant_id) == ("Acme Labs", "li@example.cn", Role.OWNER, tenant.id)
    assert service.get_tenant(session, tenant.id) == tenant
    actions = [entry.action for entry in service.list_audit(session, owner, PageRequest()).items]
    assert "tenant.register" in actions


def test_an_organisation_and_an_address_register_once(session):
    register(session)
    with pytest.raises(AlreadyRegistered, match="organisation"):
        register(session, email="other@example.cn")
    with pytest.raises(AlreadyRegistered, match="e-mail"):
        register(session, credit_code=credit_code(8), email="LI@example.cn")


def test_what_cannot_be_right_is_refused(session):
    for wrong in ({"credit_code": "123"}, {"email": "li"}, {"name": " "}, {"person_name": "\u200b"}):
        with pytest.raises(Invalid):
            register(session, **wrong)


def test_an_invitation_works_once_and_only_for_its_role(session, house, owner):
    invitation, secret = service.invite(session, owner, "New@example.cn", Role.VIEWER)
    assert [open_.id for open_ in service.list_invitations(session, owner).items] == [invitation.id]
    with pytest.raises(Invalid, match="password"):
        service.accept_invitation(session, secret, None, None)
    session.rollback()


def test_accepting_joins_and_uses_the_invitation_up(session, house, owner):
    _, secret = service.invite(session, owner, "New@example.cn", Role.VIEWER)
    member = service.accept_invitation(session, secret, "New", "hash")
    assert (member.email, member.role, member.tenant_id) == ("new@example.cn", Role.VIEWER, owner.tenant_id)
    assert service.list_invitations(session, owner).items == []
    for text in (secret, secret[:-1], "", "wti_" + "0" * 38):
        with pytest.raises(InvitationGone):
            service.accept_invitation(session, text, "New", "hash")
    with pytest.raises(Conflict):
        service.invite(session, owner, "new@example.cn", Role.ADMIN)


def test_invitations_end_by_time_by_withdrawal_and_by_a_newer_one(session, house, fake_clock):
    owner = house.register("owner")
    _, old = service.invite(session, owner, "a@example.cn", Role.MEMBER)
    _, new = service.invite(session, owner, "a@example.cn", Role.MEMBER)
    withdrawn, gone = service.invite(session, owner, "b@example.cn", Role.MEMBER)
    service.withdraw_invitation(session, owner, withdrawn.id)
    with pytest.raises(NotFound):
        service.withdraw_invitation(session, house.register("stranger"), withdrawn.id)
    fake_clock.advance(7 * 86400)
    for secret in (old, gone, new):
        with pytest.raises(InvitationGone):
            service.accept_invitation(session, secret, "A", "hash")


def test_a_known_person_joins_a_second_tenant_and_chooses_between_them(session, house, owner):
    stranger = house.register("stranger")
    _, secret = service.invite(session, owner, "stranger@example.cn", Role.MEMBER)
    member = service.accept_invitation(session, secret, None, None)
    assert member.person_id == stranger.person_id
    assert [m.tenant_id for m in service.memberships(session, stranger)] == [stranger.tenant_id, owner.tenant_id]
    _, session_secret = service.open_session(session, stranger.person_id)
    assert service.authenticate(session, session_secret).role == Role.OWNER
    there = service.authenticate(session, session_secret, tenant_hint=owner.tenant_id)
    assert (there.tenant_id, there.role) == (owner.tenant_id, Role.MEMBER)


def test_only_owners_make_and_unmake_owners(session, house, owner):
    admin = house.join(owner, "admin", Role.ADMIN)
    member = house.join(owner, "member", Role.MEMBER)
    assert service.change_role(session, admin, member.person_id, Role.FINANCE).role == Role.FINANCE
    for attempt in (
        lambda: service.change_role(session, admin, admin.person_id, Role.OWNER),
        lambda: service.change_role(session, admin, owner.person_id, Role.VIEWER),
        lambda: service.remove_member(session, admin, owner.person_id),
        lambda: service.invite(session, admin, "x@example.cn", Role.OWNER),
        lambda: service.change_role(session, member, owner.person_id, Role.VIEWER),
        lambda: service.invite(session, member, "x@example.cn", Role.VIEWER),
    ):
        with pytest.raises(Forbidden):
            attempt()
    assert service.change_role(session, owner, admin.person_id, Role.OWNER).role == Role.OWNER


def test_the_last_owner_stays(session, house, owner):
    with pytest.raises(LastOwner):
        service.remove_member(session, owner, owner.person_id)
    with pytest.raises(LastOwner):
        service.change_role(session, owner, owner.person_id, Role.ADMIN)
    second = house.join(owner, "second", Role.OWNER)
    service.remove_member(session, owner, owner.person_id)
    assert [member.person_id for member in service.list_members(session, second).items] == [second.person_id]


def test_members_of_other_tenants_are_not_found(session, house, owner):
    stranger = house.register("stranger")
    for attempt in (
        lambda: service.change_role(session, stranger, owner.person_id, Role.VIEWER),
        lambda: service.remove_member(session, stranger, owner.person_id),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert {member.person_id for member in service.list_members(session, stranger).items} == {stranger.person_id}


def test_anybody_may_leave_and_what_they_held_stops_working(session, house, owner):
    viewer = house.join(owner, "viewer", Role.VIEWER)
    service.remove_member(session, viewer, viewer.person_id)
    again = house.enter(viewer.person_id)
    assert (again.tenant_id, again.role) == (None, None)


def test_pages_of_members(session, house, owner):
    joined = [house.join(owner, f"m{number}", Role.MEMBER).person_id for number in range(3)]
    first = service.list_members(session, owner, PageRequest(limit=2))
    second = service.list_members(session, owner, PageRequest(limit=2, after=first.next))
    assert {member.person_id for member in first.items + second.items} == {*joined, owner.person_id}
    assert second.next is None


def test_suspension_lets_members_read_and_change_nothing(session, house, owner, operator):
    service.set_tenant_state(session, operator, owner.tenant_id, TenantState.SUSPENDED, "unpaid")
    suspended = house.enter(owner.person_id)
    assert suspended.may(Permission.JOB_READ)
    assert not suspended.may(Permission.JOB_SUBMIT)
    with pytest.raises(Forbidden, match="suspended"):
        service.invite(session, suspended, "x@example.cn", Role.VIEWER)
    assert service.set_tenant_state(session, operator, owner.tenant_id, TenantState.SUSPENDED, "again").state_reason == "unpaid"
    assert service.set_tenant_state(session, operator, owner.tenant_id, TenantState.ACTIVE, "paid").state == TenantState.ACTIVE
    assert house.enter(owner.person_id).may(Permission.JOB_SUBMIT)
    with pytest.raises(Forbidden):
        service.set_tenant_state(session, owner, owner.tenant_id, TenantState.SUSPENDED, "")
    with pytest.raises(NotFound):
        service.set_tenant_state(session, operator, "ten_none", TenantState.SUSPENDED, "")


def test_all_tenants_are_the_centres_staffs_to_list(session, house, owner, operator):
    house.register("stranger")
    assert len(service.list_tenants(session, operator, PageRequest()).items) == 2
    assert [t.name for t in service.list_tenants(session, operator, PageRequest(), "OF STR").items] == ["House of stranger"]
    assert [t.id for t in service.list_tenants(session, operator, PageRequest(), credit_code(1)).items] == [owner.tenant_id]
    assert service.list_tenants(session, operator, PageRequest(), "100%").items == []
    with pytest.raises(Forbidden):
        service.list_tenants(session, owner, PageRequest())


def test_roles_of_the_centre_are_given_by_another_operator(session, house, owner, operator):
    with pytest.raises(Forbidden):
        service.grant_centre_role(session, operator, operator.person_id, CentreRole.SUBSIDY)
    with pytest.raises(Forbidden):
        service.grant_centre_role(session, owner, owner.person_id, CentreRole.OPERATOR)
    service.grant_centre_role(session, operator, owner.person_id, CentreRole.SUBSIDY)
    assert house.enter(owner.person_id).centre_roles == {CentreRole.SUBSIDY}
    service.revoke_centre_role(session, operator, owner.person_id, CentreRole.SUBSIDY)
    assert house.enter(owner.person_id).centre_roles == frozenset()
    with pytest.raises(NotFound):
        service.revoke_centre_role(session, operator, owner.person_id, CentreRole.SUBSIDY)


def test_the_first_operator_can_be_made_twice(session, operator):
    again = service.create_operator(session, "Operator@centre.cn", "Other", "other hash", [CentreRole.SUBSIDY])
    assert again.id == operator.person_id
    assert service.find_credentials(session, "operator@centre.cn").password_hash == "hash"


@given(st.lists(st.tuples(st.sampled_from(["leave", "role"]), st.integers(0, 2), st.sampled_from(Role)), max_size=8))
def test_whatever_members_do_an_owner_remains(database, moves):
    from tests.tables import empty

    empty(database)
    with database.session() as session:
        house = House(session)
        people = [house.register("p0")]
        people += [house.join(people[0], f"p{number}", Role.ADMIN) for number in (1, 2)]
        tenant_id = people[0].tenant_id
        for move, number, role in moves:
            actor = house.enter(people[number].person_id)
            target = people[(number + 1) % 3].person_id
            try:
                if move == "leave":
                    service.remove_member(session, actor, actor.person_id)
                else:
                    service.change_role(session, actor, target, role)
            except (Forbidden, NotFound, Conflict):
                pass
            owners = [p for p in people if (w := house.enter(p.person_id)).tenant_id == tenant_id and w.role == Role.OWNER]
            assert owners
