"""What the console draws: heat maps as few boxes, courses with gaps, bars; and how forms are read."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from wutong.centre.rules import Slot
from wutong.compute.budgets.rules import month_bounds
from wutong.kit.errors import Invalid
from wutong.web.console import reading
from wutong.web.console.course import courses, hours_together, readable, sums
from wutong.web.console.drawing import bars, heat_paths, level_of, line_path
from wutong.web.months import Month, read_month

AT = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_shades_go_from_idle_to_full():
    assert [level_of(permille) for permille in (None, 0, 9, 10, 250, 500, 749, 750, 1000)] == [None, 0, 0, 1, 2, 3, 3, 4, 4]


def test_equal_neighbours_are_one_box():
    paths = heat_paths([[0, 0, 1000, None], [0, 0, 0, 0]])
    assert paths == {"h0": "M0 0h2v1h-2zM0 1h4v1h-4z", "h4": "M2 0h1v1h-1z", "off": "M3 0h1v1h-1z"}


def test_a_line_has_gaps_and_dots():
    assert line_path([0, 1, None, 0.5], width=30, height=10) == "M0 10L10 0M30 5h.01"
    assert line_path([], width=30, height=10) == ""


def test_bars_are_as_high_as_their_values():
    assert [tall for _, _, _, tall in bars([1, 2, 4], width=30, height=100)] == [25, 50, 100]


def test_a_long_course_has_its_table_by_the_readers_days():
    begins, zone = datetime(2026, 10, 31, 16, tzinfo=UTC), ZoneInfo("Asia/Shanghai")
    slots = [Slot(begins + timedelta(hours=hour), "npu", hour % 2, 2) for hour in range(24 * 30)]
    made, short = readable(slots, zone), readable(slots[:48], zone)
    assert (len(made.table), len(short.table)) == (30, 48)
    assert made.table[0] == (begins, (0.25,))
    assert made.lines == courses(slots).lines


def test_courses_and_sums_by_pool():
    slots = [Slot(AT, "a", 1800_000, 3600_000), Slot(AT, "b", 0, 3600_000), Slot(AT + 2 * HOUR, "a", 3600_000, 3600_000)]
    made = courses(slots)
    assert [line.pool for line in made.lines] == ["a", "b"]
    assert [shares for _, shares in made.table] == [(0.5, 0.0), (None, None), (1.0, None)]
    assert [(sum_of.pool, sum_of.share) for sum_of in sums(slots)] == [("a", 0.75), ("b", 0.0), ("", 0.5)]
    assert hours_together(slots, AT + 3 * HOUR, 4) == [None, 0.25, None, 1.0]


def test_moments_are_read_in_the_readers_zone():
    zone = ZoneInfo("Asia/Shanghai")
    assert reading.moment("2026-07-01T08:30", zone, field="x") == datetime(2026, 7, 1, 0, 30, tzinfo=UTC)
    assert reading.moment(" ", zone, field="x") is None
    for nonsense in ("soon", "2026-13-01T00:00"):
        with pytest.raises(Invalid):
            reading.moment(nonsense, zone, field="x")


def test_months_are_read_and_counted():
    now = datetime(2026, 11, 30, 17, tzinfo=UTC)
    assert read_month("", now).name == "2026-12"  # already December in the bill's zone
    assert month_bounds("2026-12")[1] == datetime(2026, 12, 31, 16, tzinfo=UTC)
    assert read_month("2026-01", now) == Month("2026-01", "2025-12", "2026-02")
    assert read_month("2025-12", now).after == "2026-01"
    for nonsense in ("nonsense", "2026-13", "0001-01"):
        with pytest.raises(Invalid):
            read_month(nonsense, now)


@pytest.mark.parametrize("text", ["-1", "1.5", "x", "", "²"])
def test_whole_numbers_only(text):
    with pytest.raises(Invalid):
        reading.whole(text, field="x")
    assert reading.whole("1,000", field="x") == 1000
