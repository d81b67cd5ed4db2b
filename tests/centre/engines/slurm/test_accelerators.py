"""Which device files and variables each vendor's accelerators need."""

from pathlib import Path

import pytest

from wutong.centre.engines.slurm import accelerators, parse
from wutong.centre.engines.slurm.runner.devices import NUMBER


@pytest.mark.parametrize(
    ("kind", "variable", "numbered"),
    [
        ("ascend910b", "ASCEND_RT_VISIBLE_DEVICES", f"/dev/davinci{NUMBER}"),
        ("a100", "CUDA_VISIBLE_DEVICES", f"/dev/nvidia{NUMBER}"),
        ("mlu370", "MLU_VISIBLE_DEVICES", f"/dev/cambricon_dev{NUMBER}"),
    ],
)
def test_each_vendors_card_is_shown_by_its_number(kind, variable, numbered):
    assert variable in accelerators.visible(kind)
    assert [path for path in accelerators.devices(kind) if NUMBER in path] == [numbered]


def test_parts_of_a_card_are_a_kind_of_their_own_and_their_files_are_not_numbered():
    assert parse.accelerators("gpu:a100:4(S:0),gpu:a100_3g.40gb:8(S:0-1)") == {"a100": 4, "a100_3g.40gb": 8}
    shown = accelerators.devices("a100_3g.40gb")
    assert {"/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-caps"} <= set(shown)
    assert not [path for path in shown if NUMBER in path]
    assert accelerators.visible("1g.10gb") == ("CUDA_VISIBLE_DEVICES", "WUTONG_VISIBLE_DEVICES")
    assert all(Path(path).is_relative_to("/dev") for path in shown)
