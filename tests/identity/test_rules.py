from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wutong.identity.rules import (
    CENTRE_PERMISSIONS,
    ROLE_PERMISSIONS,
    TENANT_PERMISSIONS,
    CentreRole,
    NoTenant,
    Permission,
    Principal,
    Role,
    TenantSuspended,
    clean_name,
    locked_until,
    normal_email,
    require,
    require_tenant,
    system_principal,
)
from wutong.kit.errors import Forbidden, Invalid

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


def person(role=Role.OWNER, **other):
    return Principal("per_1", "Li Hua", "ten_1" if role else None, role, **other)


def test_every_role_has_its_permissions_and_none_of_the_centre():
    assert set(ROLE_PERMISSIONS) == set(Role)
    for role, permissions in ROLE_PERMISSIONS.items():
        assert permissions <= TENANT_PERMISSIONS
        assert not any(person(role).may(permission) for permission in CENTRE_PERMISSIONS)


def test_what_the_roles_differ_in():
    assert person(Role.MEMBER).may(Permission.JOB_SUBMIT)
    assert not person(Role.VIEWER).may(Permission.JOB_SUBMIT)
    assert not person(Role.MEMBER).may(Permission.MONEY_SPEND)
    assert person(Role.FINANCE).may(Permission.MONEY_SPEND)
    assert not person(Role.FINANCE).may(Permission.DATA_WRITE)


def test_a_role_of_the_centre_gives_nothing_within_tenants():
    operator = person(None, centre_roles=frozenset(CentreRole))
    assert all(operator.may(permission) for permission in CENTRE_PERMISSIONS)
    assert not any(operator.may(permission) for permission in TENANT_PERMISSIONS)


@given(st.sampled_from(Role), st.frozensets(st.sampled_from(Permission)), st.sampled_from(Permission), st.booleans())
def test_scopes_and_suspension_only_take_away(role, scopes, permission, suspended):
    narrow = person(role, scopes=scopes, suspended=suspended)
    if narrow.may(permission):
        assert person(role).may(permission)
        assert permission in scopes
        assert not suspended or permission.endswith(".read")


def test_refusals_say_why():
    with pytest.raises(TenantSuspended):
        require(person(suspended=True), Permission.JOB_SUBMIT)
    with pytest.raises(NoTenant):
        require_tenant(person(None, centre_roles=frozenset(CentreRole)), Permission.JOB_READ)
    with pytest.raises(Forbidden, match=r"job\.submit"):
        require(person(Role.VIEWER), Permission.JOB_READ, Permission.JOB_SUBMIT)
    assert require_tenant(person(Role.VIEWER), Permission.JOB_READ) == "ten_1"


def test_our_own_loops_may_everything_but_have_no_tenant_unless_given():
    assert all(system_principal("settler").may(permission) for permission in Permission)
    with pytest.raises(NoTenant):
        require_tenant(system_principal("settler"), Permission.JOB_READ)


@pytest.mark.parametrize("text", ["Li.Hua@Example.CN", "  li.hua@example.cn ", "LI.HUA@EXAMPLE.CN"])
def test_spellings_of_one_address_are_one(text):
    assert normal_email(text) == "li.hua@example.cn"


NO_ADDRESSES = ["", "li", "li@", "@example.cn", "li@example", "li..hua@example.cn", "li@-a.cn", "a b@example.cn", "li@例子.cn\n", "x" * 250 + "@a.cn"]


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(Invalid):
        normal_email(text)


def test_names_are_tidied_and_invisible_ones_refused():
    assert clean_name("  武汉  某某\t公司 ") == "武汉 某某 公司"
    for text in ("", "   ", "x" * 101, "a\x00b", "a\u202eb"):
        with pytest.raises(Invalid):
            clean_name(text)


def test_the_lock_opens_when_the_fifth_failure_is_a_quarter_of_an_hour_old():
    failures = [NOW - timedelta(minutes=minutes) for minutes in (1, 2, 3, 4, 10)]
    assert locked_until(failures, [], NOW) == NOW + timedelta(minutes=5)
    assert locked_until(failures[:4], [], NOW) is None
    assert locked_until([], failures * 6, NOW) == NOW + timedelta(minutes=5)
