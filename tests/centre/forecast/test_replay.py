from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.centre.forecast.samples import logs, past

from wutong.centre.forecast.pools import NodePool
from wutong.centre.forecast.replay import replay
from wutong.centre.forecast.rules import Machine, Order, Past, Policy

MACHINE = Machine(16)
FIFO, EASY, PRIORITY = Policy(Order.FIFO), Policy(Order.EASY), Policy(Order.PRIORITY, recalculate_s=0.0)
policies = st.sampled_from([FIFO, EASY, PRIORITY])
machines = st.sampled_from([Machine(16), Machine(16, 4), Machine(16, 8)])


def test_first_come_first_served_lets_nobody_overtake():
    jobs = [past("a", 3, 10), past("b", 3, 10, at=1), past("c", 1, 1, at=2)]
    assert replay(jobs, Machine(4), FIFO) == [0, 10, 10]


def test_easy_starts_a_short_job_that_ends_before_the_head_can_start():
    jobs = [past("a", 3, 10), past("b", 3, 10, at=1), past("c", 1, 8, at=2), past("d", 1, 9, at=2)]
    assert replay(jobs, Machine(4), EASY) == [0, 10, 2, 10]


def test_easy_starts_a_long_job_on_cards_the_head_leaves_over():
    jobs = [past("a", 3, 10), past("b", 3, 10, at=1), past("c", 1, 100, at=2), past("d", 1, 5, at=3)]
    assert replay(jobs, Machine(5), EASY) == [0, 10, 2, 3]


def test_easy_trusts_limits_and_acts_on_early_ends():
    jobs = [past("a", 3, 4, limit_s=10), past("b", 4, 10, at=1), past("c", 1, 8, at=2)]
    assert replay(jobs, Machine(4), EASY) == [0, 10, 2]


def test_a_job_without_a_limit_backfills_only_beside_the_head():
    free = Past(past("x", 1, 5, at=2).ask.__class__("x", 1, None, 2.0), 5.0)
    assert replay([past("a", 3, 10), past("b", 4, 1, at=1), free], Machine(4), EASY) == [0, 10, 11]
    assert replay([past("a", 3, 10), past("b", 3, 1, at=1), free], Machine(4), EASY) == [0, 10, 2]


def test_a_job_wider_than_the_machine_is_left_out():
    assert replay([past("a", 5, 10), past("b", 4, 10, at=1)], Machine(4), FIFO) == [float("inf"), 1]


def test_nodes_refuse_what_a_count_would_allow():
    jobs = [past("a", 5, 10), past("b", 5, 10), past("c", 6, 10)]
    assert replay(jobs, Machine(16), EASY) == [0, 0, 0]
    assert replay(jobs, Machine(16, 8), EASY) == [0, 0, 10]


def test_the_tenant_who_used_least_goes_first():
    jobs = [past("a", 4, 100, tenant="big"), past("b", 4, 10, at=1, tenant="big"), past("c", 4, 10, at=2, tenant="small")]
    assert replay(jobs, Machine(4), EASY) == [0, 100, 110]
    assert replay(jobs, Machine(4), PRIORITY) == [0, 110, 100]


def test_a_larger_share_outweighs_more_use():
    jobs = [
        past("a", 4, 100, tenant="big"),
        past("w", 4, 90, at=0.5, tenant="small"),
        past("b", 4, 10, at=1, tenant="big"),
        past("c", 4, 10, at=2, tenant="small"),
    ]
    assert replay(jobs, Machine(4), PRIORITY)[2:] == [200, 190]
    assert replay(jobs, Machine(4), Policy(Order.PRIORITY, recalculate_s=0, shares={"big": 10}))[2:] == [190, 200]


def test_a_quality_of_service_goes_before_all_else():
    jobs = [past("a", 4, 100, tenant="t"), past("b", 4, 10, at=1, tenant="u"), past("c", 4, 10, at=2, tenant="t", qos="urgent")]
    assert replay(jobs, Machine(4), Policy(Order.PRIORITY, qos_weight=1e6, qos={"urgent": 1.0})) == [0, 110, 100]


@given(logs(), policies, machines)
def test_cards_are_never_given_twice(jobs: list[Past], policy: Policy, machine: Machine):
    starts = replay(jobs, machine, policy)
    changes = sorted(
        (time, cards)
        for job, start in zip(jobs, starts, strict=True)
        for time, cards in ((start, job.ask.cards), (start + job.run_s, -job.ask.cards))
    )
    assert all(used <= machine.cards for used in accumulate(cards for _, cards in changes))
    assert all(start >= job.ask.submit_s for job, start in zip(jobs, starts, strict=True))


@given(logs(), policies)
def test_the_first_of_the_queue_never_waits_while_there_is_room(jobs: list[Past], policy: Policy):
    starts = replay(jobs, MACHINE, policy)
    for now in {*starts, *(start + job.run_s for job, start in zip(jobs, starts, strict=True)), *(job.ask.submit_s for job in jobs)}:
        used = sum(job.ask.cards for job, start in zip(jobs, starts, strict=True) if start <= now < start + job.run_s)
        waiting = [job for job, start in zip(jobs, starts, strict=True) if job.ask.submit_s <= now < start]
        if waiting and policy.order is not Order.PRIORITY:
            assert used + min(waiting, key=lambda job: (job.ask.submit_s, job.ask.name)).ask.cards > MACHINE.cards


@given(logs())
def test_backfill_never_moves_the_head_past_what_limits_promised(jobs: list[Past]):
    """Once all before it have started, a job starts no later than if nobody stood behind it and all used up their limits."""
    jobs = sorted(jobs, key=lambda job: (job.ask.submit_s, job.ask.name))
    starts = replay(jobs, MACHINE, EASY)
    for at, (job, start) in enumerate(zip(jobs, starts, strict=True)):
        head_s = max([job.ask.submit_s, *starts[:at]])
        held = [(other, begun) for number, (other, begun) in enumerate(zip(jobs, starts, strict=True)) if begun < head_s or number < at]
        ends = sorted((begun + other.ask.most_s, other.ask.cards) for other, begun in held if begun + other.run_s > head_s)
        free, promised = MACHINE.cards - sum(cards for _, cards in ends), head_s
        for end, cards in ends:
            if free >= job.ask.cards:
                break
            promised, free = end, free + cards
        assert start <= max(promised, head_s)


@given(logs(), policies, st.randoms(use_true_random=False))
def test_the_order_of_the_list_does_not_matter(jobs: list[Past], policy: Policy, random):
    starts = dict(zip((job.ask.name for job in jobs), replay(jobs, MACHINE, policy), strict=True))
    random.shuffle(jobs)
    assert dict(zip((job.ask.name for job in jobs), replay(jobs, MACHINE, policy), strict=True)) == starts


@given(st.lists(st.integers(1, 24), max_size=12))
def test_a_job_of_a_node_or_less_stands_on_one_node(sizes: list[int]):
    pool = NodePool(Machine(32, 8))
    used: dict[int, int] = {}
    for cards in sizes:
        grant = pool.take(cards)
        if grant is None:
            continue
        assert sum(grant.values()) == cards
        assert len(grant) == -(-cards // 8)
        for node, held in grant.items():
            used[node] = used.get(node, 0) + held
            assert used[node] <= 8


@pytest.mark.parametrize("policy", [FIFO, EASY, PRIORITY])
def test_nothing_comes_of_nothing(policy: Policy):
    assert replay([], MACHINE, policy) == []
