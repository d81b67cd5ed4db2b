from wutong.identity import service
from wutong.identity.rules import Role, Principal, Permission
import pytest
from wutong.kit.errors import *

def test_register(session):
    t,p = service.register_tenant(session,name="Acme  Labs",credit_code="914403001922038216",kind="enterprise",person_name="Li Hua",email="Li@Example.cn",password_hash="x",address="::1")
    s, secret = service.open_session(session,p.id,None,"::1")
    who = service.authenticate(session,secret,address="::1")
    assert who.role == Role.OWNER and who.tenant_id == t.id and who.may(Permission.JOB_SUBMIT)
    tok, sec = service.create_token(session, who, name="ci", scopes=frozenset({Permission.JOB_READ}))
    w2 = service.authenticate(session, sec)
    assert w2.scopes == {Permission.JOB_READ}
    inv, sec = service.invite(session, who, "b@example.cn", Role.MEMBER)
    m = service.accept_invitation(session, sec, "Bo", "hash")
    service.change_role(session, who, m.person_id, Role.VIEWER)
    service.remove_member(session, who, m.person_id)
    assert len(service.list_audit(session, who, PageRequest()).items)>4
from wutong.kit.paging import PageRequest
