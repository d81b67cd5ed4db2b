"""The order of the local engine: what must hold for any queue, machine and shares."""

import time

from hypothesis import given
from hypothesis import strategies as st

from wutong.centre.engines.local.queue import Holding, Need, Queue, Shares, Waiting, charge, explain, order, plan

TOTAL = Need(8, 16, 4096)
NOW = 1000.0

needs = st.builds(Need, st.integers(0, 9), st.integers(0, 8), st.integers(1, 4096))
runs = st.lists(
    st.builds(
        Waiting,
        name=st.uuids().map(str),
        tenant=st.sampled_from("abcd"),
        need=needs,
        lasts_s=st.integers(1, 5000),
        priority=st.integers(-2, 2),
        submitted_ms=st.integers(0, 100),
    ),
    max_size=30,
)
shares = st.builds(
    Shares,
    st.dictionaries(st.sampled_from("abcd"), st.floats(0, 1e6)),
    st.dictionaries(st.sampled_from("abcd"), st.floats(0.1, 10)),
)


@st.composite
def held(draw):
    """Runs that hold resources, together no more than there is."""
    free, holding = TOTAL, []
    for need in draw(st.lists(needs, max_size=8)):
        if need.fits(free):
            holding.append(Holding(need, NOW + draw(st.integers(0, 4000))))
            free = free - need
    return holding


def room(holding, total=TOTAL):
    for hold in holding:
        total = total - hold.need
    return total


def earliest(need, holding):
    """Say by brute force when by their limits enough runs have ended for this one."""
    moments = sorted({NOW, *(hold.ends_by_s for hold in holding)})
    return next(moment for moment in moments if need.fits(room([hold for hold in holding if hold.ends_by_s > moment])))


@given(runs, held(), shares)
def test_never_gives_more_than_there_is(waiting, holding, shares):
    chosen = plan(Queue(waiting), holding, TOTAL, shares, NOW)
    left = room([*holding, *(Holding(run.need, 0) for run in chosen.starts)])
    assert min(left.slots, left.cpus, left.memory_mb) >= 0
    assert len({run.name for run in chosen.starts}) == len(chosen.starts)


@given(runs, held(), shares)
def test_no_start_delays_the_head(waiting, holding, shares):
    chosen = plan(Queue(waiting), holding, TOTAL, shares, NOW)
    if chosen.head is None:
        return
    promised = chosen.shadow_s
    after = [*holding, *(Holding(run.need, NOW + run.lasts_s) for run in chosen.starts)]
    assert earliest(chosen.head.need, after) <= promised
    assert chosen.head not in chosen.starts


@given(runs, held(), shares)
def test_leaves_nothing_idle_that_could_be_used_without_harm(waiting, holding, shares):
    chosen = plan(Queue(waiting), holding, TOTAL, shares, NOW)
    after = [*holding, *(Holding(run.need, NOW + run.lasts_s) for run in chosen.starts)]
    for run in waiting:
        if run in chosen.starts or run == chosen.head or not run.need.fits(room(after)):
            continue
        assert chosen.head is not None
        late = [*after, Holding(run.need, NOW + run.lasts_s)]
        assert earliest(chosen.head.need, late) > chosen.shadow_s


@given(runs, held(), shares)
def test_what_starts_before_the_head_is_the_front_of_the_order(waiting, holding, shares):
    queue = Queue(waiting)
    line = [run for run in order(queue, shares) if run.need.fits(TOTAL)]
    chosen = plan(queue, holding, TOTAL, shares, NOW)
    if chosen.head is None:
        assert sorted(run.name for run in chosen.starts) == sorted(run.name for run in line)


@given(runs, shares)
def test_the_order_has_everyone_once_and_each_tenant_in_its_own_order(waiting, shares):
    line = order(Queue(waiting), shares)
    assert sorted(run.name for run in line) == sorted(run.name for run in waiting)
    for tenant in "abcd":
        own = [run for run in line if run.tenant == tenant]
        assert own == sorted(own, key=lambda run: run.order)


@given(runs, st.data())
def test_removed_runs_are_gone(waiting, data):
    queue = Queue(waiting)
    gone = data.draw(st.lists(st.sampled_from(waiting), unique=True)) if waiting else []
    for run in gone:
        assert queue.remove(run.name) == run
    assert {run.name for run in order(queue, Shares())} == {run.name for run in waiting} - {run.name for run in gone}
    assert len(queue) == len(waiting) - len(gone)


def flood(tenant, count, slots=1, **changes):
    return [Waiting(f"{tenant}{n:05}", tenant, Need(slots, 1, 10), 3600, submitted_ms=n, **changes) for n in range(count)]


def test_a_flood_does_not_delay_another_tenants_single_run():
    queue = Queue([*flood("flood", 500), Waiting("single", "other", Need(1, 1, 10), 3600, submitted_ms=10**9)])
    running = [Holding(Need(1, 1, 10), NOW + 5) for _slot in range(7)]
    chosen = plan(queue, running, TOTAL, Shares({"flood": 7 * charge(Need(1, 1, 10), 3600)}), NOW)
    assert [run.name for run in chosen.starts] == ["single"]


def test_a_heavier_weight_gets_more_turns():
    line = order(Queue([*flood("a", 40), *flood("b", 40)]), Shares(weights={"a": 3.0}))
    assert sum(run.tenant == "a" for run in line[:20]) == 15


def test_a_large_run_is_not_starved_by_small_ones():
    """Small runs that keep coming may use the holes, but not push the large one's promised start away."""
    large = Waiting("large", "a", Need(8, 8, 10), 100, submitted_ms=0)
    holding = [Holding(Need(1, 1, 10), NOW + 50) for _slot in range(4)]
    now, shadow = NOW, None
    for turn in range(60):
        queue = Queue([large, *(Waiting(f"s{turn}-{n}", "a", Need(1, 1, 10), 30, submitted_ms=turn + 1) for n in range(8))])
        chosen = plan(queue, holding, TOTAL, Shares(), now)
        if large in chosen.starts:
            break
        assert chosen.head == large
        shadow = shadow or chosen.shadow_s
        assert chosen.shadow_s <= shadow
        holding += [Holding(run.need, now + run.lasts_s) for run in chosen.starts]
        now += 1
        holding = [hold for hold in holding if hold.ends_by_s > now]
    assert now <= shadow + 1


def test_what_is_larger_than_the_machine_blocks_nobody():
    chosen = plan(Queue([*flood("a", 1, slots=9), *flood("b", 1)]), [], TOTAL, Shares({"b": 1e9}), NOW)
    assert [run.tenant for run in chosen.starts] == ["b"]
    assert chosen.head is None


def test_says_what_a_run_waits_for():
    assert explain(Need(4, 1, 10), Need(2, 8, 4096), TOTAL, 3) == "It needs 4 of 8 accelerators and 2 are free; 3 runs are ahead."
    assert explain(Need(9, 1, 10), TOTAL, TOTAL, 0).startswith("It needs 9 accelerators")
    assert "memory" in explain(Need(1, 1, 4000), Need(2, 8, 100), TOTAL, 0)


def test_a_pass_costs_the_same_however_long_the_queue():
    def cost(count):
        queue = Queue(flood("a", count) + flood("b", count))
        full = [Holding(TOTAL, NOW + 10)]
        plan(queue, full, TOTAL, Shares(), NOW)
        began = time.perf_counter()
        for _pass in range(20):
            plan(queue, full, TOTAL, Shares(), NOW)
        return time.perf_counter() - began

    assert min(cost(5000) for _try in range(3)) < 10 * min(cost(50) for _try in range(3))
