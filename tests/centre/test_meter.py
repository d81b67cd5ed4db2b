import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.centre.conftest import want_run
from tests.centre.stub import StubEngine

from wutong.centre import service
from wutong.centre.engines.protocol import EndReason, UsageRecord
from wutong.centre.meter import Meter
from wutong.centre.usage.rules import Fact, read_record, sort_out

RECORD = UsageRecord("r1", 0, 1_767_600_000.0, 10.0, 4, final=False)


@pytest.fixture
def meter(centre, engines):
    for name in ("r1", "r2"):
        want_run(centre, name)
    return Meter(centre, engines)


def journal(centre, after=0):
    with centre.session() as session:
        return service.usage_after(session, after, 100)


def check(centre):
    with centre.session() as session:
        return service.check_meter(session)


def test_totals_grow_and_repeats_change_nothing(centre, meter, stub: StubEngine):
    stub.journal += [RECORD, RECORD, replace(RECORD, seconds=12.3456)]
    assert meter.step()
    assert not meter.step()
    stub.journal += [replace(RECORD, seconds=12.3456), replace(RECORD, seconds=12.3456, final=True), replace(RECORD, seconds=12.3456)]
    meter.step()
    lines = journal(centre)
    assert [(line.seconds_ms, line.card_seconds_ms, line.final) for line in lines] == [
        (10_000, 40_000, False),
        (12_346, 49_384, False),
        (12_346, 49_384, True),
    ]
    assert len({line.id for line in lines}) == 3
    assert journal(centre, lines[0].seq) == lines[1:]


def test_bad_records_are_kept_aside_and_stop_nobody_else(centre, meter, stub):
    bad = [replace(RECORD, seconds=5.0), replace(RECORD, seconds=math.nan), replace(RECORD, seconds=-1.0), replace(RECORD, slots=9, seconds=11.0)]
    bad += [replace(RECORD, window_start=math.inf), replace(RECORD, window_start=1e300), replace(RECORD, restart=-1)]
    stub.journal += [RECORD, *bad, *bad, replace(RECORD, name="r2")]
    meter.step()
    assert [line.run_name for line in journal(centre)] == ["r1", "r2"]
    assert (check(centre).refused, check(centre).foreign, meter.alarms) == (7, 0, 7)


def test_the_last_window_of_a_start_says_what_the_centre_did_to_it(centre, meter, stub):
    lost = replace(RECORD, seconds=12.0, final=True, fault=EndReason.NODE_LOST)
    odd = [replace(lost, final=False, restart=1), replace(lost, fault=EndReason.FAILED, restart=2), replace(lost, fault="sabotage", restart=3)]
    stub.journal += [RECORD, *odd, lost]
    meter.step()
    assert [(line.restart, line.final, line.fault) for line in journal(centre)] == [(0, False, ""), (0, True, EndReason.NODE_LOST)]
    assert check(centre).refused == 3


def test_usage_of_unknown_runs_is_kept_as_foreign(centre, meter, stub):
    stub.journal += [replace(RECORD, name="someone"), replace(RECORD, name="a\x00b"), replace(RECORD, name="someone"), RECORD]
    meter.step()
    assert (len(journal(centre)), check(centre).refused, check(centre).foreign) == (1, 0, 2)


def test_a_crash_before_the_cursor_moves_repeats_the_batch_without_harm(centre, meter, engines, stub):
    stub.journal += [RECORD]
    meter.step()
    stub.usage = lambda since: StubEngine.usage(stub, "")
    Meter(centre, engines).step()
    assert len(journal(centre)) == 1


def test_a_dark_engine_loses_no_usage(centre, meter, stub):
    stub.dark = True
    stub.journal += [RECORD]
    assert not meter.step()
    stub.dark = False
    assert meter.step()
    assert len(journal(centre)) == 1


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50), st.booleans()), max_size=30))
def test_each_windows_last_line_is_its_largest_total_in_order(reports):
    facts = [read_record(UsageRecord("r", 0, 60.0 * window, float(seconds), 2, final)) for window, seconds, final in reports]
    news, refused = sort_out([fact for fact in facts if isinstance(fact, Fact)], {})
    for window in {fact.window for fact in news}:
        totals = [fact.total.seconds_ms for fact in news if fact.window == window]
        assert totals == sorted(totals)
        assert max(totals) == max(fact.total.seconds_ms for fact in facts if fact.window == window)
    for fact, reason in refused:
        assert reason.startswith("The total fell")
        assert any(other.window == fact.window and other.total.seconds_ms > fact.total.seconds_ms for other in news)
