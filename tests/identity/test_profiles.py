import pytest

from wutong.identity import service
from wutong.identity.roles import CentreRole, Permission
from wutong.identity.rules import Role
from wutong.kit.errors import Invalid
from wutong.kit.paging import PageRequest


def test_people_begin_in_chinese_and_choose(session, house):
    owner = house.register("owner")
    person = service.get_person(session, owner.person_id)
    assert (person.language, person.zone) == ("zh", "Asia/Shanghai")
    changed = service.set_profile(session, owner, name=" Li  Hua ", language="en", zone="Europe/Berlin")
    assert (changed.name, changed.language, changed.zone) == ("Li Hua", "en", "Europe/Berlin")
    assert service.set_profile(session, owner, language="en") == changed
    entries = [entry for entry in service.list_audit(session, owner, PageRequest()).items if entry.action == "person.change"]
    assert [entry.before for entry in entries] == [{"name": "owner", "language": "zh", "zone": "Asia/Shanghai"}]


@pytest.mark.parametrize("wrong", [{"language": "fr"}, {"zone": "Mars/Olympus"}, {"zone": "../../etc/passwd"}, {"name": " "}])
def test_what_is_no_choice_is_refused(session, house, wrong):
    with pytest.raises(Invalid):
        service.set_profile(session, house.register("owner"), **wrong)


def test_staff_who_answer_tickets_and_members_who_may_spend(session, house, operator):
    owner = house.register("owner")
    finance = house.join(owner, "finance", Role.FINANCE)
    house.join(owner, "viewer", Role.VIEWER)
    auditor = service.create_operator(session, "auditor@centre.cn", "Auditor", "hash", [CentreRole.AUDITOR])
    assert [person.id for person in service.list_staff(session)] == [operator.person_id]
    assert [person.id for person in service.list_staff(session, Permission.CENTRE_AUDIT)] == [auditor.id, operator.person_id]
    found = service.members_who_may(session, [owner.tenant_id, "ten_none"], Permission.MONEY_SPEND)
    assert {key: set(ids) for key, ids in found.items()} == {owner.tenant_id: {owner.person_id, finance.person_id}, "ten_none": set()}
    assert service.list_people(session, [finance.person_id])[finance.person_id].name == "finance"


def test_an_invitation_is_given_out_once_to_be_told(session, house):
    owner = house.register("owner")
    invitation, _ = service.invite(session, owner, "new@example.cn", Role.MEMBER)
    assert service.take_untold_invitations(session) == [invitation]
    assert service.take_untold_invitations(session) == []


def test_the_other_sessions_are_closed_and_this_one_stays(session, house):
    owner = house.register("owner")
    house.enter(owner.person_id)
    opened, _ = service.open_session(session, owner.person_id, device=service.device_of("curl/8.5.0"))
    assert opened.device == "curl"
    assert service.list_sessions(session, owner).items[0].device == "curl"
    assert service.close_other_sessions(session, owner) == 2
    assert [each.id for each in service.list_sessions(session, owner).items] == [owner.key_id]
