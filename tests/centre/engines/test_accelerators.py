"""Which device files and variables each vendor's accelerators need."""

from pathlib import Path

import pytest

from wutong.centre.engines import accelerators, devices
from wutong.centre.engines.slurm import parse


@pytest.mark.parametrize(
    ("kind", "variable", "numbered"),
    [
        ("ascend910b", "ASCEND_RT_VISIBLE_DEVICES", f"/dev/davinci{devices.NUMBER}"),
        ("a100", "CUDA_VISIBLE_DEVICES", f"/dev/nvidia{devices.NUMBER}"),
        ("mlu370", "MLU_VISIBLE_DEVICES", f"/dev/cambricon_dev{devices.NUMBER}"),
    ],
)
def test_each_vendors_card_is_shown_by_its_number(kind, variable, numbered):
    assert variable in accelerators.visible(kind)
    assert [path for path in accelerators.devices(kind) if devices.NUMBER in path] == [numbered]


def test_parts_of_a_card_are_a_kind_of_their_own_and_their_files_are_not_numbered():
    assert parse.accelerators("gpu:a100:4(S:0),gpu:a100_3g.40gb:8(S:0-1)") == {"a100": 4, "a100_3g.40gb": 8}
    shown = accelerators.devices("a100_3g.40gb")
    assert {"/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-caps"} <= set(shown)
    assert not [path for path in shown if devices.NUMBER in path]
    assert accelerators.visible("1g.10gb") == ("CUDA_VISIBLE_DEVICES", "WUTONG_VISIBLE_DEVICES")
    assert all(Path(path).is_relative_to("/dev") for path in shown)


def test_what_is_shown_of_devices_is_repeated_for_each_of_a_jobs_own():
    shown = devices.expand(["--dev", "/dev", *accelerators.shown("ascend910b", network=False)], [2, 3])
    assert shown[:8] == ["--dev", "/dev", devices.SHOW, "/dev/davinci2", "/dev/davinci2", devices.SHOW, "/dev/davinci3", "/dev/davinci3"]
    assert not [word for word in shown if devices.NUMBER in word or word in {"/dev/davinci0", "/dev/davinci1"}]
    place = shown.index("/sys/class/pci_bus")
    assert shown[place - 1 : place + 2] == ["--ro-bind-try", "/sys/class/pci_bus", "/sys/class/pci_bus"], "libraries look for links there"


def test_a_job_joins_only_groups_that_open_what_not_everyone_may():
    assert accelerators.groups_needed([(0o20660, 1001), (0o20666, 7), (0o20640, 9), (0o20600, 8), (0o20660, 0)]) == [1001], "and never root's"


def test_only_a_job_with_the_network_sees_the_fabric_that_leads_past_the_sandboxs_own():
    assert "/dev/infiniband" in accelerators.shown("h100", network=True)
    assert "/dev/infiniband" not in accelerators.shown("h100", network=False)
