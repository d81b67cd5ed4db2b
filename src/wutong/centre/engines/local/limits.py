"""What a run may take of memory and disk, looked at from outside now and then: often near the limit, seldom where looking is dear. Light."""

from __future__ import annotations

from wutong.centre.engines.local import processes, trees
from wutong.centre.engines.local.moments import monotonic_ms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_MIB = 1024 * 1024


class Limits:
    """Watches one start. Says when it wants to look next, and what was exceeded. `folders` are those whose size counts."""

    def __init__(self, *, memory_mb: int, disk_limit_mb: int, folders: Sequence[Path | str], since_mono: int) -> None:
        self._memory_mb = memory_mb
        self._disk_limit_mb = disk_limit_mb
        self._folders = folders
        self._memory_at = since_mono + 200
        self._disk_at = since_mono + 2000
        self.peak = 0

    @property
    def due(self) -> int:
        """The moment of the next look, on the monotonic clock."""
        return min(self._memory_at, self._disk_at)

    def check(self, now: int, own: Callable[[], list[int]]) -> tuple[str, str] | None:
        """Look at what is due; return why the run must end (a value of `EndReason` and a sentence), or nothing."""
        problem = self._check_memory(now, own()) if now >= self._memory_at else None
        return problem or (self._check_disk(now) if now >= self._disk_at else None)

    def _check_memory(self, now: int, own: list[int]) -> tuple[str, str] | None:
        limit = self._memory_mb * _MIB
        used = processes.memory_bytes(own, exact=False)
        if used > limit:
            used = processes.memory_bytes(own, exact=True)
        self.peak = max(self.peak, used)
        self._memory_at = now + (200 if used > limit // 2 else 1000)
        if used <= limit:
            return None
        asked = f"It used {used // _MIB} MiB of memory, more than the {self._memory_mb} MiB it asked for. Ask for more, or use less."
        return "out_of_memory", asked

    def _check_disk(self, now: int) -> tuple[str, str] | None:
        used = sum(trees.size_of(path) for path in self._folders)
        self._disk_at = now + max(10_000, 20 * (monotonic_ms() - now))
        if used <= self._disk_limit_mb * _MIB:
            return None
        return "disk_full", f"Its files took {used // _MIB} MiB of disk, more than the {self._disk_limit_mb} MiB it may use."
