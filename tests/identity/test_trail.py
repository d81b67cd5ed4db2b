import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from wutong.identity import service
from wutong.identity.rules import AuditFilters, Role, system_principal
from wutong.kit.errors import Forbidden, Invalid, NotFound
from wutong.kit.paging import PageRequest


@pytest.mark.parametrize("statement", ["UPDATE identity_audit SET action = 'x'", "DELETE FROM identity_audit", "TRUNCATE identity_audit"])
def test_the_database_refuses_to_change_the_trail(session, owner, statement):
    with pytest.raises(DBAPIError, match="append-only"), session.begin_nested():
        session.execute(text(statement))
    assert service.list_audit(session, owner, PageRequest()).items


def test_a_row_says_who_what_from_where_and_to_what(session, owner):
    service.audit(session, owner, "thing.change", kind="thing", id="thing_1", before={"size": 1}, after={"size": 2})
    entry = service.list_audit(session, owner, PageRequest(limit=1)).items[0]
    assert (entry.person_id, entry.person_name, entry.address, entry.via) == (owner.person_id, "owner", "10.0.0.1", "session")
    assert (entry.action, entry.kind, entry.object_id, entry.before, entry.after) == ("thing.change", "thing", "thing_1", {"size": 1}, {"size": 2})
    assert entry.tenant_id == owner.tenant_id


def test_pages_go_through_everything_once_newest_first(session, owner):
    for number in range(7):
        service.audit(session, owner, "thing.make", kind="thing", id=f"thing_{number}")
    seen, after = [], None
    while True:
        page = service.list_audit(session, owner, PageRequest(limit=3, after=after), AuditFilters(kind="thing"))
        seen += [entry.object_id for entry in page.items]
        after = page.next
        if after is None:
            break
    assert seen == [f"thing_{number}" for number in reversed(range(7))]


def test_a_tenant_sees_only_its_own_and_an_auditor_all(session, house, owner, operator):
    stranger = house.register("stranger")
    service.audit(session, system_principal("loop"), "thing.end", kind="thing", id="mine", tenant_id=owner.tenant_id)
    assert "mine" in {entry.object_id for entry in service.list_audit(session, owner, PageRequest()).items}
    assert "mine" not in {entry.object_id for entry in service.list_audit(session, stranger, PageRequest()).items}
    with pytest.raises(NotFound):
        service.list_audit(session, stranger, PageRequest(), AuditFilters(tenant_id=owner.tenant_id))
    everything = service.list_audit(session, operator, PageRequest())
    assert {owner.tenant_id, stranger.tenant_id} <= {entry.tenant_id for entry in everything.items}
    assert len(service.list_audit(session, operator, PageRequest(), AuditFilters(tenant_id=owner.tenant_id)).items) >= 2


def test_members_without_the_right_and_odd_cursors_are_refused(session, house, owner):
    with pytest.raises(Forbidden):
        service.list_audit(session, house.join(owner, "member", Role.MEMBER), PageRequest())
    for after in ("x", "-1", "９", "1" * 40):
        with pytest.raises(Invalid):
            service.list_audit(session, owner, PageRequest(after=after))
