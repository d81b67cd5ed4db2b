"""The calls a plan becomes: few, in order, and nothing of a tenant's text where sacctmgr could read it as its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.centre.engines.slurm.tenants.test_difference import NOTHING, carry_out, compare, desired

from wutong.centre.engines.slurm.tenants.commands import FILE, calls
from wutong.centre.engines.slurm.tenants.rules import Limits, Noun, ProjectWish, ServiceClass, TenantWish


def many(count, **changes):
    users = {f"t{number}": f"wtx{number}" for number in range(count)}
    return desired(*(TenantWish(tenant, **changes) for tenant in users), users=users)


def test_the_first_time_is_one_call_a_class_and_one_for_the_rest():
    found = calls(compare(many(200, projects=(ProjectWish("p"),))))
    assert len(found) == len(ServiceClass) + 1
    assert sum(len(call.changes) for call in found) == len(ServiceClass) + 1 + 4 * 200


def test_nothing_to_do_is_no_call():
    wanted = many(3)
    assert calls(compare(wanted, carry_out(compare(wanted), NOTHING))) == []


def test_a_file_of_additions():
    wish = TenantWish(
        "t1",
        "甲 'x'",
        share=3,
        limits=Limits(4, 9, {"cpu": 8, "gres/gpu": 16}, {"gres/gpu": 50}),
        projects=(ProjectWish("p"),),
        classes=(ServiceClass.IDLE,),
    )
    call = calls(compare(desired(wish)))[-1]
    assert call.argv == ("sacctmgr", "-i", "-Q", "load", FILE)
    words = "Organization='wutong':Description='甲 x':Fairshare='3':QOS='wutong-idle':DefaultQOS='wutong-idle'"
    limits = "GrpJobs='4':GrpSubmitJobs='9':GrpTRES='cpu=8,gres/gpu=16':GrpTRESMins='gres/gpu=50'"
    assert call.file.splitlines()[3:] == [
        "Parent - 'wutong'",
        f"Account - 'wutong-t1':{words}:{limits}",
        "Parent - 'wutong-t1'",
        "Account - 'wutong-t1.p':Organization='wutong':Description='wutong-t1.p':Fairshare='1'",
        "Parent - 'wutong-t1'",
        "User - 'wtx1':Fairshare='1'",
        "Parent - 'wutong-t1.p'",
        "User - 'wtx1':Fairshare='1'",
    ]
    assert call.file.startswith("Cluster - 'tx'\nParent - 'root'\nAccount - 'wutong':")


def test_the_same_correction_for_many_is_one_call():
    there = carry_out(compare(many(300)), NOTHING)
    found = calls(compare(many(300, share=4, limits=Limits(jobs=5)), there))
    assert [len(call.changes) for call in found] == [250, 50]
    assert found[0].argv[3:6] == ("modify", "account", "where")
    assert found[0].argv[-3:] == ("set", "fairshare=4", "grpjobs=5")


def test_values_are_cleared_in_slurms_words():
    wish = TenantWish("t1", limits=Limits(4, 9, {"cpu": 8, "gres/gpu": 16}), classes=(ServiceClass.IDLE,))
    there = carry_out(compare(desired(wish)), NOTHING)
    [call] = calls(compare(desired(TenantWish("t1")), there))
    assert call.argv == (
        *("sacctmgr", "-i", "-Q", "modify", "account", "where", "name=wutong-t1", "cluster=tx", "set"),
        *("defaultqos=-1", "grpjobs=-1", "grpsubmitjobs=-1", "grptres=cpu=-1,gres/gpu=-1", "qos="),
    )


def test_what_goes_goes_in_few_calls_a_users_default_account_last():
    there = carry_out(compare(many(20, projects=(ProjectWish("p"),))), NOTHING)
    shut = compare(many(0), there)
    assert len(calls(shut)) == 1
    gone = calls(compare(many(0), carry_out(shut, there)))
    assert [call.argv[3:5] for call in gone] == [("remove", "user"), ("remove", "user"), ("remove", "account")]
    assert {change.noun for call in gone[:2] for change in call.changes} == {Noun.ASSOCIATION}
    assert {change.key[1].endswith(".p") for change in gone[0].changes} == {True}


@given(st.text(max_size=40), st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_a_tenants_text_never_becomes_an_order(label, tenant, project):
    wish = TenantWish(tenant, label, projects=(ProjectWish(project, label),))
    call = calls(compare(desired(wish, users={tenant: "wtx1"})))[-1]
    lines = call.file.splitlines()
    assert len(lines) == 1 + 2 * 5
    for line in lines:
        assert line.count("'") % 2 == 0
        assert line.split(" ")[0] in {"Cluster", "Parent", "Account", "User"}


@pytest.mark.parametrize("wish", [TenantWish("t1"), TenantWish("t1", limits=Limits(jobs=1))])
def test_no_call_goes_through_a_shell(wish):
    for call in calls(compare(desired(wish))):
        assert call.argv[0] == "sacctmgr"
        assert all("\n" not in part and "\0" not in part for part in call.argv)
