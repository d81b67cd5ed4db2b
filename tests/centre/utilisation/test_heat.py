"""Machines hour by hour, queues by pool, cards by machine: what the console shows of the centre."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from wutong.centre import service as centre
from wutong.centre.rules import RunSpec
from wutong.kit.errors import Invalid

HOUR = datetime(2026, 1, 5, 8, tzinfo=UTC)
H = timedelta(hours=1)


@pytest.fixture
def session(session, fake_clock):
    centre.seed_local(session, slots=8, cpus=8, memory_mb=8192)
    return session


def there(session, node, hour, card_ms=1000):
    session.execute(text("INSERT INTO centre_capacity VALUES (:h, 'p', :n, :c)"), {"h": HOUR + hour * H, "n": node, "c": card_ms})


def used(session, node, hour, card_ms, tenant="t"):
    values = {"h": HOUR + hour * H, "n": node, "c": card_ms, "t": tenant}
    session.execute(text("INSERT INTO centre_utilisation VALUES (:h, 'p', :n, :t, :c)"), values)


def test_each_machine_has_its_hours_and_none_where_it_gave_nothing(session):
    for hour in (0, 1, 3):
        there(session, "n1", hour)
    there(session, "n2", 0, 0)
    used(session, "n1", 1, 300)
    used(session, "n1", 1, 200, tenant="u")
    used(session, "n1", 3, 2000)  # reported late, more than there was: shown as full
    used(session, "n1", 9, 500)  # outside
    heat = centre.heat(session, HOUR, HOUR + 4 * H + timedelta(minutes=30))
    assert (heat.begins, heat.hours) == (HOUR, 4)
    assert [(row.node, row.permille, row.mean) for row in heat.rows] == [("n1", (0, 500, None, 1000), 500), ("n2", (None,) * 4, None)]


def test_spans_of_nothing_or_too_long_are_refused(session):
    for span in (timedelta(), timedelta(days=32)):
        with pytest.raises(Invalid):
            centre.heat(session, HOUR, HOUR + span)


def run(session, name, phase, **values):
    centre.request_run(session, RunSpec(name=name, tenant="t", argv=("true",), slots=values.pop("cards", 1)), pool="local")
    sets = ", ".join(f"{key} = :{key}" for key in values)
    query = f"UPDATE centre_run SET phase = :phase, due_at = NULL{', ' + sets if sets else ''} WHERE name = :name"
    session.execute(text(query), {"name": name, "phase": phase, **values})


def test_the_queue_in_order_with_those_without_a_place_last(session, fake_clock):
    for name, position in (("late", 7), ("none", None), ("first", 0)):
        run(session, name, "queued", position=position)
    run(session, "runs", "running", node="n1")
    fake_clock.advance(90)
    assert [each.name for each in centre.list_waiting(session, "local")] == ["first", "late", "none"]
    assert [each.name for each in centre.list_waiting(session, "local", limit=1)] == ["first"]
    assert centre.list_waiting(session, "none") == []
    waiting = centre.waiting_by_pool(session)["local"]
    assert (waiting.runs, waiting.oldest_s) == (3, 90)


def test_cards_count_on_each_machine_of_a_run(session):
    run(session, "wide", "running", node="n[1-3]", cards=8)
    run(session, "one", "running", node="n1", cards=1)
    run(session, "over", "queued", node="n1", cards=1)
    assert centre.cards_by_node(session) == {("local", "n1"): 4, ("local", "n2"): 3, ("local", "n3"): 2}
