"""Ids that sort by birth, are safe in file names, URLs and scheduler job names, and cannot be guessed."""

import re
import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PATTERN = re.compile(r"[a-z]{2,12}_[0-9a-hjkmnp-tv-z]{20}")


def new_id(prefix: str) -> str:
    """Return `prefix_` and 20 characters of Crockford base 32: 48 bits of milliseconds, 52 bits of chance."""
    value = (time.time_ns() // 1_000_000) << 52 | secrets.randbits(52)
    digits = [_ALPHABET[value >> shift & 31] for shift in range(95, -1, -5)]
    return f"{prefix}_{''.join(digits)}"


def is_id(text: str, prefix: str) -> bool:
    """Tell whether the text has the form of an id of this kind."""
    return text.startswith(f"{prefix}_") and _PATTERN.fullmatch(text) is not None
