"""Rating is exact however usage is cut up, and the ladder takes one rung at a time."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from wutong.compute.billing.ladder_rules import STAGE_MOVES, BalanceMark, Stage, balance_step, decide, used_percent
from wutong.compute.billing.rules import Meter, covered_ms, rate, split_hold
from wutong.compute.catalogue.rules import charge_for, cost_fen

PRICE = st.integers(0, 10**6)
MS = st.integers(1, 10**8)
NOW = datetime(2026, 1, 5, tzinfo=UTC)


@given(price=PRICE, parts=st.lists(MS, min_size=1, max_size=30))
def test_the_sum_of_charges_is_the_floor_of_the_exact_total(price, parts):
    meter, charged = Meter(), 0
    for part in parts:
        rated = rate(meter, part, price, 0)
        meter, charged = rated.meter, charged + rated.amount_fen
        assert rated.amount_fen >= 0
    assert charged == meter.amount_fen == price * sum(parts) // 3_600_000


@given(price=PRICE, parts=st.lists(MS, min_size=1, max_size=20), held=st.integers(0, 10**5))
def test_packages_pay_whole_seconds_first_and_nothing_is_lost_between(price, parts, held):
    meter, left, money_ms = Meter(), held, 0
    for part in parts:
        rated = rate(meter, part, price, left)
        meter, left, money_ms = rated.meter, left - rated.package_seconds, money_ms + rated.money_ms
        assert left >= 0
    assert meter.package_seconds * 1000 + meter.package_carry_ms + money_ms == meter.card_ms == sum(parts)
    assert meter.package_carry_ms < 1000
    assert left == 0 or money_ms == 0
    assert meter.amount_fen == price * money_ms // 3_600_000


@given(units=st.integers(0, 10**15))
def test_charge_and_rest_are_the_units(units):
    fen, rest = charge_for(units)
    assert fen * 3_600_000 + rest == units
    assert 0 <= rest < 3_600_000


@given(price=st.integers(1, 10**6), ms=MS, free=st.integers(0, 10**6), cards=st.integers(1, 64))
def test_what_is_held_covers_the_time_it_is_held_for(price, ms, free, cards):
    seconds, fen = split_hold(ms * cards, price, free)
    assert seconds <= free
    assert covered_ms(held_fen=fen, held_package_s=seconds, fen_per_card_hour=price, cards=cards) >= ms
    assert fen <= cost_fen(price, ms * cards)


@given(
    stage=st.sampled_from(Stage),
    dry_in=st.none() | st.integers(-600, 7200),
    stop_in=st.none() | st.integers(-600, 600),
    extended=st.booleans(),
    blocked=st.booleans(),
    grace_s=st.integers(0, 900),
)
def test_every_decision_is_an_allowed_move_and_never_both_signals_and_stops(stage, dry_in, stop_in, extended, blocked, grace_s):
    def at(seconds):
        return None if seconds is None else NOW + timedelta(seconds=seconds)

    step = decide(
        now=NOW,
        stage=stage,
        stop_at=at(stop_in) if stage is Stage.GRACE else None,
        covered_until=at(dry_in),
        extended=extended and not blocked,
        blocked=blocked,
        grace=timedelta(seconds=grace_s),
        half=timedelta(minutes=30),
    )
    assert step.stage in STAGE_MOVES[stage]
    assert not (step.signal and step.stop)
    assert step.stop == (step.stage is Stage.STOPPING and stage is not Stage.STOPPING)
    assert step.signal == (step.stage is Stage.GRACE and stage is Stage.FINE)
    assert step.look_at is None or step.look_at >= NOW
    if step.stage is Stage.GRACE:
        assert step.look_at is not None
        assert step.stop_at is not None


def test_a_top_up_begins_a_new_period_so_that_warnings_come_again():
    mark = balance_step(BalanceMark(), 1000)
    assert mark == BalanceMark(1000, 1, 0)
    mark = balance_step(mark, 150)
    assert mark == BalanceMark(1000, 1, 80)
    assert balance_step(mark, 90) == BalanceMark(1000, 1, 90)
    topped = balance_step(mark, 600)
    assert topped == BalanceMark(600, 2, 0)
    assert balance_step(topped, 100).level == 80


def test_debt_is_all_of_it():
    assert used_percent(0, -1) == 100
    assert used_percent(100, -50) == 150
    assert used_percent(0, 0) == 0
