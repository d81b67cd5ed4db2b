"""How much an archive may hold, and what is wrong with a bad one. Pure."""

from dataclasses import dataclass

from wutong.kit.errors import Problem


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """Bounds on what one archive may unpack to. The ratio counts for entries larger than `ratio_from_bytes`."""

    total_bytes: int = 100 * 1024**3
    entries: int = 100_000
    ratio: int = 200
    ratio_from_bytes: int = 64 * 1024**2


class BadArchive(Problem):
    """An archive that is broken, hostile or of a kind we do not read."""

    code = "bad_archive"
    status = 422
    message = "{entry}: {reason}"


def open_to_bomb(limits: ArchiveLimits, unpacked: int, packed: int) -> bool:
    """Tell whether an entry grows more than honest data does."""
    return unpacked > limits.ratio_from_bytes and unpacked > limits.ratio * max(packed, 1)
