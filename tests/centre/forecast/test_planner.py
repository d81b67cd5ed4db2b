from math import inf
from pathlib import Path

import pytest
from tests.centre.forecast.samples import past

from wutong.centre.forecast.planner import Plan, at_load, compare, cut, extended, outcome, what_if
from wutong.centre.forecast.rules import Machine, Order, Policy
from wutong.centre.forecast.traces import load_trace


def test_an_outcome_sums_up_waits_slowdowns_and_use():
    jobs = [past("a", 4, 100, tenant="t"), past("b", 4, 5, at=50, tenant="u"), past("c", 9, 5, at=50, tenant="u")]
    found = outcome(jobs, [0.0, 100.0, inf], Machine(4))
    assert (found.all.jobs, found.impossible) == (2, 1)
    assert (found.all.mean_s, found.all.median_s) == (25, 25)
    assert found.all.slowdown == pytest.approx((1 + 5.5) / 2)
    assert found.utilisation == 1.0
    assert found.tenants["u"].mean_s == 50
    assert found.all.card_hours == pytest.approx(420 / 3600)


def test_plans_are_compared_on_the_same_jobs():
    jobs = [past(f"j{n}", 4, 100, at=n) for n in range(10)]
    found = compare(jobs, {"as it is": Plan(Machine(4), Policy(Order.EASY)), "twice": Plan(Machine(8), Policy(Order.EASY))})
    assert found["twice"].all.mean_s < found["as it is"].all.mean_s / 1.9


def test_nothing_is_planned_for_nobody():
    assert what_if([], Machine(4), Policy()).all.jobs == 0


def test_a_job_that_overran_is_extended_or_cut():
    overran = past("a", 1, 100, limit_s=60)
    assert extended([overran])[0].ask.limit_s == 100
    assert cut([overran])[0].run_s == 60


def test_submissions_move_until_the_load_is_as_asked():
    jobs = at_load([past(f"j{n}", 2, 10, at=100 + n) for n in range(11)], Machine(4), 0.5)
    assert jobs[0].ask.submit_s == 0
    assert jobs[-1].ask.submit_s == pytest.approx(11 * 20 / (4 * 0.5))


@pytest.mark.slow
def test_easy_on_sdsc_blue_slows_jobs_down_as_published(sdsc_blue: Path):
    """36.5 in the literature: jobs that ran, limits raised to what overran them, 1,152 processors, run times of at least 10 s in the ratio."""
    trace = load_trace(sdsc_blue)
    found = what_if(extended(trace.jobs), Machine(trace.cards), Policy(Order.EASY))
    assert found.all.jobs == 232_536
    assert found.all.slowdown == pytest.approx(36.5, rel=0.05)


@pytest.mark.slow
def test_sharing_beats_fencing_on_philly(philly: Path):
    """Law 21: the same cards, pooled or fenced off by tenant in proportion to their work."""
    jobs = load_trace(philly).jobs[:20_000]
    pooled = what_if(jobs, Machine(816), Policy(Order.PRIORITY, recalculate_s=3600)).all.mean_s
    tenants = {job.tenant for job in jobs}
    work = {tenant: sum(job.run_s * job.ask.cards for job in jobs if job.tenant == tenant) for tenant in tenants}
    total, waits, count = sum(work.values()), 0.0, 0
    for tenant in tenants:
        theirs = [job for job in jobs if job.tenant == tenant]
        cards = max(round(816 * work[tenant] / total), *(job.ask.cards for job in theirs))
        fenced = what_if(theirs, Machine(cards), Policy(Order.EASY)).all
        waits, count = waits + fenced.mean_s * fenced.jobs, count + fenced.jobs
    assert waits / count > 3 * pooled
