"""How the sandbox shows a run the devices that are its own, by their numbers. Pure and light: runners on nodes load it too."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

NUMBER = "\x02"
"""Stands in a path for the number of each of the run's devices on the machine."""
SHOW = "--dev-bind-try"


def expand(options: Sequence[str], devices: Sequence[int]) -> list[str]:
    """Repeat each option that shows a numbered device for every device of the run."""
    found: list[str] = []
    place = 0
    while place < len(options):
        if options[place] == SHOW and NUMBER in options[place + 1]:
            for path in numbered(options[place + 1], devices):
                found += [SHOW, path, path]
            place += 3
        else:
            found.append(options[place])
            place += 1
    return found


def numbered(path: str, devices: Sequence[int]) -> list[str]:
    """Return a path with the number of each device in its place."""
    return [path.replace(NUMBER, str(device)) for device in devices]
