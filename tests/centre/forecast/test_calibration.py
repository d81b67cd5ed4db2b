import random
from math import exp

import pytest

from wutong.centre.forecast.calibration import SLACK_S, Calibration
from wutong.centre.forecast.mirror import Told


def told(calibration: Calibration, raw: float) -> Told:
    wait, bound = calibration.correct(raw, 0.5)
    return Told(0.0, raw, 0.5, wait, bound, None)


@pytest.mark.parametrize("width", [0.3, 1.5])
def test_nine_in_ten_start_by_the_bound_though_the_workload_changes(width: float):
    chance, calibration, kept = random.Random(7), Calibration(), []
    for number in range(6000):
        raw = chance.uniform(100, 50_000)
        one = told(calibration, raw)
        spread = width if number < 3000 else 3 * width
        waited = max((raw + SLACK_S) * exp(chance.gauss(0.0, spread)) - SLACK_S, 0.0)
        kept.append(waited <= one.bound_s)
        calibration.learn(one, waited)
        calibration.count(missed=waited > one.bound_s)
    assert 0.88 <= sum(kept) / len(kept) <= 0.92
    assert 0.86 <= sum(kept[4000:]) / 2000 <= 0.94


def test_a_forecast_that_is_always_threefold_too_long_is_corrected():
    calibration = Calibration()
    for _ in range(200):
        calibration.learn(told(calibration, 9_000.0), 3_000.0)
    wait, bound = calibration.correct(9_000.0, 0.5)
    assert 2_900 <= wait <= 3_700
    assert bound < 9_000


def test_a_forecast_that_is_right_is_left_alone():
    chance, calibration = random.Random(7), Calibration()
    for _ in range(200):
        calibration.learn(told(calibration, 9_000.0), 9_000.0 * exp(chance.gauss(0, 0.5)))
    assert calibration.correct(9_000.0, 0.5)[0] == 9_000


def test_a_bound_is_never_before_the_forecast():
    calibration = Calibration()
    for waited in (0.0, 1e6) * 50:
        calibration.learn(told(calibration, 5_000.0), waited)
        wait, bound = calibration.correct(5_000.0, 0.0)
        assert bound >= wait


def test_a_saved_calibration_says_the_same():
    calibration = Calibration()
    for number in range(100):
        calibration.learn(told(calibration, 5_000.0), 100.0 * number)
    assert Calibration.from_state(calibration.to_state()).correct(5_000.0, 0.5) == calibration.correct(5_000.0, 0.5)
