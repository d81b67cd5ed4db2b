"""How much processor time groups of programs use, with all that they start and that has ended since: on a busy machine clocks lie and this does not.

Counted by the kernel for control groups (version 2, which needs no controller for it); needs root.
"""

import contextlib
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from wutong.centre.engines.local.processes import tree


class Meters:
    """Groups of processes, each counted apart. Where the machine has no place for them nothing is counted, and `used_ms` is empty."""

    def __init__(self) -> None:
        mounts = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
        place = next((Path(mount[1]) for mount in mounts if mount[2] == "cgroup2"), None)
        self._folder: Path | None = None
        with contextlib.suppress(OSError):
            if place is not None:
                (place / f"wutong-bench-{os.getpid()}").mkdir()
                self._folder = place / f"wutong-bench-{os.getpid()}"

    def put(self, group: str, pid: int) -> None:
        """Count a process in a group from now on, with all below it."""
        if self._folder is None:
            return
        (self._folder / group).mkdir(exist_ok=True)
        for each in (pid, *tree(pid)):
            with contextlib.suppress(ProcessLookupError):
                (self._folder / group / "cgroup.procs").write_text(str(each))

    def used_ms(self) -> dict[str, float]:
        """Return what each group has used so far."""
        stats = {} if self._folder is None else {path.parent.name: path.read_text() for path in self._folder.glob("*/cpu.stat")}
        return {group: int(text.split()[1]) / 1000 for group, text in stats.items()}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        for path in [*self._folder.glob("*/"), self._folder] if self._folder is not None else []:
            with contextlib.suppress(OSError):  # what still runs in it keeps it
                path.rmdir()
