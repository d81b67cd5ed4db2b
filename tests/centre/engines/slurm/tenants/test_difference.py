"""The difference: what is changed, in what order, and what is left alone."""

import dataclasses

import pytest
from tests.centre.engines.slurm.tenants import captured

from wutong.centre.engines.slurm.tenants import parse
from wutong.centre.engines.slurm.tenants.desired import desired_state
from wutong.centre.engines.slurm.tenants.difference import difference
from wutong.centre.engines.slurm.tenants.policy import ClassPolicy, usual_policy
from wutong.centre.engines.slurm.tenants.rules import (
    Busy,
    Change,
    Limits,
    Noun,
    ProjectWish,
    ServiceClass,
    State,
    TenantWish,
    Thing,
    Verb,
)

USERS = {"t1": "wtx1", "t2": "wtx2", "t3": "wtx3"}
NOTHING = State("tx", {})
CALM = Busy()


def desired(*wishes, policy=None, users=USERS, **changes):
    return desired_state(cluster="tx", centre="wutong", policy=policy or usual_policy(), wishes=wishes, users=users, **changes)


def compare(wanted, seen=NOTHING, busy=CALM, **changes):
    return difference(wanted, seen, centre="wutong", is_our_user=lambda user: user.startswith("wtx"), busy=busy, **changes)


def carry_out(plan, seen):
    """Slurm in ten lines: what a plan leaves behind when it is done."""
    things = dict(seen.things)
    for change in plan.changes:
        key = change.noun, change.key
        if change.verb is Verb.REMOVE:
            del things[key]
            continue
        there = things[key].settings if change.verb is Verb.SET else {}
        settings = {**there, **{each.word: each.value for each in change.settings}}
        things[key] = Thing(change.noun, change.key, {word: value for word, value in settings.items() if value is not None})
    return State(seen.cluster, things)


@pytest.fixture
def seen():
    return parse.seen_state("tx", qos=captured.QOS, accounts=captured.ACCOUNTS, associations=captured.NESTED)


TWO = (
    TenantWish("t1", "甲", share=3),
    TenantWish("t2", "乙", projects=(ProjectWish("p", share=2),), limits=Limits(jobs=4, trackable={"gres/gpu": 8})),
)


def test_first_time_everything_is_added_in_an_order_that_works():
    plan = compare(desired(*TWO))
    assert {change.verb for change in plan.changes} == {Verb.ADD}
    there = {"root"}
    for change in plan.changes:
        settings = {each.word: each.value for each in change.settings}
        named = {*settings.get("qos", "").split(","), *settings.get("preempt", "").split(","), settings.get("parent", ""), *change.key[1:]} - {""}
        assert named <= there, change
        there.add(change.key[0])
    assert [change.key for change in plan.changes if change.noun is Noun.ACCOUNT] == [("wutong",), ("wutong-t1",), ("wutong-t2",), ("wutong-t2.p",)]


def test_what_is_as_wished_is_left():
    wanted = desired(*TWO)
    assert compare(wanted, carry_out(compare(wanted), NOTHING)).changes == ()


def test_one_plan_is_enough_whatever_there_was(seen):
    wanted = desired(*TWO)
    after = carry_out(compare(wanted, seen), seen)
    assert compare(wanted, after).changes == ()


def test_only_what_differs_is_set(seen):
    wanted = desired(TenantWish("t1", "甲", share=5), TenantWish("t2", "乙", share=5, projects=(ProjectWish("p"),)))
    changes = {change.key: change for change in compare(wanted, seen).changes if change.noun is Noun.ACCOUNT}
    assert str(changes["wutong-t1",]) == "set account wutong-t1: description: 武汉大学 `x|y` -> 甲"
    assert {each.word: each.value for each in changes["wutong-t2",].settings} == {
        "description": "乙",
        "fairshare": "5",
        "grpjobs": None,
        "grpsubmitjobs": None,
        "grptres:cpu": None,
        "grptres:gres/gpu": None,
        "grptresmins:gres/gpu": None,
        "qos": None,
        "defaultqos": None,
    }


def test_its_own_limits_are_no_wishes(seen):
    """What stands on the cluster never survives because it stands there."""
    plan = compare(desired(TenantWish("t2", share=7)), seen)
    [change] = [change for change in plan.changes if change.key == ("wutong-t2",)]
    assert {"grpjobs", "grptres:gres/gpu", "qos"} <= {each.word for each in change.settings}


def test_the_centres_weight_in_the_site_is_the_sites_unless_wished(seen):
    settings = {each.word for change in compare(desired(), seen).changes if change.key == ("wutong",) for each in change.settings}
    assert "fairshare" not in settings
    [change] = [change for change in compare(desired(share=30), seen).changes if change.key == ("wutong",)]
    assert ("fairshare", "30") in {(each.word, each.value) for each in change.settings}


def test_things_of_others_are_left_alone_and_told(seen):
    plan = compare(desired(), seen)
    foreign = {thing.key for thing in plan.foreign}
    assert foreign == {("urgent",), ("idle",), ("physics",), ("bob", "wutong-t2.p", "ai")}
    assert not {change.key for change in plan.changes} & foreign
    assert "left alone account physics" in plan.lines()


def test_a_name_that_others_hold_is_a_conflict_and_stops_what_stands_on_it(seen):
    things = dict(seen.things)
    things[Noun.ACCOUNT, ("wutong-t3",)] = Thing(Noun.ACCOUNT, ("wutong-t3",), {"organization": "site", "parent": "root", "fairshare": "9"})
    plan = compare(desired(TenantWish("t1"), TenantWish("t3", projects=(ProjectWish("q"),))), State("tx", things))
    assert {aside.key for aside in plan.conflicts} == {("wutong-t3",), ("wutong-t3.q",), ("wtx3", "wutong-t3"), ("wtx3", "wutong-t3.q")}
    assert not any("t3" in "".join(change.key) for change in plan.changes)
    assert any(change.key == ("wutong-t1",) for change in plan.changes)


def test_a_class_that_others_hold_is_given_to_nobody(seen):
    things = {**seen.things, (Noun.QOS, ("wutong-urgent",)): Thing(Noun.QOS, ("wutong-urgent",), {"description": "site's", "priority": "9"})}
    plan = compare(desired(TenantWish("t1")), State("tx", things))
    assert (Noun.QOS, ("wutong-urgent",)) in {(aside.noun, aside.key) for aside in plan.conflicts}
    assert not [change for change in plan.changes if change.noun is Noun.ACCOUNT and change.verb is not Verb.SET]


def removing(seen, *wishes, busy=CALM, **changes):
    return compare(desired(*wishes), seen, busy, **changes)


def test_an_account_is_shut_before_it_goes(seen):
    calm = _without_bob(seen)
    first = removing(calm, TenantWish("t2", projects=(ProjectWish("p"),)))
    assert [str(change) for change in first.changes if change.key == ("wutong-t1",)] == ["set account wutong-t1: grpsubmitjobs: unset -> 0"]
    assert not any(change.verb is Verb.REMOVE and change.noun is not Noun.QOS for change in first.changes)
    second = removing(carry_out(first, calm), TenantWish("t2", projects=(ProjectWish("p"),)))
    assert [(change.verb, change.noun, change.key) for change in second.changes] == [
        (Verb.REMOVE, Noun.ASSOCIATION, ("wtx1", "wutong-t1")),
        (Verb.REMOVE, Noun.ACCOUNT, ("wutong-t1",)),
    ]


def test_the_lowest_accounts_go_first(seen):
    shut = carry_out(removing(_without_bob(seen)), _without_bob(seen))
    gone = [change.key for change in removing(shut).changes if change.noun is Noun.ACCOUNT]
    assert gone.index(("wutong-t2.p",)) < gone.index(("wutong-t2",))
    assert ("wutong",) not in gone


def test_an_account_with_jobs_is_put_off(seen):
    calm = _without_bob(seen)
    shut = carry_out(removing(calm), calm)
    plan = removing(shut, busy=Busy(frozenset({"wutong-t2.p"})))
    assert {change.key for change in plan.changes} == {("wtx1", "wutong-t1"), ("wutong-t1",)}
    assert {(aside.key, aside.why) for aside in plan.deferred} == {
        (("wutong-t2.p",), "its jobs have not ended."),
        (("wutong-t2",), "an account below it stays."),
    }
    assert "put off account wutong-t2.p: its jobs have not ended." in plan.lines()


def test_where_nobody_could_look_nothing_is_removed(seen):
    calm = _without_bob(seen)
    shut = carry_out(removing(calm), calm)
    assert not any(change.verb is Verb.REMOVE for change in removing(shut, busy=None).changes)


def test_an_account_that_somebody_else_works_in_stays(seen):
    shut = carry_out(removing(seen), seen)
    plan = removing(shut)
    assert ("wutong-t2.p",) not in {change.key for change in plan.changes}
    assert "bob, who is not ours, works in it." in {aside.why for aside in plan.deferred}


def test_a_tenant_of_whom_too_little_is_known_keeps_what_it_has(seen):
    plan = removing(seen, held={"wutong-t2": "its user is not there."})
    assert not any("t2" in "".join(change.key) for change in plan.changes)
    assert "put off account wutong-t2: its user is not there." in plan.lines()


def test_a_user_that_was_exchanged_gives_way_to_the_new_one(seen):
    plan = compare(desired(TenantWish("t1"), users={"t1": "wtx9"}), seen)
    about = [(change.verb, change.key) for change in plan.changes if change.noun is Noun.ASSOCIATION and change.key[1] == "wutong-t1"]
    assert about == [(Verb.ADD, ("wtx9", "wutong-t1")), (Verb.REMOVE, ("wtx1", "wutong-t1"))]
    busy = compare(desired(TenantWish("t1"), users={"t1": "wtx9"}), seen, Busy(frozenset({"wutong-t1"})))
    assert not any(change.verb is Verb.REMOVE and change.key == ("wtx1", "wutong-t1") for change in busy.changes)


def test_a_class_that_is_in_use_or_named_by_others_stays():
    policy = {ServiceClass.NORMAL: ClassPolicy(priority=1)}
    full = carry_out(compare(desired()), NOTHING)
    named = Thing(Noun.ACCOUNT, ("physics",), {"organization": "site", "parent": "root", "qos": "wutong-idle"})
    plan = compare(desired(policy=policy), State("tx", {**full.things, (named.noun, named.key): named}), Busy(qos=frozenset({"wutong-urgent"})))
    gone = {change.key[0] for change in plan.changes if change.verb is Verb.REMOVE}
    assert gone == {"wutong-preemptible", "wutong-interactive"}
    assert {aside.key[0] for aside in plan.deferred} == {"wutong-urgent", "wutong-idle"}


def test_a_closed_tenant_takes_nothing_new():
    state = desired(dataclasses.replace(TWO[1], closed=True))
    assert state.find(Noun.ACCOUNT, "wutong-t2").settings["grpsubmitjobs"] == "0"


def test_a_tenant_with_classes_of_its_own_has_a_default_among_them():
    state = desired(TenantWish("t1", classes=(ServiceClass.IDLE, ServiceClass.INTERACTIVE)))
    settings = state.find(Noun.ACCOUNT, "wutong-t1").settings
    assert (settings["qos"], settings["defaultqos"]) == ("wutong-idle,wutong-interactive", "wutong-idle")


def test_an_account_known_elsewhere_gets_its_place_here():
    elsewhere = Thing(Noun.ACCOUNT, ("wutong-t1",), {"organization": "wutong", "description": "甲"})
    plan = compare(desired(TenantWish("t1")), State("tx", {(elsewhere.noun, elsewhere.key): elsewhere}))
    assert [change.verb for change in plan.changes if change.key == ("wutong-t1",)] == [Verb.ADD]
    assert not any(change.verb is Verb.REMOVE for change in compare(desired(), State("tx", {(elsewhere.noun, elsewhere.key): elsewhere})).changes)


def test_nothing_fences_a_tenant_in():
    """Weights, no ceilings, unless somebody asked for them (hard partitions cost everyone dearly)."""
    words = {word for thing in desired(TenantWish("t1"), TenantWish("t2")).of(Noun.ACCOUNT) for word in thing.settings}
    assert words == {"parent", "organization", "description", "fairshare", "qos", "defaultqos"}


def _without_bob(seen):
    return State(seen.cluster, {key: thing for key, thing in seen.things.items() if "bob" not in thing.key})


def test_a_plan_reads_well():
    lines = compare(desired(TenantWish("t1", "甲"))).lines()
    assert "add association wtx1 in wutong-t1 (fairshare=1)" in lines
    assert "add account wutong-t1 (parent=wutong, organization=wutong, description=甲, fairshare=1)" in lines
    assert Change(Verb.REMOVE, Noun.QOS, ("x",)).__str__() == "remove qos x"
