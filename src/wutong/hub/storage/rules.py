"""What storage is: quota, use, and byte-seconds cut into hours. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from wutong.kit.errors import Problem

GIB = 1024**3
DEFAULT_QUOTA_BYTES = 100 * GIB
WINDOW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Storage:
    """What a tenant uses of what it may use. Reserved bytes belong to uploads under way."""

    tenant_id: str
    used_bytes: int
    reserved_bytes: int
    quota_bytes: int

    @property
    def room_bytes(self) -> int:
        """How much more may be stored."""
        return max(0, self.quota_bytes - self.used_bytes - self.reserved_bytes)


@dataclass(frozen=True, slots=True)
class StorageUsage:
    """A tenant held `byte_seconds` in the hour from `window_start`; an absolute and final fact."""

    seq: int
    tenant_id: str
    window_start: datetime
    byte_seconds: int


class QuotaExceeded(Problem):
    """The tenant's storage quota does not allow this."""

    code = "quota_exceeded"
    status = 413
    message = (
        "This needs {needed} of storage; your organisation uses {used} (and {reserved} are reserved by uploads) of {quota}. "
        "Delete versions you no longer need, or ask the centre for a larger quota."
    )

    def __init__(self, needed_bytes: int, storage: Storage) -> None:
        super().__init__(
            needed=human(needed_bytes),
            used=human(storage.used_bytes),
            reserved=human(storage.reserved_bytes),
            quota=human(storage.quota_bytes),
            needed_bytes=needed_bytes,
            used_bytes=storage.used_bytes,
            reserved_bytes=storage.reserved_bytes,
            quota_bytes=storage.quota_bytes,
        )


def windows(since: datetime, until: datetime) -> Iterator[tuple[datetime, int]]:
    """Cut a span of whole seconds into hours: (start of the hour, seconds of the span in it)."""
    while since < until:
        start = since.replace(minute=0, second=0, microsecond=0)
        end = min(start + WINDOW, until)
        yield start, int((end - since).total_seconds())
        since = end


def human(size_bytes: int) -> str:
    """Write a size as `1.5 GiB`."""
    value, unit = float(size_bytes), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if value < 1024 or unit == "PiB":
            break
        value /= 1024
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
