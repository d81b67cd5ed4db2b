"""What is told, as arithmetic: which forecasts are news, which wait stands for which job, what maintenance does to a start."""

from datetime import UTC, datetime, timedelta
from math import inf

import pytest

from wutong.centre.forecast.rules import Prediction
from wutong.centre.forecast.told import STALE, Cell, Forecast, Outlook, Wait, card_sizes, cell_of, clear_of, find_wait, forecast, is_news
from wutong.centre.maintenance.rules import Window

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


def told(start_s: float, bound_s: float | None = None, *, made_at: datetime = NOW) -> Forecast:
    return Forecast("r", "p", made_at, NOW + timedelta(seconds=start_s), None if bound_s is None else NOW + timedelta(seconds=bound_s))


def test_what_never_starts_as_things_are_is_not_foretold():
    assert forecast("r", "p", NOW, Prediction(inf, inf), proven=True) is None
    assert cell_of(Prediction(inf, inf), cards=1, limit_s=60.0, now_s=0.0, proven=True) is None


@pytest.mark.parametrize(("start_s", "bound_s", "proven", "has_bound"), [(600, 900, True, True), (600, 900, False, False), (0, 0, False, True)])
def test_a_bound_is_told_when_it_is_proven_or_nothing_is_waited_for(start_s, bound_s, proven, has_bound):
    now_s = NOW.timestamp()
    assert (forecast("r", "p", NOW, Prediction(now_s + start_s, now_s + bound_s), proven=proven).bound_at is not None) == has_bound


def test_a_forecast_lies_never_before_it_was_made():
    assert forecast("r", "p", NOW, Prediction(NOW.timestamp() - 5, NOW.timestamp()), proven=True).start_at == NOW


@pytest.mark.parametrize(
    ("new", "old", "news"),
    [
        (told(600), None, True),
        (told(600), told(610), False),
        (told(600), told(640), True),
        (told(36_000), told(37_000), False),
        (told(36_000), told(38_000), True),
        (told(600, 900), told(600), True),
        (told(600, 900), told(600, 960), False),
        (told(600, 900), told(600, 1200), True),
        (told(5), told(-5, made_at=NOW - HOUR), True),
    ],
)
def test_what_differs_enough_is_news(new, old, news):
    assert is_news(new, old) is news


def test_a_job_waits_like_the_smallest_known_that_asks_for_no_less():
    cells = (Cell(1, 600.0, 0.0, 0.0), Cell(1, 3600.0, 60.0, 120.0), Cell(8, 600.0, 300.0, None), Cell(8, 3600.0, 900.0, 2000.0))
    outlook = Outlook("p", NOW, cells)
    assert find_wait(outlook, cards=1, limit_s=601, now=NOW) == Wait(60.0, 120.0)
    assert find_wait(outlook, cards=2, limit_s=600, now=NOW) == Wait(300.0, None)
    assert find_wait(outlook, cards=8, limit_s=3600, now=NOW + timedelta(seconds=100)) == Wait(800.0, 1900.0)
    assert find_wait(outlook, cards=9, limit_s=60, now=NOW) is None
    assert find_wait(outlook, cards=1, limit_s=7200, now=NOW) is None
    assert find_wait(outlook, cards=1, limit_s=600, now=NOW + STALE + timedelta(seconds=1)) is None


def test_an_outlook_is_made_for_the_sizes_that_flavours_come_in():
    assert card_sizes([1, 8, 3], 24) == [1, 2, 3, 4, 6, 8, 12, 16, 24]
    assert card_sizes([], 0) == []


@pytest.mark.parametrize(("start_h", "limit_h", "clear_h"), [(0, 1, 0), (1, 2, 4), (0, 3, 8), (3, 1, 4), (4, 9, 8), (4, 1, 4), (9, 9, 9)])
def test_a_start_that_would_run_into_maintenance_comes_after_it(start_h, limit_h, clear_h):
    def window(begin_h, end_h, nodes=()):
        return Window("m", "p", nodes, NOW + begin_h * HOUR, NOW + end_h * HOUR, "fans", "o", NOW)

    windows = [window(6, 8), window(2, 4), window(0, 20, nodes=("n1",))]
    assert clear_of(windows, NOW + start_h * HOUR, limit_h * 3600.0) == NOW + clear_h * HOUR
    assert clear_of([], NOW, inf) == NOW
