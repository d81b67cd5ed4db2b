"""What a job of each vendor's accelerators needs to see: the variable that names its devices, and their files on the node. Pure."""

import re
from collections.abc import Sequence

from wutong.centre.engines.devices import NUMBER, SHOW

_ASCEND = (
    ("ASCEND_RT_VISIBLE_DEVICES", "ASCEND_VISIBLE_DEVICES"),
    (f"/dev/davinci{NUMBER}", "/dev/davinci_manager", "/dev/devmm_svm", "/dev/hisi_hdc"),
)
_NVIDIA = (("CUDA_VISIBLE_DEVICES",), (f"/dev/nvidia{NUMBER}", "/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia-modeset"))
_SLICED = ((*_NVIDIA[0],), (*(f"/dev/nvidia{card}" for card in range(16)), *_NVIDIA[1][1:], "/dev/nvidia-caps"))
"""Slurm numbers the parts of cards, not their files: the files of all cards are shown, and control groups keep the others' from being opened."""
_AMD = (("ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"), ("/dev/kfd", "/dev/dri"))
_CAMBRICON = (("MLU_VISIBLE_DEVICES",), (f"/dev/cambricon_dev{NUMBER}", "/dev/cambricon_ctl"))
_HYGON = (("HIP_VISIBLE_DEVICES",), ("/dev/kfd", "/dev/mkfd", "/dev/dri"))
_FABRIC = ("/dev/infiniband",)
_SIGHTS = (
    *("/sys/devices", "/sys/bus/pci"),
    *(f"/sys/class/{name}" for name in ("drm", "infiniband", "infiniband_verbs", "kfd", "pci_bus")),
    *(f"/sys/module/{name}" for name in ("amdgpu", "nvidia", "nvidia_uvm")),
)
"""Where drivers and communication libraries (NCCL, RCCL) look for the cards and the links between them; without it they give up."""
_SLICE = re.compile(r"(?:^|_)\dg\.\d+gb$")
_VENDORS = {"ascend": _ASCEND, "mlu": _CAMBRICON, "mi": _AMD, "dcu": _HYGON, "k100": _HYGON, "z100": _HYGON}


def visible(kind: str) -> tuple[str, ...]:
    """Return the variables that name a job's devices; the kind is a name such as `ascend910b`, `a100`, `mlu370`."""
    return (*_vendor(kind)[0], "WUTONG_VISIBLE_DEVICES")


def devices(kind: str) -> tuple[str, ...]:
    """Return the device files of the kind, those of single accelerators with `NUMBER` in their names."""
    return _vendor(kind)[1]


def shown(kind: str, *, network: bool) -> tuple[str, ...]:
    """Return the sandbox's options that show a job its devices and where they are; `devices.expand` puts the numbers in.

    Only a job with the network sees the fabric's devices: by them other machines can be reached past the sandbox's own network.
    """
    options = [option for path in (*devices(kind), *(_FABRIC if network else ())) for option in (SHOW, path, path)]
    for path in _SIGHTS:
        options += ["--ro-bind-try", path, path]
    return tuple(options)


def groups_needed(files: Sequence[tuple[int, int]]) -> list[int]:
    """Return which groups may open devices that not everyone may, of device files given by mode and group. Root's is nobody's to join."""
    return sorted({group for mode, group in files if group and mode & 0o060 == 0o060 and mode & 0o006 != 0o006})


def _vendor(kind: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if _SLICE.search(kind):
        return _SLICED
    return next((vendor for beginning, vendor in _VENDORS.items() if kind.startswith(beginning)), _NVIDIA)
