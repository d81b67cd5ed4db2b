import pytest

from wutong.centre.forecast.accuracy import DAYS, Accuracy, Scoreboard
from wutong.centre.forecast.mirror import Told

DAY = 86_400.0


def told(wait: float, *, at: float = 0.0, bound: float = 1000.0, limits: float | None = None) -> Told:
    return Told(at, wait, 0.0, wait, bound, limits)


def test_medians_are_over_jobs_that_waited_and_coverage_over_those_foretold_to():
    board = Scoreboard()
    board.score(told(0.0), 10.0)
    board.score(told(200.0, limits=900.0), 100.0)
    board.score(told(300.0, limits=900.0), 100.0)
    board.score(told(0.0, bound=0.0), 400.0)
    board.score(told(500.0, bound=600.0), 700.0)
    found = board.report(DAY)
    assert found.jobs == 4
    assert found.median_error_s == pytest.approx(200.0, rel=0.03)
    assert found.limits_jobs == 2
    assert found.limits_median_error_s == pytest.approx(800.0, rel=0.03)
    assert (found.foretold, found.coverage) == (3, pytest.approx(2 / 3))


def test_what_is_older_than_a_month_is_forgotten():
    board = Scoreboard()
    board.score(told(500.0), 700.0)
    assert board.report(DAY * DAYS - 1).jobs == 1
    assert board.report(DAY * DAYS) == Accuracy(0, None, 0, None, 0, None)


def test_a_saved_scoreboard_reports_the_same():
    board = Scoreboard()
    board.score(told(500.0, limits=30.0), 700.0)
    assert Scoreboard.from_state(board.to_state()).report(DAY) == board.report(DAY)
