"""The daily comparison: each day once it has ended, a difference kept with its rows, an accounting that is away waited for."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.centre.conftest import add_npu_pool, want_run
from tests.centre.stub import StubEngine

from wutong.centre import service
from wutong.centre.comparison.comparer import Comparer, NoAccounts
from wutong.centre.engines.operations import Accounted
from wutong.centre.engines.protocol import Unknown
from wutong.centre.meter import Meter
from wutong.centre.reconciler import Reconciler
from wutong.centre.registry import Engines
from wutong.kit.errors import Invalid, Unavailable


class Keeper(StubEngine):
    """The stub with accounts of its own."""

    def __init__(self):
        super().__init__()
        self.books = []
        self.asked = []

    def accounted(self, since, until, names=()):
        self.asked.append((since, until, tuple(names)))
        return Unknown("dbd is away") if self.dark else [each for each in self.books if each.started < until]


class House:
    def __init__(self, database, clock):
        self.database, self.clock, self.engine = database, clock, Keeper()
        self.engines = Engines([self.engine])
        self.comparer = Comparer(database, self.engines)
        self.reconciler, self.meter = Reconciler(database, self.engines), Meter(database, self.engines)
        with database.session() as session:
            add_npu_pool(session)

    def run(self, name, seconds, *, booked=0, slots=4):
        want_run(self.database, name, slots=slots)
        self.follow()
        started = round(self.clock.now().timestamp())
        self.engine.begin(name)
        self.follow()
        self.clock.advance(seconds - 6)
        self.engine.end(name)
        self.follow()
        self.engine.books.append(Accounted(name, "7", True, "u", "a", "npu", "COMPLETED", started, started + seconds + booked, slots, 8))

    def follow(self):
        for _ in range(3):
            self.clock.advance(2)
            self.reconciler.step()
        self.meter.step()

    def alarm(self):
        with self.database.session() as session:
            return service.comparison_alarm(session)


@pytest.fixture
def house(database, fake_clock):
    return House(database, fake_clock)


def test_a_day_is_compared_once_when_it_has_ended(house):
    house.run("c-1", 60)
    assert not house.comparer.step(), "the day still goes on"
    house.clock.advance(24 * 3600)
    assert house.comparer.step()
    assert not house.comparer.step()
    with house.database.session() as session:
        (made,) = service.list_comparisons(session)
    assert (made.engine, made.day, made.runs, made.starts, made.our_card_ms, made.their_card_ms, made.differences) == (
        "stub", date(2026, 1, 5), 1, 1, 240_000, 240_000, 0,
    )  # fmt: skip
    assert (house.alarm().differences, house.alarm().compared) == (0, 1)


def test_a_difference_is_an_alarm_with_its_rows(house):
    house.run("c-1", 60)
    house.run("c-2", 60, booked=7)
    house.clock.advance(24 * 3600)
    assert house.comparer.step()
    assert (house.alarm().differences, house.alarm().days) == (1, 1)
    with house.database.session() as session:
        ((_, row),) = service.list_differences(session, service.list_comparisons(session))
    assert (row.run_name, row.kind, row.our_card_ms, row.their_card_ms) == ("c-2", "differs", 240_000, 268_000)


def test_a_later_comparison_of_the_day_stands_and_the_earlier_stays(house):
    house.run("c-1", 60, booked=7)
    house.clock.advance(600)
    assert [each.differences for each in house.comparer.compare_day()] == [1]
    house.engine.books = [replace(each, ended=each.started + 60) for each in house.engine.books]
    assert [each.differences for each in house.comparer.compare_day()] == [0]
    assert house.alarm().differences == 0
    with house.database.session() as session:
        assert session.scalar(text("SELECT count(*) FROM centre_comparison")) == 2
    with pytest.raises(DBAPIError, match="journal"), house.database.session() as session:
        session.execute(text("DELETE FROM centre_difference"))


def test_runs_of_an_earlier_day_are_asked_for_by_name(house):
    house.run("c-1", 2 * 24 * 3600)
    house.clock.advance(24 * 3600)
    while house.comparer.step():
        pass
    assert house.engine.asked[-1][2] == ("c-1",)
    assert house.alarm().differences == 0


def test_what_ended_a_moment_ago_is_left_for_later(house):
    house.run("c-1", 60)
    assert [each.runs for each in house.comparer.compare_day()] == [0]
    house.clock.advance(180)
    assert [each.runs for each in house.comparer.compare_day()] == [1]


def test_starts_that_the_centre_never_heard_of_are_a_difference(house):
    now = round(house.clock.now().timestamp())
    house.engine.books.append(Accounted("c-9", "9", True, "u", "a", "npu", "COMPLETED", now, now + 5, 4, 8))
    house.engine.books.append(Accounted("theirs", "10", False, "u", "a", "npu", "COMPLETED", now, now + 5, 4, 8))
    house.clock.advance(600)
    assert [(each.differences, each.runs) for each in house.comparer.compare_day()] == [(1, 1)]


def test_nothing_is_compared_while_the_accounting_is_away(house):
    house.run("c-1", 60)
    house.clock.advance(24 * 3600)
    house.engine.dark = True
    assert not house.comparer.step()
    with pytest.raises(Unavailable):
        house.comparer.compare_day()
    house.engine.dark = False
    assert not house.comparer.step(), "it is asked again after a while"
    house.clock.advance(301)
    assert house.comparer.step()


def test_a_day_to_come_and_a_centre_without_accounts_are_refused(house):
    with pytest.raises(Invalid):
        house.comparer.compare_day(house.clock.now().date() + timedelta(days=2))
    with pytest.raises(NoAccounts):
        Comparer(house.database, Engines([StubEngine()])).compare_day()
