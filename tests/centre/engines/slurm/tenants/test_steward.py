"""The steward on a real cluster: what it makes, what it leaves, and that being cut short does no harm."""

import dataclasses
import subprocess

import pytest
from tests.centre.engines.slurm.tenants.cast import TENANTS

from wutong.centre.engines.slurm.tenants import names
from wutong.centre.engines.slurm.tenants.identities import ExistingIdentities
from wutong.centre.engines.slurm.tenants.policy import usual_policy
from wutong.centre.engines.slurm.tenants.rules import Limits, Noun, ProjectWish, ServiceClass, TenantWish, Verb
from wutong.centre.engines.slurm.tenants.steward import CommandFailed, NoSuchCluster, over
from wutong.centre.engines.slurm.transport import Transport

pytestmark = [pytest.mark.needs_slurm]

GOOD = TenantWish(
    "good",
    "武汉大学 'x|y'",
    share=5,
    projects=(ProjectWish("p", "项目", share=2),),
    limits=Limits(4, 50, {"cpu": 8, "gres/gpu": 16}, {"gres/gpu": 900}),
)
EVIL = TenantWish("evil", classes=(ServiceClass.NORMAL, ServiceClass.IDLE))


def held_job(lab, steward, tenant):
    line = ["sbatch", "--parsable", "--hold", f"--uid={TENANTS[tenant]}", f"--account={names.tenant_account(steward.centre, tenant)}"]
    return lab.run(*line, "--export=NONE", "--output=/dev/null", "--wrap", "true").stdout.strip()


def test_a_life(tenants_lab, steward):
    """Made, corrected, left alone, shut, put off for a job, and gone."""
    lab, later = tenants_lab, [TenantWish("good", "新", share=2, projects=GOOD.projects), TenantWish("evil")]
    dry = steward.plan([GOOD, EVIL])
    first = steward.step([GOOD, EVIL])
    assert first.failures == ()
    assert first.plan.changes == dry.changes
    mine = lab.run("sacctmgr", "-nP", "show", "account", f"name={names.tenant_account(steward.centre, 'good')}", "format=descr").stdout.strip()
    assert mine == "武汉大学 x y"

    corrected = steward.step(later)
    assert corrected.failures == ()
    assert {change.verb for change in corrected.plan.changes} == {Verb.SET}
    assert steward.plan(later).changes == ()

    job = held_job(lab, steward, "evil")
    steward.step(later[:1])
    with pytest.raises(subprocess.CalledProcessError) as refused:
        held_job(lab, steward, "evil")
    assert "AssocGrpSubmitJobsLimit" in refused.value.stderr
    put_off = steward.step(later[:1])
    assert put_off.plan.changes == ()
    assert [aside.why for aside in put_off.plan.deferred] == ["its jobs have not ended."]
    assert lab.run("squeue", "-h", "-j", job, "-o", "%r").stdout.strip() == "JobHeldUser"

    lab.run("scancel", job)
    assert steward.step(later[:1]).failures == ()
    assert _accounts(steward) == {steward.centre, *(f"{steward.centre}-good{end}" for end in ("", ".p"))}


@pytest.mark.slow
def test_a_tenant_that_went_may_come_back(steward):
    steward.step([GOOD, EVIL])
    for _ in range(2):
        assert steward.step([]).failures == ()
    assert _accounts(steward) == {steward.centre}
    assert steward.step([GOOD]).failures == ()
    assert len(_accounts(steward)) == 3
    assert steward.plan([GOOD]).changes == ()


def _accounts(steward):
    """The centre's accounts that have a place on the cluster."""
    return {each.key[0] for each in steward.look().of(Noun.ACCOUNT) if each.key[0].startswith(steward.centre) and "parent" in each.settings}


def test_things_of_others_are_left_alone(tenants_lab, steward):
    lab, taken = tenants_lab, names.tenant_account(steward.centre, "evil")
    lab.run("sacctmgr", "-i", "add", "account", f"name=x{steward.centre},{taken}", "organization=site", "description=Dept. A|B", "fairshare=9")
    steward.step([GOOD, EVIL])
    lab.run("sacctmgr", "-i", "add", "user", "name=nobody", f"account={names.tenant_account(steward.centre, 'good')}")
    theirs = _things_with(steward, f"x{steward.centre}", taken, "nobody")
    assert len(theirs) == 3
    outcome = steward.step([])
    assert {aside.key for aside in steward.plan([GOOD, EVIL]).conflicts} >= {(taken,)}
    assert not {thing.key for thing in theirs} & {change.key for change in outcome.plan.changes}
    steward.step([])
    assert _things_with(steward, f"x{steward.centre}", taken, "nobody") == theirs


def _things_with(steward, *words):
    return [thing for thing in steward.look().things.values() if set(words) & set(thing.key)]


@pytest.mark.parametrize("after_s", [pytest.param(0.1, marks=pytest.mark.slow), 0.25, pytest.param(0.45, marks=pytest.mark.slow)])
def test_killed_in_the_middle(tenants_lab, steward, after_s):
    """Every call that changes something is killed somewhere on its way; the next step finds what is left to do and does it."""
    whole = steward.run
    killed = over(Transport(tenants_lab.slurm_conf, limit_s=1), limit_s=after_s)

    def cut_short(argv):
        return whole(argv) if "show" in argv or argv[0] == "squeue" else killed(argv)

    steward.run = cut_short
    assert steward.step([GOOD, EVIL]).failures
    steward.run = whole
    for _ in range(3):
        outcome = steward.step([GOOD, EVIL])
        if not outcome.changed:
            break
    assert outcome.plan.changes == ()
    assert outcome.plan.conflicts == ()


def test_a_job_that_comes_in_is_in_the_tenants_account_and_class(tenants_lab, settled):
    steward = settled
    job = held_job(tenants_lab, steward, "good")
    told = tenants_lab.run("squeue", "-h", "-j", job, "-o", "%u %a %q").stdout.split()
    tenants_lab.run("scancel", job)
    assert told == [TENANTS["good"], names.tenant_account(steward.centre, "good"), names.class_qos(steward.centre, ServiceClass.NORMAL)]


@pytest.mark.slow
def test_the_usual_classes_all_stand(tenants_lab, steward):
    steward.policy = usual_policy()
    assert steward.step([]).failures == ()
    assert steward.step([]).plan.changes == ()
    line = ["sacctmgr", "-nP", "show", "qos", "format=name,preempt,preemptmode,priority"]
    told = [row.split("|") for row in tenants_lab.run(*line).stdout.splitlines() if row.startswith(steward.centre)]
    by_name = {name.removeprefix(f"{steward.centre}-"): (preempt, mode, int(priority)) for name, preempt, mode, priority in told}
    assert set(by_name) == set(ServiceClass)
    assert by_name["urgent"] == (f"{steward.centre}-idle,{steward.centre}-preemptible", "cluster", 1000)
    assert by_name["idle"] == ("", "requeue", 0)


def test_a_cluster_that_is_not_there_is_not_made_up(tenants_lab, steward):
    steward.cluster = "nowhere"
    with pytest.raises(NoSuchCluster):
        steward.step([GOOD])
    assert "nowhere" not in tenants_lab.run("sacctmgr", "-nP", "show", "cluster", "format=cluster").stdout


def test_a_tenant_without_a_user_waits_and_keeps_what_it_has(settled):
    steward = dataclasses.replace(settled, identities=ExistingIdentities("wutong-nobody-{tenant}"))
    plan = steward.plan([TenantWish("good"), TenantWish("evil")])
    assert not any(change.verb is Verb.REMOVE for change in plan.changes)
    assert len(plan.deferred) == 2
    assert "There is no UNIX user wutong-nobody-good for the tenant good." in plan.deferred[0].why


def test_a_slurm_that_knows_no_nested_sets(settled):
    whole = settled.run

    def newer(argv):
        return whole([word.replace("Lft,Rgt", "Lineage") for word in argv])

    expected = settled.look()
    assert expected.find(Noun.ACCOUNT, names.tenant_account(settled.centre, "good")).settings["parent"] == settled.centre
    assert dataclasses.replace(settled, run=newer).look() == expected


def test_nothing_is_known_while_slurm_does_not_answer(steward):
    def silent(argv):
        raise CommandFailed(program=argv[0], said="Connection refused")

    steward.run = silent
    with pytest.raises(CommandFailed, match="Connection refused"):
        steward.step([GOOD])


@pytest.mark.parametrize("name", ["root", "Wutong", "a b", ""])
def test_a_centre_has_a_name_that_slurm_can_carry(steward, name):
    with pytest.raises(ValueError, match="small letters"):
        type(steward)(run=steward.run, cluster="c", centre=name, identities=steward.identities)
