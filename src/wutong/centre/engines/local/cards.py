"""The accelerators of this machine: their kind and the numbers of their device files, as the driver tells or the operator says."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wutong.centre.engines import accelerators
from wutong.centre.engines.devices import NUMBER, numbered

NVIDIA = Path("/proc/driver/nvidia/gpus")
"""Where NVIDIA's driver tells of each card, in a file of its own."""
AUTO, NONE = "auto", "none"
_MAKERS = re.compile(r"^(?:nvidia|tesla|quadro|geforce)\s+")
_NO_NAME = re.compile(r"[^a-z0-9.]")


@dataclass(frozen=True, slots=True)
class Cards:
    """Cards of one kind (such as `h200`) by the numbers of their device files; no kind where the machine has none."""

    kind: str = ""
    numbers: tuple[int, ...] = ()

    def variables(self, devices: Sequence[int], *, hidden: bool) -> dict[str, str]:
        """Return the variables that name a run's devices. Where others' files are `hidden` the driver counts those that it can open."""
        seen = range(len(devices)) if hidden else devices
        return {name: ",".join(map(str, seen)) for name in accelerators.visible(self.kind)}

    @property
    def problems(self) -> tuple[str, ...]:
        """What the operator should know: a kind was named and nothing of it is there."""
        missing = f"No device of the accelerator {self.kind} was found on this machine, so none is offered."
        return (missing,) if self.kind and not self.numbers else ()

    def groups(self) -> list[int]:
        """Return the groups that a run must be in to open its devices."""
        files = [Path(file) for path in accelerators.devices(self.kind) for file in numbered(path, self.numbers[:1])]
        found = [file.stat() for file in files if file.is_char_device()]
        return accelerators.groups_needed([(each.st_mode, each.st_gid) for each in found])


def find(wanted: str, *, nvidia: Path = NVIDIA, dev: Path = Path("/dev")) -> Cards:
    """Return the machine's cards: of the kind that is wanted, by their device files; `auto` asks NVIDIA's driver; `none` finds none."""
    if wanted == NONE:
        return Cards()
    if wanted != AUTO:
        return Cards(wanted, tuple(_numbers(wanted, dev)))
    told = [read(path.read_text(errors="replace")) for path in sorted(nvidia.glob("*/information"))]
    return most(card for card in told if card is not None)


def most(told: Iterable[tuple[str, int]]) -> Cards:
    """Return the kind that most cards are of, and their numbers: one machine offers one kind."""
    listed = list(told)
    kinds = Counter(kind for kind, _number in listed)
    if not kinds:
        return Cards()
    chosen = max(sorted(kinds), key=lambda kind: kinds[kind])
    return Cards(chosen, tuple(sorted(number for kind, number in listed if kind == chosen)))


def read(text: str) -> tuple[str, int] | None:
    """Return a card's kind and number from what NVIDIA's driver says of it, None where it does not say."""
    told: Mapping[str, str] = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}
    number, kind = told.get("Device Minor", ""), kind_of(told.get("Model", ""))
    return (kind, int(number)) if kind and number.isdigit() else None


def kind_of(model: str) -> str:
    """Return the name of a kind from its maker's: `NVIDIA A100-SXM4-80GB` is an `a100`, `NVIDIA GeForce RTX 4090` an `rtx4090`."""
    name = model.lower()
    while (shorter := _MAKERS.sub("", name)) != name:
        name = shorter
    # Of what follows the first dash (form, memory) the figures of the kind do not speak.
    return _NO_NAME.sub("", name.partition("-")[0].partition(" pcie")[0].partition(" nvl")[0].partition(" sxm")[0])


def _numbers(kind: str, dev: Path) -> Iterable[int]:
    """List the numbers of the device files of a kind that are there."""
    path = next((path for path in accelerators.devices(kind) if NUMBER in path), None)
    if path is None:
        return []
    before, _, after = Path(path).name.partition(NUMBER)
    pattern = re.compile(f"{re.escape(before)}(\\d{{1,4}}){re.escape(after)}")
    return sorted(int(match[1]) for file in dev.iterdir() if (match := pattern.fullmatch(file.name)) and file.is_char_device())
