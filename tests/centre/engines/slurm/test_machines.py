"""Nodes as the centre counts them, from what sinfo of Slurm 22.05.8 printed of a small mixed cluster."""

import pytest

from wutong.centre.engines.protocol import Machine
from wutong.centre.engines.slurm import machines

PRINTED = """\
boxn1|drained|32|64000|gpu:ascend910b:8|ai|14-00:00:00|fan 3 | noisy, 风扇
boxn2|idle*|32|64000|gpu:ascend910b:8|ai|14-00:00:00|none
boxn3|down|32|64000|gpu:a100:4,gpu:l40s:2|ai|14-00:00:00|power supply
boxn4|mixed|32|64000|(null)|hpc|infinite|none
slurm_load_node: a line of another kind
"""


def test_each_node_comes_once_for_each_kind_of_its_cards() -> None:
    fortnight = 14 * 24 * 3600
    assert machines.machines(PRINTED) == [
        Machine("boxn1", "ai", "ascend910b", 8, 32, 64000, "draining", "fan 3 | noisy, 风扇", fortnight),
        Machine("boxn2", "ai", "ascend910b", 8, 32, 64000, "down", "", fortnight),
        Machine("boxn3", "ai", "a100", 4, 32, 64000, "down", "power supply", fortnight),
        Machine("boxn3", "ai", "l40s", 2, 32, 64000, "down", "power supply", fortnight),
        Machine("boxn4", "hpc", "", 0, 32, 64000, "up", "", None),
    ]


@pytest.mark.parametrize(
    ("state", "meaning"),
    [
        ("idle", "up"),
        ("allocated", "up"),
        ("completing", "up"),
        ("draining", "draining"),
        ("maint", "draining"),
        ("drained*", "down"),
        ("inval", "down"),
    ],
)
def test_states_come_to_three(state: str, meaning: str) -> None:
    assert machines.condition(state) == meaning


@pytest.mark.parametrize(("text", "seconds"), [("30:00", 1800), ("1:00:00", 3600), ("2-01:00:05", 176_405), ("infinite", None), ("n/a", None)])
def test_time_limits_are_read(text: str, seconds: int | None) -> None:
    assert machines.limit_s(text) == seconds
