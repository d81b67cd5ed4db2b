"""Budgets refuse what passes them, by tenant and by person, month by month of Asia/Shanghai."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.compute import money as world

from wutong.compute.budgets import service as budgets
from wutong.compute.budgets.rules import BudgetExceeded, SpendPart, add_up, level_reached, month_bounds, month_of
from wutong.identity.rules import Role
from wutong.kit import clock
from wutong.kit.errors import Forbidden, NotFound


def check(session, needed, person_id="per_a"):
    budgets.check_budget(session, tenant_id="ten_a", person_id=person_id, needed_fen=needed, at=clock.now())


def test_without_a_budget_nothing_is_refused(session, fake_clock):
    check(session, 10**12)


def test_the_tenants_budget_counts_for_everybody(session, fake_clock):
    budgets.set_budget(session, world.member(), limit_fen=1_000)
    month = month_of(clock.now())
    budgets.add_spend(session, [SpendPart("ten_a", "per_b", month, 700, 0, 1)])
    check(session, 300)
    with pytest.raises(BudgetExceeded, match=r"¥7\.00 is spent and this needs ¥3\.01 more"):
        check(session, 301)
    budgets.add_spend(session, [SpendPart("ten_a", "per_b", month, -700, 0, -1)])
    check(session, 1_000)


def test_a_persons_budget_is_the_persons_own(session, fake_clock):
    budgets.put_limit(session, tenant_id="ten_a", person_id="per_a", limit_fen=100, changed_by="test")
    with pytest.raises(BudgetExceeded, match="this person"):
        check(session, 101)
    check(session, 101, "per_b")


def test_a_new_month_begins_at_midnight_in_shanghai(session, fake_clock):
    budgets.set_budget(session, world.member(), limit_fen=100)
    budgets.add_spend(session, [SpendPart("ten_a", "per_a", "2026-01", 100, 0, 1)])
    fake_clock.time = datetime(2026, 1, 31, 15, 59, 59, tzinfo=UTC)
    with pytest.raises(BudgetExceeded):
        check(session, 1)
    fake_clock.time = datetime(2026, 1, 31, 16, tzinfo=UTC)
    check(session, 1)


def test_budgets_are_set_and_removed_by_those_who_may(session, fake_clock):
    assert budgets.set_budget(session, world.member(role=Role.FINANCE), limit_fen=5).limit_fen == 5
    assert budgets.set_budget(session, world.member(), limit_fen=6).limit_fen == 6
    with pytest.raises(Forbidden):
        budgets.set_budget(session, world.member(role=Role.MEMBER), limit_fen=7)
    with pytest.raises(NotFound):
        budgets.set_budget(session, world.member(), person_id="per_stranger", limit_fen=7)
    assert budgets.list_budgets(session, world.member("ten_b")) == []
    budgets.remove_budget(session, world.member())
    with pytest.raises(NotFound):
        budgets.remove_budget(session, world.member())


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("pq"), st.integers(-100, 100)), max_size=20))
def test_people_add_up_to_their_tenant(parts):
    sums = add_up([SpendPart(tenant, person, "2026-01", fen, 0, 0) for tenant, person, fen in parts])
    for tenant in "ab":
        whole = [one.amount_fen for one in sums if one.tenant_id == tenant and one.person_id is None]
        assert sum(whole) == sum(one.amount_fen for one in sums if one.tenant_id == tenant and one.person_id)
    assert [(one.tenant_id, one.person_id or "") for one in sums] == sorted((one.tenant_id, one.person_id or "") for one in sums)


@given(st.integers(946_800_000, 4_100_000_000))
def test_a_moment_lies_within_its_month(seconds):
    at = datetime.fromtimestamp(seconds, UTC)
    first, after = month_bounds(month_of(at))
    assert first <= at < after


def test_levels():
    assert [level_reached(percent) for percent in (0, 79, 80, 95, 100, 150)] == [0, 0, 80, 90, 100, 100]


@pytest.mark.parametrize("text", ["0001-01", "9999-12", "0000-05", "2026-13", "2026", "soon-01"])
def test_texts_that_are_no_month_of_a_bill_are_refused(text):
    with pytest.raises(ValueError):
        month_bounds(text)
