"""Utilisation as arithmetic: sums that lose nothing, capacity that follows the history of nodes."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wutong.centre.catalogue.rules import NodeState
from wutong.centre.utilisation.rules import By, Group, Slot, Used, add_up, check_span, up_ms
from wutong.kit.errors import Invalid

HOUR = datetime(2026, 1, 5, 8, tzinfo=UTC)
END = HOUR + timedelta(hours=1)
UP, DRAINING, DOWN = NodeState.UP, NodeState.DRAINING, NodeState.DOWN


def minutes(count):
    return HOUR + timedelta(minutes=count)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.lists(st.sampled_from(["n1", "n2", "n3"]), unique=True), st.integers(0, 10**9))))
def test_nothing_is_lost_between_nodes(uses):
    sums = add_up(Used(HOUR, "p", tenant, tuple(nodes), card_ms) for tenant, nodes, card_ms in uses)
    assert sum(sums.values()) == sum(card_ms for _, _, card_ms in uses)


def test_a_run_on_three_nodes_is_divided():
    assert add_up([Used(HOUR, "p", "t", ("n1", "n2", "n3"), 100)]) == {(HOUR, "p", f"n{n}", "t"): ms for n, ms in [(1, 34), (2, 33), (3, 33)]}


@pytest.mark.parametrize(
    ("before", "changes", "there"),
    [
        (UP, [], 60),
        (None, [], 0),
        (DOWN, [], 0),
        (DRAINING, [], 60),
        (UP, [(minutes(15), DOWN)], 15),
        (UP, [(minutes(15), DOWN), (minutes(45), UP)], 30),
        (None, [(minutes(20), UP)], 40),
        (UP, [(minutes(10), DRAINING), (minutes(20), DOWN)], 20),
    ],
)
def test_a_node_counts_while_it_is_not_down(before, changes, there):
    assert up_ms(before, changes, HOUR, END) == there * 60_000


def test_a_share_of_nothing_is_none():
    assert Slot(HOUR, "p", 0, 0).share is None
    assert Slot(HOUR, "p", 5, 10).share == 0.5


@pytest.mark.parametrize(("by", "group", "days"), [(By.HOUR, Group.NODE, 32), (By.DAY, Group.TENANT, 800), (By.HOUR, Group.POOL, 0)])
def test_spans_too_long_to_show_are_refused(by, group, days):
    with pytest.raises(Invalid):
        check_span(HOUR, HOUR + timedelta(days=days), by, group)
