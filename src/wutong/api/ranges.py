"""Byte ranges of downloads (RFC 9110, section 14): one range is honoured, several are answered with the whole, as the RFC allows."""

import re

from wutong.kit.errors import Problem

_ONE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class RangeUnsatisfiable(Problem):
    """The range begins beyond the end."""

    code = "range_unsatisfiable"
    status = 416
    message = "The file has {size_bytes} bytes; ask for a range that begins before that."


def parse_range(text: str | None, size_bytes: int) -> range | None:
    """Return the bytes asked for, cut to the file; None asks for the whole. The range may begin beyond the end: that is for the caller to refuse."""
    match = _ONE.fullmatch(text.strip()) if text else None
    if match is None or match.group(1) == match.group(2) == "":
        return None
    first, last = match.groups()
    if first == "":
        return range(max(0, size_bytes - int(last)), size_bytes) if int(last) else range(size_bytes, size_bytes)
    end = min(size_bytes, int(last) + 1) if last else size_bytes
    return None if last and int(last) < int(first) else range(int(first), max(end, int(first)))
