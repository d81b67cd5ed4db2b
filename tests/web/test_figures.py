"""Figures as pages write them: card-hours that say something, scales that can be read."""

import pytest

from wutong.web.bill.usage import SMALLEST_SCALE_MS, scale_top
from wutong.web.figures import card_hours
from wutong.web.jobs.lineage import Box


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0"), (0.046, "< 0.0001"), (0.37, "0.0001"), (14.4, "0.004"), (360, "0.1"), (4500, "1.25"), (3600 * 999.5, "999.5"), (3600 * 1234, "1,234")],
)
def test_card_hours_never_say_nothing_of_something(seconds, said):
    assert card_hours(seconds) == said


@pytest.mark.parametrize(
    ("most_ms", "top_ms"),
    [(0, SMALLEST_SCALE_MS), (46, 3_600), (3_601, 7_200), (7_201, 18_000), (18_001, 36_000), (36_001, 72_000), (3_600_000, 3_600_000)],
)
def test_a_scale_ends_at_a_round_number_of_card_hours(most_ms, top_ms):
    assert scale_top(most_ms) == top_ms
    assert card_hours(top_ms / 1000) != card_hours(top_ms / 2000)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("first-training", "first-training"),
        ("job_06h05zw9ycgm788bc1pf@1", "job_06h05zw9ycgm788bc…"),
        ("道路病害检测训练数据集", "道路病害检测训练数据集"),
        ("道路病害检测训练数据集二", "道路病害检测训练数据…"),
    ],
)
def test_names_in_a_graph_keep_within_their_boxes(name, shown):
    assert Box("output", name, "", 0, 0).short == shown
