"""Who pays how much: nothing is lost, shares are kept over the life of a hold, and what is held can be charged."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from wutong.ledger.rules import Credit, Purpose, Terms
from wutong.ledger.splits import Source, Wallet, allot, most, wallet_sources

NOW = datetime(2026, 1, 5, tzinfo=UTC)
credit_sources = st.lists(st.tuples(st.integers(1, 1000), st.integers(0, 500)), max_size=4)


def sources_of(given: list[tuple[int, int]], cash: int) -> list[Source]:
    return [*(Source(f"c{n}", share, free) for n, (share, free) in enumerate(given)), Source("", 1000, cash)]


@given(credit_sources, st.integers(0, 1000), st.integers(1, 2000))
def test_nothing_is_lost_and_nobody_overdrawn(given, cash, need):
    sources = sources_of(given, cash)
    takes, left = allot(need, need, sources)
    assert sum(takes.values()) + left == need
    for source in sources:
        taken = takes.get(source.label, 0)
        assert 0 <= taken <= source.free
        assert source.is_cash or taken <= -(-need * source.share_permille // 1000)


@given(credit_sources, st.integers(0, 1000), st.lists(st.integers(1, 60), min_size=1, max_size=40))
def test_what_is_held_pays_every_charge_within_it(given, cash, charges):
    placed, left = allot(sum(charges), sum(charges), sources_of(given, cash))
    if left:
        return
    shares = {f"c{n}": share for n, (share, _) in enumerate(given)} | {"": 1000}
    used = dict.fromkeys(placed, 0)
    total = 0
    for charge in charges:
        total += charge
        held = [Source(label, shares[label], amount - used[label], used[label]) for label, amount in placed.items()]
        takes, left = allot(charge, total, sorted(held, key=lambda source: source.is_cash))
        assert left == 0
        for label, taken in takes.items():
            used[label] += taken
            assert label == "" or used[label] <= -(-total * shares[label] // 1000)
    assert used == placed


def test_small_charges_are_shared_over_the_life_of_the_hold():
    used, paid = 0, []
    for total in range(1, 11):
        takes, _ = allot(1, total, [Source("v", 300, 100, used), Source("", 1000, 100)])
        used += takes.get("v", 0)
        paid.append(takes.get("v", 0))
    assert used == 3
    assert paid == [0, 0, 0, 1, 0, 0, 1, 0, 0, 1]


def test_shares_round_up_only_when_nobody_else_can_pay():
    sources = [Source("a", 500, 100), Source("b", 500, 100)]
    assert allot(101, 101, sources) == ({"a": 51, "b": 50}, 0)
    assert allot(101, 101, [*sources, Source("", 1000, 1)]) == ({"a": 50, "b": 50, "": 1}, 0)


@given(credit_sources, st.integers(0, 1000))
def test_the_most_can_be_covered(given, cash):
    sources = sources_of(given, cash)
    assert allot(most(sources), most(sources), sources)[1] == 0
    assert cash <= most(sources) <= cash + sum(free for _, free in given)


@given(st.integers(1, 999), st.integers(0, 500), st.integers(0, 1000))
def test_more_than_the_most_cannot_be_covered_by_cash_and_one_credit(share, free, cash):
    sources = sources_of([(share, free)], cash)
    top = most(sources)
    assert allot(top + 1, top + 1, sources)[1] > 0 or cash == 0
    assert most(sources_of([(1000, free)], cash)) == cash + free


def test_credits_are_taken_by_purpose_validity_and_expiry():
    def credit(name: str, days: int, **terms) -> Credit:
        return Credit(name, "t", name, "fen", 10, 10, Terms(NOW - timedelta(days=1), NOW + timedelta(days=days), **terms))

    wallet = Wallet(
        5,
        0,
        (
            credit("late", 30),
            credit("soon", 2),
            credit("over", 0),
            credit("storage", 9, services=("storage",)),
            credit("npu", 9, flavours=("npu.8",)),
            credit("pool", 9, pools=("east",)),
            credit("anything", 40, services=None),
        ),
    )
    assert [source.label for source in wallet_sources(wallet, Purpose(), NOW)] == ["soon", "late", "anything", ""]
    assert [source.label for source in wallet_sources(wallet, Purpose("compute", "npu.8", "east"), NOW)][:3] == ["soon", "npu", "pool"]
