"""What a run may take of memory and disk, looked at from outside now and then: often near the limit, seldom where looking is dear."""

from collections.abc import Callable

from wutong.centre.engines.local import folders, processes
from wutong.centre.engines.local.folders import RunFolder
from wutong.centre.engines.local.moments import monotonic_ms
from wutong.centre.engines.protocol import EndReason, RunSpec

_MIB = 1024 * 1024


class Limits:
    """Watches one start. Says when it wants to look next, and what was exceeded."""

    def __init__(self, spec: RunSpec, folder: RunFolder, since_mono: int) -> None:
        self._spec = spec
        self._folder = folder
        self._memory_at = since_mono + 200
        self._disk_at = since_mono + 2000
        self.peak = 0

    @property
    def due(self) -> int:
        """The moment of the next look, on the monotonic clock."""
        return min(self._memory_at, self._disk_at)

    def check(self, now: int, own: Callable[[], list[int]]) -> tuple[EndReason, str] | None:
        """Look at what is due; return why the run must end, or nothing."""
        problem = self._check_memory(now, own()) if now >= self._memory_at else None
        return problem or (self._check_disk(now) if now >= self._disk_at else None)

    def _check_memory(self, now: int, own: list[int]) -> tuple[EndReason, str] | None:
        limit = self._spec.memory_mb * _MIB
        used = processes.memory_bytes(own, exact=False)
        if used > limit:
            used = processes.memory_bytes(own, exact=True)
        self.peak = max(self.peak, used)
        self._memory_at = now + (200 if used > limit // 2 else 1000)
        if used <= limit:
            return None
        asked = f"It used {used // _MIB} MiB of memory, more than the {self._spec.memory_mb} MiB it asked for. Ask for more, or use less."
        return EndReason.OUT_OF_MEMORY, asked

    def _check_disk(self, now: int) -> tuple[EndReason, str] | None:
        own = (self._folder.work, self._folder.outputs, self._folder.checkpoint, self._folder.scratch)
        used = sum(folders.size_of(path) for path in own)
        self._disk_at = now + max(10_000, 20 * (monotonic_ms() - now))
        if used <= self._spec.disk_limit_mb * _MIB:
            return None
        return EndReason.DISK_FULL, f"Its files took {used // _MIB} MiB of disk, more than the {self._spec.disk_limit_mb} MiB it may use."
